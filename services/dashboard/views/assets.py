"""What the browser loads beside the page: read once, named by its content, kept for ever."""

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import shared.contracts

FOLDER: Final = Path(__file__).parent.parent / "static"
REFERENCE_FOLDER: Final = Path(shared.contracts.__file__).parent / "reference"
STYLES: Final = ("base", "frame", "parts", "lists", "panels", "pages", "told", "tier", "renewals")
# htmx begins as soon as it is there, and would not wait for its extension in a file of its own.
JOINED: Final = {
    "app.css": tuple(f"{part}.css" for part in STYLES),
    "app.js": ("app.js", "dialogs.js"),
    "htmx.js": ("htmx.min.js", "hx-sse.min.js"),
}
TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".md": "text/markdown; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is sent."""

    name: str
    media_type: str
    body: bytes
    zipped: bytes
    digest: str

    @property
    def url(self) -> str:
        """Where it is; another content has another address, so it never grows old."""
        return f"/static/{self.digest}/{self.name}"


def _asset(name: str, body: bytes) -> Asset:
    digest = hashlib.sha256(body).hexdigest()[:16]
    zipped = gzip.compress(body, 9, mtime=0)
    return Asset(name, TYPES[Path(name).suffix], body, zipped, digest)


def _load() -> dict[str, Asset]:
    """Every picture, and the scripts and style sheets as few files."""
    found = {each.name: each.read_bytes() for each in sorted(FOLDER.glob("*.svg"))}
    for name, parts in JOINED.items():
        found[name] = b"\n".join((FOLDER / part).read_bytes() for part in parts)
    return {name: _asset(name, body) for name, body in found.items()}


def _load_reference() -> dict[str, Asset]:
    """What describes the events to those who build on them, as it lies beside the contracts."""
    files = sorted(each for each in REFERENCE_FOLDER.iterdir() if each.suffix in TYPES)
    return {each.name: _asset(each.name, each.read_bytes()) for each in files}


ASSETS: Final = _load()
REFERENCE: Final = _load_reference()


def static(name: str) -> str:
    """The address of a file in static/."""
    return ASSETS[name].url

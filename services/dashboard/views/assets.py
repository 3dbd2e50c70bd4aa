"""What the browser loads beside the page: read once, named by its content, kept for ever."""

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent.parent / "static"
STYLES: Final = ("base", "frame", "parts", "lists", "panels", "pages", "told", "tier", "renewals")
TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
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
    """Every script and picture, and the style sheets as one."""
    files = sorted(each for each in FOLDER.iterdir() if each.suffix in {".js", ".svg"})
    found = {each.name: _asset(each.name, each.read_bytes()) for each in files}
    styles = b"\n".join((FOLDER / f"{part}.css").read_bytes() for part in STYLES)
    return found | {"app.css": _asset("app.css", styles)}


ASSETS: Final = _load()


def static(name: str) -> str:
    """The address of a file in static/."""
    return ASSETS[name].url

"""Builds the images of a release, and says what is in them.

``python -m deploy.release 1.2.3`` builds and labels every image from what is committed, and
writes to ``build/release/1.2.3``: a bill of materials for each (CycloneDX 1.6), the licences of
all libraries, and ``release.json`` with the images' ids and sizes. It pushes nothing.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?")
SERVICES = ("clients", "renewals", "notifications", "tiers", "dashboard", "webhooks")
BASES = {"PYTHON_IMAGE": "python:3.13-slim", "UV_IMAGE": "ghcr.io/astral-sh/uv:latest"}
# What says its licence in words of its own, which the bill leaves out.
_IN_WORDS = {"protobuf": "BSD-3-Clause"}
_PINNED = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._-]*(\[[^]]*\])?==[^\s;*]+( ; .+)?( --hash=sha256:[0-9a-f]{64})+"
)


class RefusedError(Exception):
    """No release can be made of this. The text says why."""


@dataclass(frozen=True, slots=True)
class Release:
    """What is built: every image is ``prefix/name:version``, from one commit."""

    version: str
    prefix: str
    revision: str
    created_at: (
        int  # seconds since 1970: the commit's, so that the same commit gives the same labels
    )
    root: Path

    def image(self, name: str) -> str:
        """The tag of an image."""
        return f"{self.prefix}/{name}:{self.version}"


def of_this_commit(version: str, prefix: str) -> Release:
    """A release of what is checked out. Raises RefusedError for what is no version."""
    if not VERSION.fullmatch(version):
        raise RefusedError(f"{version!r} is no version: such as 1.2.3 or 1.2.3-rc.1")
    revision = _output("git", "rev-parse", "HEAD", cwd=ROOT)
    seconds = int(_output("git", "show", "-s", "--format=%ct", revision, cwd=ROOT))
    return Release(version, prefix, revision, seconds, ROOT)


def locks(root: Path) -> list[Path]:
    """The lock that each image is made of."""
    own = (root / "services" / service / "requirements.txt" for service in SERVICES)
    others = ("shared/requirements.txt", "deploy/requirements.txt", "deploy/containers/sbom.txt")
    return [*own, *(root / each for each in others)]


def unpinned(lock: Path) -> Iterator[str]:
    """Say of each requirement that names no exact version, or no hash, which it is."""
    joined = lock.read_text(encoding="utf-8").replace("\\\n", " ")
    for line in joined.splitlines():
        requirement = re.sub(r"\s+", " ", line.partition(" #")[0]).strip()
        if requirement and not requirement.startswith("#") and not _PINNED.fullmatch(requirement):
            yield f"{lock}: {requirement.partition(' --hash')[0]}"


def require_pinned(root: Path) -> None:
    """Raise RefusedError where a lock lets anything but the known files in."""
    if found := [each for lock in locks(root) for each in unpinned(lock)]:
        raise RefusedError("These are not pinned with a hash:\n  " + "\n  ".join(found))


def require_committed(root: Path) -> None:
    """Raise RefusedError where there is something that the revision does not have."""
    if changed := _output("git", "status", "--porcelain", cwd=root):
        raise RefusedError(f"Not everything is committed:\n{changed}")


def build(release: Release) -> None:
    """Build and label all images."""
    created = _output("git", "show", "-s", "--format=%cI", release.revision, cwd=release.root)
    _run(
        *("docker", "buildx", "bake", "--file", "deploy/docker-bake.hcl"),
        cwd=release.root,
        env=os.environ
        | {
            "IMAGE_PREFIX": release.prefix,
            "VERSION": release.version,
            "REVISION": release.revision,
            "CREATED": created,
            "SOURCE_DATE_EPOCH": str(release.created_at),
        },
    )


def list_materials(release: Release, name: str, folder: Path) -> dict[str, Any]:
    """Write the image's bill of materials; return it."""
    project = f"services/{name}" if name in SERVICES else "shared"
    made = folder / "fresh"
    arguments = {
        "IMAGE": release.image(name),
        **{name: os.environ.get(name, default) for name, default in BASES.items()},
        "ROOT": f"/app/{project}/pyproject.toml",
        "SOURCE_DATE_EPOCH": str(release.created_at),
    }
    _run(
        *("docker", "build", "--file", "deploy/containers/sbom.Dockerfile"),
        *(f"--build-arg={variable}={value}" for variable, value in arguments.items()),
        *("--output", f"type=local,dest={made}", "."),
        cwd=release.root,
    )
    path = folder / f"{name}.cdx.json"
    (made / "sbom.cdx.json").replace(path)
    shutil.rmtree(made)
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def licences(materials: dict[str, dict[str, Any]]) -> str:
    """A table of every library: its version, its licence, and the images that it is in."""
    found: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for image, bill in materials.items():
        for each in bill["components"]:
            found[each["name"], each["version"], _licence(each)].add(image)
    lines = ["| library | version | licence | images |", "|---|---|---|---|"]
    for (name, version, licence), images in sorted(found.items()):
        where = "all" if images == set(materials) else ", ".join(sorted(images))
        lines.append(f"| {name} | {version} | {licence} | {where} |")
    return "\n".join(lines) + "\n"


def _licence(component: dict[str, Any]) -> str:
    """As the library declares it; an expression or an SPDX id goes before words."""
    told = component.get("licenses", [])
    ids = {each.get("expression") or each.get("license", {}).get("id") for each in told} - {None}
    names = {each.get("license", {}).get("name") for each in told} - {None}
    return " / ".join(sorted(ids or names)).replace("|", "/") or _IN_WORDS.get(
        component["name"], "not stated"
    )


def make(release: Release, folder: Path) -> None:
    """Build everything and write what it is. Raises RefusedError."""
    require_pinned(release.root)
    require_committed(release.root)
    folder.mkdir(parents=True, exist_ok=True)
    build(release)
    names = (*SERVICES, "tools")
    materials = {name: list_materials(release, name, folder) for name in names}
    (folder / "licences.md").write_text(licences(materials))
    about = {name: _about(release.image(name)) for name in names}
    told = {"version": release.version, "revision": release.revision, "images": about}
    (folder / "release.json").write_text(json.dumps(told, indent=1) + "\n")


def _about(image: str) -> dict[str, Any]:
    [found] = json.loads(_output("docker", "image", "inspect", image, cwd=ROOT))
    return {"image": image, "id": found["Id"], "bytes": found["Size"]}


def _run(*command: str, **other: Any) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True, **other)
    if done.returncode:
        raise RefusedError(f"{' '.join(command)}:\n{done.stdout}{done.stderr}")


def _output(*command: str, cwd: Path) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=cwd)
    if done.returncode:
        raise RefusedError(f"{' '.join(command)}:\n{done.stderr}")
    return done.stdout.strip()


def main() -> int:
    """Return 0 once it is all there, 1 with the reason where it is not."""
    parser = argparse.ArgumentParser(prog="python -m deploy.release", description=__doc__)
    parser.add_argument("version", help="such as 1.2.3")
    parser.add_argument("--prefix", default="partner-tools", help="before the images' names")
    parser.add_argument("--folder", type=Path, help="where to write what is in them")
    arguments = parser.parse_args()
    try:
        release = of_this_commit(arguments.version, arguments.prefix)
        folder = arguments.folder or ROOT / "build" / "release" / release.version
        make(release, folder.absolute())
    except RefusedError as error:
        print(error, file=sys.stderr)
        return 1
    for variable, default in BASES.items():
        if "@sha256:" not in os.environ.get(variable, default):
            print(f"{variable} names no digest, so the base may be another one tomorrow.")
    print(f"{folder}: bills of materials, licences and release.json of {release.version}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

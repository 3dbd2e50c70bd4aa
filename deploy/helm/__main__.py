"""`python -m deploy.helm` writes what of the chart is made from code; `--check` compares."""

import argparse
import json
import sys
from pathlib import Path

from deploy.helm import facts, schema, sizing
from deploy.local.settings import SERVICES

ROOT = Path(__file__).parents[2]
CHART = Path(__file__).parent / "partner-tools"
OBSERVABILITY = ROOT / "deploy" / "observability"
PACKED = Path("files") / "observability"
SIZING = ROOT / "docs" / "operations" / "sizing.md"


def made() -> dict[Path, str]:
    """Each file that is made, and what it should hold."""
    files = {
        CHART / "files" / "services.json": _json(facts.facts()),
        CHART / "values.schema.json": _json(_schema()),
        SIZING: sizing.with_tables(SIZING.read_text("utf-8")),
    }
    for path in packed():
        files[CHART / PACKED / path.relative_to(OBSERVABILITY)] = path.read_text("utf-8")
    return files


def packed() -> list[Path]:
    """The alerts and dashboards that the chart carries: Helm reads no file outside of it."""
    return [*OBSERVABILITY.glob("alerts.yml"), *sorted(OBSERVABILITY.glob("grafana/*.json"))]


def stale() -> list[Path]:
    """Files that are packed and no longer there to be packed."""
    kept = {CHART / PACKED / path.relative_to(OBSERVABILITY) for path in packed()}
    there = [path for path in (CHART / PACKED).rglob("*") if path.is_file()]
    return [path for path in there if path not in kept]


def _schema() -> dict[str, object]:
    """The schema as it stands, with its made definitions made anew."""
    held: dict[str, object] = json.loads((CHART / "values.schema.json").read_text("utf-8"))
    definitions = held["$defs"]
    assert isinstance(definitions, dict)  # noqa: S101 - we wrote it
    by_hand = {key: value for key, value in definitions.items() if not _is_made(key)}
    return held | {"$defs": by_hand | schema.definitions()}


def _is_made(name: str) -> bool:
    return name in schema.definitions() or name.startswith(SERVICES)


def _json(content: object) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def main() -> int:
    """Return 0, or with ``--check`` 1 where a file differs."""
    parser = argparse.ArgumentParser(prog="python -m deploy.helm", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if they differ")
    check = parser.parse_args().check
    differing = [
        path
        for path, text in made().items()
        if not path.exists() or path.read_text("utf-8") != text
    ]
    for path in (*differing, *stale()):
        print(path.relative_to(ROOT))
    if not check:
        for path in stale():
            path.unlink()
        for path in differing:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(made()[path], "utf-8")
        return 0
    return 1 if differing or stale() else 0


if __name__ == "__main__":
    sys.exit(main())

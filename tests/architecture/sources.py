"""What there is to look at: the services that exist, and every file of the project."""

import ast
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
SERVICES = sorted(
    folder.name for folder in (ROOT / "services").iterdir() if (folder / "pyproject.toml").exists()
)
SERVING = [name for name in SERVICES if (ROOT / "services" / name / "main.py").exists()]
OURS = ("deploy", "docs", "kit", "services", "shared", "tests")
MADE = {"__pycache__", "build", "node_modules"}


@cache
def files() -> tuple[Path, ...]:
    """Every file that people wrote."""
    found = [path for path in ROOT.iterdir() if path.is_file()]
    for top in OURS:
        for folder, below, names in os.walk(ROOT / top):
            below[:] = [name for name in below if name not in MADE and not name.startswith(".")]
            found += [Path(folder, name) for name in names]
    return tuple(sorted(found))


def python(*folders: str) -> list[Path]:
    """The Python files below these folders."""
    tops = [ROOT / folder for folder in folders]
    return [
        path
        for path in files()
        if path.suffix == ".py" and any(top in path.parents for top in tops)
    ]


def of_services() -> list[Path]:
    """The Python files of all services."""
    return [path for path in python("services") if path.parent.name != "services"]


def room(path: Path) -> str:
    """Which room of its service a file belongs to: ``store`` for store.py and store/rows.py."""
    return path.relative_to(ROOT / "services").parts[1].removesuffix(".py")


def calls(source: str) -> Iterator[tuple[int, str, str]]:
    """The methods that a source calls: the line, what the method is asked of, and its name."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node.lineno, ast.unparse(node.func.value), node.func.attr


def named(path: Path) -> str:
    """How a test's report calls a file."""
    return str(path.relative_to(ROOT))

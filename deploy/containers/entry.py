"""Runs the command line of the one service that an image holds: `entry.py serve`."""

import os
import runpy
import signal
import sys
from types import FrameType


def _end(number: int, frame: FrameType | None) -> None:
    del frame
    sys.exit(128 + number)


if __name__ == "__main__":
    # The kernel spares the first process of a container from signals that it has not asked for.
    # `serve` asks for them once it is ready to end well; until then, and elsewhere, we end at once.
    signal.signal(signal.SIGTERM, _end)
    runpy.run_module(f"services.{os.environ['SERVICE']}", run_name="__main__", alter_sys=True)

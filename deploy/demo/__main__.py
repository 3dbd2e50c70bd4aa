"""Starts everything, imports a sample portfolio, and tells what became of it."""

import argparse
import asyncio
import sys

from rich.console import Console

from deploy.demo.report import show
from deploy.demo.story import Failed, Story
from deploy.local import control, jars, processes
from deploy.local.settings import LocalSettings

WIDTH = 112  # narrower, the tables would break their words

_EXPECTED_ERRORS = (
    Failed,
    control.FailedError,
    jars.JavaMissingError,
    jars.WrongJarsError,
    processes.NotStartedError,
)


def main() -> int:
    """Return 0 once everything happened as it should, 1 with the reason if it did not."""
    parser = argparse.ArgumentParser(prog="python -m deploy.demo", description=__doc__)
    parser.parse_args()
    console, settings = Console(), LocalSettings()
    console = Console(width=max(console.width, WIDTH))
    try:
        control.up(settings)
        asyncio.run(_tell(console, settings))
    except _EXPECTED_ERRORS as error:
        console.print(f"[red]{error}[/]", highlight=False)
        return 1
    except KeyboardInterrupt:
        console.print("Stopped. What was started still runs; make down ends it.")
        return 130
    return 0


async def _tell(console: Console, settings: LocalSettings) -> None:
    story = Story(settings, console)
    if story.was_told:
        console.print("The sample is there from before; here is how it stands.")
    else:
        await story.tell()
    await show(console, settings, story)


if __name__ == "__main__":
    sys.exit(main())

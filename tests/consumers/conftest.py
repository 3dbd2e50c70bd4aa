"""All six consumers, built side by side, live through one story together."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.conftest import emptied
from tests.consumers.building import BUILDS, Program, build
from tests.consumers.running import CRASHED, Life, Stage
from tests.consumers.telling import Raw, story, tell
from tests.kit.conftest import wheel

__all__ = ["wheel"]

Step: TypeAlias = Callable[[Program, Life], Awaitable[None]]


@pytest.fixture(scope="session")
def told() -> list[Raw]:
    """The story, record by record."""
    return story()


@pytest.fixture(scope="session")
async def lives(
    kafka: str, wheel: Path, told: list[Raw], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Life]:
    """What became of each, by its name.

    They hear the first part and are killed in it. The story goes on while nobody listens. Their
    groups are set back a little, as a crash between the work and the commit would leave them;
    they go on to the end. At last they are set back to the beginning, and hear all of it again.
    """
    folder = tmp_path_factory.mktemp("examples")
    built = await asyncio.gather(*[build(name, folder, wheel) for name in BUILDS])
    lives = {name: Life(name) for name in BUILDS}
    living: list[tuple[Program, Life]] = []
    for life, made in zip(lives.values(), built, strict=True):
        if isinstance(made, Program):
            living.append((made, life))
        else:
            life.failed = str(made)
    part = len(told) * 6 // 10
    await emptied(kafka)
    async with Stage(kafka, tmp_path_factory.mktemp("lives")) as stage:

        async def then(program: Program, life: Life) -> None:
            await stage.set_back(life, lambda offset: offset - CRASHED)
            await stage.life_until_the_end(program, life)

        async def again(program: Program, life: Life) -> None:
            await stage.set_back(life, lambda _: 0)
            await stage.life_until_the_end(program, life)

        await tell(kafka, told[:part])
        await all_of(living, stage.life_until_killed)
        await tell(kafka, told[part:])
        await all_of(living, then)
        await all_of(living, again)
    return lives


async def all_of(living: list[tuple[Program, Life]], step: Step) -> None:
    """Have all that did not fail take a step, side by side."""
    await asyncio.gather(*[step(program, life) for program, life in living if not life.failed])

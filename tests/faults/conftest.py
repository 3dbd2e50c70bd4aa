"""One bed for all tests that break things; made anew after one that failed."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.faults.bed import SERVICES, Bed, bed


class _Beds:
    """The bed in use."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._stack = folder, AsyncExitStack()
        self._made: Bed | None = None

    async def sound(self) -> Bed:
        if self._made is not None and not self._made.sound:
            await self.close()
        if self._made is None:
            folder = Path(tempfile.mkdtemp(dir=self._folder, prefix="bed-"))
            folder.chmod(0o755)
            self._made = await self._stack.enter_async_context(bed(folder / "all"))
        await self._made.revive()
        return self._made

    async def close(self) -> None:
        self._made = None
        await self._stack.aclose()


@pytest.fixture(scope="package")  # it is not idle: it would take its part from all other tests
async def _beds(scratch: Path) -> AsyncIterator[_Beds]:
    beds = _Beds(scratch)
    yield beds
    await beds.close()


@pytest.fixture
async def system(_beds: _Beds) -> Bed:
    """Everything running and quiet. A test that ends well says so, by `sound`."""
    made = await _beds.sound()
    assert set(made.pids()) == set(SERVICES)
    made.sound = False
    return made

"""One bed for the procedures that need the whole system; made anew after one that failed."""

from tests.faults.conftest import _beds, system

__all__ = ["_beds", "system"]

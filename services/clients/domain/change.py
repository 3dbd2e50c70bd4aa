"""What a decision leads to: changes, each with its version, its fact and its place in history."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel

from shared.contracts.event import Event

E = TypeVar("E", bound=Event)


@dataclass(frozen=True, slots=True)
class Change(Generic[E]):
    """One thing that became another.

    ``fact`` is None where only the state tells it, as with names and addresses, which never
    stand in facts. ``before`` and ``after`` are plain JSON values.
    """

    version: int
    what: str
    before: Any = None
    after: Any = None
    fact: E | None = None


class Recorder(Generic[E]):
    """Notes changes, each one version after the one before. ``subject``: the ids in each fact."""

    def __init__(self, version: int, at: datetime, **subject: UUID) -> None:
        self._first, self._at, self._subject = version, at, subject
        self.changes: list[Change[E]] = []

    @property
    def version(self) -> int:
        """The version after the changes so far."""
        return self._first + len(self.changes)

    def note(
        self,
        what: str,
        before: object,
        after: object,
        fact: Callable[..., E] | None = None,
        **said: Any,
    ) -> None:
        """Note a change, with the fact that tells it where there is one."""
        version = self.version + 1
        told = fact and fact(version=version, occurred_at=self._at, **self._subject, **said)
        self.changes.append(Change(version, what, plain(before), plain(after), told or None))


def plain(value: object) -> Any:
    """The JSON form of a part of the state."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(each) for each in value]
    return value


def facts(changes: Sequence[Change[E]]) -> list[E]:
    """The facts to announce, in their order."""
    return [change.fact for change in changes if change.fact is not None]

"""When a delivery is tried again, and when no more."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

FACTOR: Final = 3.0
ENOUGH: Final = 40  # failures from which on no wait grows any more
JITTER: Final = 0.3  # of a wait, at most, is left out
LONGEST_ASKED: Final = timedelta(days=1)  # that a receiver may ask to be left alone


class Outcome(StrEnum):
    """What came of an attempt."""

    DELIVERED = "delivered"
    GONE = "gone"  # 410
    REDIRECTED = "redirected"  # 3xx, never followed
    ANSWERED = "answered"  # any other status
    TIMED_OUT = "timed_out"
    UNREACHABLE = "unreachable"  # no such name, no connection, no trust
    FORBIDDEN = "forbidden"  # where no endpoint may be, by its address or by what it resolves to
    BROKEN = "broken"  # no HTTP, or cut off
    UNSEALED = "unsealed"  # the secret cannot be read with this process' key


@dataclass(frozen=True, slots=True)
class Policy:
    """How long is waited at first and at most, and after how much failure attempts end."""

    first: timedelta
    longest: timedelta
    give_up: timedelta


@dataclass(frozen=True, slots=True)
class Standing:
    """How it goes with a queue: failures since the last success, and since when."""

    tries: int = 0
    failing_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an attempt means for its delivery, its queue and its endpoint."""

    state: str
    standing: Standing
    available_at: datetime
    gone: bool = False


def judge(
    outcome: Outcome,
    before: Standing,
    now: datetime,
    policy: Policy,
    *,
    once: bool = False,
    asked: timedelta | None = None,
    share: float = 0.0,
) -> Verdict:
    """Decide what follows; ``share`` from 0 to 1 is how much of the jitter is taken.

    A queue that has failed for so long that attempts end tries each of its deliveries once: what
    waits behind a dead receiver does not wait days for each.
    """
    if outcome is Outcome.DELIVERED:
        return Verdict("delivered", Standing(), now)
    if outcome is Outcome.GONE:
        return Verdict("dead" if once else "waiting", Standing(), now, gone=True)
    failing_since = before.failing_since or now
    after = Standing(before.tries + 1, failing_since)
    left = failing_since + policy.give_up - now
    if once or left <= timedelta():
        return Verdict("dead", after, now)
    waited = min(wait(before.tries, policy, share, asked), left)
    return Verdict("waiting", after, now + waited)


def wait(
    tries: int, policy: Policy, share: float = 0.0, asked: timedelta | None = None
) -> timedelta:
    """How long after the failure that follows so many others."""
    grown = policy.first * min(FACTOR ** min(tries, ENOUGH), policy.longest / policy.first)
    grown *= 1 - JITTER * share
    return max(grown, min(asked, LONGEST_ASKED)) if asked else grown

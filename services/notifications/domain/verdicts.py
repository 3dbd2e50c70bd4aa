"""What an answer of the mail relay, or its absence, makes of a message."""

from dataclasses import dataclass
from datetime import timedelta

from services.notifications.domain.messages import State, not_sent_for, put_off_for


@dataclass(frozen=True, slots=True)
class Verdict:
    """The message's state, and after which time it has another turn, if any."""

    state: State
    reason: str | None = None
    wait: timedelta | None = None
    put_off: bool = False


def judge(
    result: str, *, about_us: bool, attempts: int, deferrals: int, most: int, again: bool
) -> Verdict:
    """Judge the n-th attempt (``attempts``) at a message that was put off ``deferrals`` times.

    A relay that is away, or refuses our mail as such, uses up no tries; ``most`` deferrals of the
    message itself do. ``again`` sends what is in doubt once more.
    """
    soon = not_sent_for(attempts)
    match result:
        case "accepted":
            return Verdict(State.ACCEPTED)
        case "rejected":
            verdict = Verdict(State.REJECTED, "refused")
        case "unknown" if again:
            verdict = Verdict(State.PLANNED, "in_doubt", soon)
        case "unknown":
            verdict = Verdict(State.UNKNOWN, "in_doubt")
        case "deferred" if about_us:
            verdict = Verdict(State.DEFERRED, "put_off", soon)
        case "deferred" if deferrals + 1 >= most:
            verdict = Verdict(State.REJECTED, "put_off_too_often", put_off=True)
        case "deferred":
            wait = put_off_for(deferrals + 1)
            verdict = Verdict(State.DEFERRED, "put_off", wait, put_off=True)
        case _:
            verdict = Verdict(State.PLANNED, wait=soon)
    return verdict

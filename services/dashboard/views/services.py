"""What ending services means, in sentences."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.dashboard.views.messages import Timeline
from services.dashboard.views.renewals import Line, OwnerLine


@dataclass(frozen=True, slots=True)
class Leaving:
    """A renewal that leaves, with the next message about it; empty where none is to come."""

    line: Line
    next_stage: str
    next_when: str


def leaving(line: Line, stages: Timeline | None) -> Leaving:
    """A renewal to act on, as the dialog names it."""
    coming = [spot for spot in (stages.spots if stages else ()) if spot.state == "coming"]
    first = coming[0] if coming else None
    return Leaving(line, first.name if first else "", first.when if first else "")


def silence(owner: OwnerLine, renewals: Sequence[Leaving]) -> str:
    """Which messages nobody of the partner gets any more."""
    who = owner.person if owner.person and not owner.gone else "your people"
    coming = [each for each in renewals if each.next_when]
    if owner.party == "Partner":
        what = f"Notices and reminders no longer go to {who}"
    elif owner.person:
        what = f"{owner.person} no longer gets copies of notices and reminders"
    else:
        what = "Nobody of yours is told of this client's contract changes any more"
    if not coming:
        return f"{what}."
    return f"{what}: the next would go out on {coming[0].next_when}."

"""Every topic that there is: who writes it, how it is kept, how it is cut."""

from dataclasses import dataclass, field
from typing import Literal

DAY_MS = 24 * 60 * 60 * 1000


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic. Only its owner writes to it; the number of partitions is for good."""

    name: str
    owner: str
    kind: Literal["events", "state", "dead-letters"]
    description: str
    partitions: int = 12
    config: dict[str, str] = field(default_factory=dict)


def _events(owner: str, description: str) -> Topic:
    return Topic(
        f"{owner}.events.v1",
        owner,
        "events",
        description,
        config={"cleanup.policy": "delete", "retention.ms": "-1"},
    )


def _state(owner: str, description: str) -> Topic:
    return Topic(
        f"{owner}.state.v1",
        owner,
        "state",
        description,
        config={
            "cleanup.policy": "compact",
            "delete.retention.ms": str(7 * DAY_MS),
            "min.compaction.lag.ms": str(DAY_MS // 24),
            # Who is erased is in no older snapshot any more after this, however quiet the topic.
            "max.compaction.lag.ms": str(7 * DAY_MS),
        },
    )


def _dead_letters(owner: str) -> Topic:
    return Topic(
        f"{owner}.dead-letters.v1",
        owner,
        "dead-letters",
        f"Records that {owner} could not handle, with the reason, as they came.",
        config={"cleanup.policy": "delete", "retention.ms": str(30 * DAY_MS)},
    )


REGISTRY: tuple[Topic, ...] = (
    _events("clients", "Facts about partners, their users, clients and services."),
    _state("clients", "The whole truth about each partner and each client."),
    _events("renewals", "What renews when, who owns the communication, each stage before it."),
    _state("renewals", "Each client's contract changes and each partner's renewal settings."),
    _events("notifications", "What became of each notice and reminder."),
    _events("tiers", "Changes of performance and credited tier."),
    _state("tiers", "Where each partner stands."),
    _dead_letters("clients"),
    _dead_letters("renewals"),
    _dead_letters("notifications"),
    _dead_letters("tiers"),
    _dead_letters("dashboard"),
    _dead_letters("webhooks"),
)


def dead_letters_of(service: str) -> str:
    """The topic of what a service could not handle."""
    return f"{service}.dead-letters.v1"

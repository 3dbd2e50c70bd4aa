"""The figures that the service is watched by."""

from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from services.notifications.domain import WHY
from services.notifications.store.figures import Standing

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600)


class Figures:
    """Counters of what was done, and gauges of what is open."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.attempts = Counter(
            "message_attempts", "Hand-overs by what came of them.", ["outcome"], registry=registry
        )
        self.unsent = Counter(
            "messages_unsent", "Messages not sent, by reason.", ["reason"], registry=registry
        )
        # From the start, so that the first one is an increase.
        for outcome in ("accepted", "deferred", "rejected", "unknown", "not_sent"):
            self.attempts.labels(outcome)
        for reason in (*WHY, "failed"):
            self.unsent.labels(reason)
        self.batch_seconds = Histogram(
            "send_seconds",
            "Time to hand a batch to the relay and hear the answers.",
            registry=registry,
            buckets=_SECONDS,
        )
        self.relay_away = Gauge(
            "mail_relay_away", "1 while the mail relay takes nothing.", registry=registry
        )
        self.stale = Gauge(
            "sender_waits_for_news",
            "1 while nothing is sent since what was heard is too old.",
            registry=registry,
        )
        self._oldest = Gauge(
            "oldest_due_unsent_seconds",
            "Age of the oldest message that could be sent and is not.",
            registry=registry,
        )
        self._blocked = Gauge(
            "messages_blocked", "Messages without a valid recipient.", registry=registry
        )
        self._unknown = Gauge("messages_unknown", "Messages in doubt.", registry=registry)
        self._waiting = Gauge(
            "messages_waiting",
            "Messages whose event is ahead of the replica.",
            registry=registry,
        )
        self._waiting_oldest = Gauge(
            "messages_waiting_oldest_seconds",
            "Age of the oldest message whose event is ahead of the replica.",
            registry=registry,
        )

    def show(self, standing: Standing, now: datetime) -> None:
        """Set the gauges to what stands in the ledger now."""
        self._blocked.set(standing.blocked)
        self._unknown.set(standing.unknown)
        self._waiting.set(standing.waiting)
        self._oldest.set(_age(standing.oldest_due, now))
        self._waiting_oldest.set(_age(standing.oldest_waiting, now))


def _age(since: datetime | None, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds()) if since else 0.0

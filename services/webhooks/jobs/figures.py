"""The figures that the service is watched by."""

from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from services.webhooks import domain
from services.webhooks.store.reading import Waiting

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Figures:
    """Counters of what was tried, and gauges of what waits."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.attempts = Counter(
            "webhook_attempts", "Attempts by what came of them.", ["outcome"], registry=registry
        )
        for outcome in domain.Outcome:  # from the start, so that the first one is an increase
            self.attempts.labels(outcome.value)
        self.seconds = Histogram(
            "webhook_attempt_seconds",
            "Time that an attempt took.",
            registry=registry,
            buckets=_SECONDS,
        )
        self._oldest = Gauge(
            "webhook_oldest_undelivered_seconds",
            "Age of the oldest event that waits for an active endpoint.",
            registry=registry,
        )
        self._dead = Gauge(
            "webhooks_dead",
            "Deliveries that were given up and can be sent again.",
            registry=registry,
        )
        self._gone = Gauge(
            "webhook_endpoints_gone",
            "Endpoints that answered that they are gone.",
            registry=registry,
        )

    def show(self, waiting: Waiting, now: datetime) -> None:
        """Set the gauges to what stands in the queues now."""
        age = (now - waiting.oldest).total_seconds() if waiting.oldest else 0.0
        self._oldest.set(max(0.0, age))
        self._dead.set(waiting.dead)
        self._gone.set(waiting.off)

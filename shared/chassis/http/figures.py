"""What every process tells of itself: what it is, what it takes, and how its jobs go."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from shared.chassis.clock import Clock
from shared.chassis.database import Connection, Pool
from shared.chassis.settings import ServiceSettings

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


@dataclass(frozen=True, slots=True)
class Reading:
    """Gauges of a service that its database is asked for at each scrape, by any replica.

    ``meanings`` has their names; ``read`` gives their values at that instant of the service's
    clock. It should be an index's work.
    """

    meanings: Mapping[str, str]
    read: Callable[[Connection, datetime], Awaitable[Mapping[str, float]]]


class JobFigures:
    """How long each job takes at a time, how often it fails, and when it last did not."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.seconds = Histogram(
            "job_seconds",
            "Time that a round of a job took.",
            ["name"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.failures = Counter(
            "job_failures", "Rounds of a job that failed.", ["name"], registry=registry
        )
        self.succeeded = Gauge(
            "job_last_success_timestamp_seconds",
            "When a round of a job last ended well, or the process began.",
            ["name"],
            registry=registry,
        )

    def watching(
        self, name: str, run: Callable[[Pool, Clock], Awaitable[int]]
    ) -> Callable[[Pool, Clock], Awaitable[int]]:
        """The same job, watched."""
        seconds, failures = self.seconds.labels(name), self.failures.labels(name)
        succeeded = self.succeeded.labels(name)
        succeeded.set_to_current_time()

        async def watched(pool: Pool, clock: Clock) -> int:
            begun = perf_counter()
            try:
                done = await run(pool, clock)
            except Exception:
                failures.inc()
                raise
            finally:
                seconds.observe(perf_counter() - begun)
            succeeded.set_to_current_time()
            return done

        return watched


def tell_of_process(registry: CollectorRegistry, settings: ServiceSettings) -> JobFigures:
    """Add what is the same in every service; gives what jobs are watched by."""
    build = Gauge(
        "build_info",
        "1, with what runs here.",
        ["version", "revision"],
        registry=registry,
    )
    build.labels(settings.build_version, settings.build_revision).set(1)
    ProcessCollector(registry=registry)
    return JobFigures(registry)

"""Every metric that the running services show, as a page and as what queries may name."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

HEAD = """# Metrics

Every service answers `GET /metrics` in Prometheus' text format, without a token and without a word
about a partner. This page is written from the running services by
`make reference ARGS=metrics`, and the tests compare it with them.

Each target's `job` has to be the service's name: alerts and dashboards go by it. A gauge that is
read from a database is the same in every replica of the service (take `max`), all others are of one
process (take `sum`). A database that is away leaves its gauges out, rather than show old ones. What
counts outcomes begins at 0 for each of them, so that the first one is an increase.

| metric | type | labels | services | meaning |
|---|---|---|---|---|
"""
_ROW = re.compile(r"\| `([^`]+)` \| (\w+) \| ([^|]*) \| ([^|]*) \| (.*) \|")
_OF_LIBRARY = ("process_virtual_memory_bytes",)


@dataclass(slots=True)
class Metric:
    """A metric, under the name that queries begin with."""

    name: str
    type: str
    meaning: str
    labels: set[str] = field(default_factory=set)
    services: list[str] = field(default_factory=list)

    @property
    def exposed(self) -> tuple[str, ...]:
        """The names that queries use."""
        if self.type == "histogram":
            return tuple(f"{self.name}_{part}" for part in ("bucket", "sum", "count"))
        return (self.name,)


def scrape(services: Mapping[str, str]) -> list[Metric]:
    """Ask services, named with their addresses, for what they show now."""
    found: dict[str, Metric] = {}
    for service, url in services.items():
        with urlopen(f"{url}/metrics", timeout=10) as answer:  # noqa: S310 - ours, by http
            text = answer.read().decode()
        for family in text_string_to_metric_families(text):
            samples = [each for each in family.samples if not each.name.endswith("_created")]
            if not samples or family.name in _OF_LIBRARY:
                continue
            name = f"{family.name}_total" if family.type == "counter" else family.name
            metric = found.setdefault(name, Metric(name, family.type, family.documentation))
            metric.labels |= {label for each in samples for label in each.labels}
            metric.services.append(service)
    return [found[name] for name in sorted(found)]


def page(metrics: list[Metric], services: Mapping[str, str]) -> str:
    """The page that tells of them."""
    rows = []
    for each in metrics:
        labels = ", ".join(f"`{name}`" for name in sorted(each.labels - {"le"}))
        where = "all" if len(each.services) == len(services) else ", ".join(each.services)
        rows.append(f"| `{each.name}` | {each.type} | {labels} | {where} | {each.meaning} |\n")
    return HEAD + "".join(rows)


def read(text: str) -> Iterator[Metric]:
    """The metrics that a page tells of."""
    for name, type_, labels, _, meaning in _ROW.findall(text):
        metric = Metric(name, type_, meaning, set(re.findall(r"`(\w+)`", labels)))
        if type_ == "histogram":
            metric.labels.add("le")
        yield metric

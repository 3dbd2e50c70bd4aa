"""What a benchmark found, and how it is said."""

import platform
import subprocess
from dataclasses import dataclass, field
from importlib.metadata import version
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

LIMIT_MIB = 160


@dataclass(slots=True)
class Result:
    """Our rate, run by run, beside what the same machine could do at most.

    Or our time, beside what it takes at least: then less is better.
    """

    name: str
    title: str
    size: int
    unit: str
    ours: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    limits: dict[str, float] = field(default_factory=dict)
    rss_mib: dict[str, float] = field(default_factory=dict)
    needed: float = 0.0
    less_is_better: bool = False
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def limit(self) -> float:
        """The slower of the limits: nothing that does both can be faster."""
        return (max if self.less_is_better else min)(self.limits.values())

    @property
    def holds(self) -> bool:
        """Whether what is needed was reached."""
        reached = median(self.ours)
        return reached <= self.needed if self.less_is_better else reached >= self.needed

    def as_dict(self) -> dict[str, Any]:
        """One entry of ``build/benchmarks.json``."""
        return {
            "name": self.name,
            "title": self.title,
            "size": self.size,
            "ours": round(median(self.ours)),
            "ours_min": round(min(self.ours)),
            "ours_max": round(max(self.ours)),
            "runs": len(self.ours),
            "unit": self.unit,
            "needed": self.needed,
            "holds": self.holds,
            "peers": {},
            "limits": {name: round(value) for name, value in self.limits.items()},
            "details": self.details,
            "ratio_peer": None,
            "ratio_limit": round(median(self.ours) / self.limit, 3),
            "cpu_per_1000": round(median(self.cpu), 4),
            "rss_mib": {name: round(value, 1) for name, value in self.rss_mib.items()},
            "machine": _machine(),
            "commit": _commit(),
        }


def show(console: Console, results: list[Result]) -> None:
    """Print the results as a table."""
    table = Table(title="Benchmarks (median of the runs; min and max in brackets)")
    for heading in ("", "what", "ours", "needed", "limit", "ratio", "CPU s / 1,000", "peak MiB"):
        table.add_column(heading, justify="left" if heading in ("", "what") else "right")
    for result in results:
        told = result.as_dict()
        slowest = next(name for name, each in result.limits.items() if each == result.limit)
        table.add_row(
            result.name,
            f"{result.title}, {result.size:,}",
            f"{told['ours']:,} ({told['ours_min']:,} to {told['ours_max']:,}) {result.unit}",
            f"{result.needed:,.0f} {'✓' if told['holds'] else '✗'}",
            f"{result.limit:,.0f} ({slowest})",
            f"{told['ratio_limit']:.2f}",
            f"{told['cpu_per_1000']:.3f}",
            ", ".join(f"{name} {value:.0f}" for name, value in result.rss_mib.items()),
        )
    console.print(table)
    for result in results:
        for what, told in result.details.items():
            console.print(f"{result.name} {what}: {told}", highlight=False)


def _machine() -> str:
    with open("/proc/cpuinfo") as cpuinfo:  # noqa: PTH123 - a device of the kernel's
        models = [line.partition(":")[2].strip() for line in cpuinfo if "model name" in line]
    software = f"Python {platform.python_version()}, aiokafka {version('aiokafka')}"
    return f"{len(models)} × {models[0] if models else platform.machine()}, {software}"


def _commit() -> str:
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or "unknown"

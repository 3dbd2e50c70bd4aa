"""How many processes of what size a load needs, from what was measured."""

import re
from dataclasses import dataclass
from math import ceil

# Measured on 2 shared cores with everything (Kafka, PostgreSQL, clients of it) on one machine.
SWEEP_DUE = 7_500
RELAY_EVENTS = 25_000
SENDER_MAILS = 850
DASHBOARD_PAGES = 540  # the least of 540 to 850: what a page costs depends on which
IMPORT_CLIENTS = 4_900
PROCESS_MIB = 125  # the most of 105 to 125: resident memory of a process under load

HEADROOM = 2.0  # a process is asked for half of what it did
LEAST_PROCESSES = 2  # one may go, for an upgrade or with its node
LEAST_MILLICORES = 100
CORE = 1_000  # a process has one event loop, so at its measured rate it used a core at most
MEMORY_REQUEST = 1.25  # of PROCESS_MIB
MEMORY_LIMIT = 2.0

# What a portfolio is taken to do.
NOTICES_A_YEAR = 7  # messages of one client's renewal
WORST_DAY = 5  # times the average day's notices, all due at one hour
WITHIN_SECONDS = 300  # after that hour
CHANGES_A_DAY = 4  # events of one client, of all services
BUSY = 10  # times the average second's changes
CLIENTS_A_PERSON = 100
PEOPLE_AT_ONCE = 0.2
SECONDS_A_PAGE = 10

PROJECTION = 10  # connections by which the dashboard's consumers keep up its read model
CONNECTIONS = 300  # that the PostgreSQL of a service in ci/large-values.yaml takes

SMALL, LARGE = 10_000, 5_000_000  # clients of ci/small-values.yaml and ci/large-values.yaml


@dataclass(frozen=True, slots=True)
class Need:
    """What a role is asked for, and what that takes. ``cpu`` is a process' request in mCPU."""

    role: str
    unit: str
    wanted: float
    measured: int
    processes: int
    cpu: int


def needs(clients: int) -> dict[str, Need]:
    """What the roles need whose rates were measured, by `service.role`."""
    notices = clients * NOTICES_A_YEAR / 365 * WORST_DAY / WITHIN_SECONDS
    changes = clients * CHANGES_A_DAY * BUSY / 86_400
    pages = clients / CLIENTS_A_PERSON * PEOPLE_AT_ONCE / SECONDS_A_PAGE
    found = (
        _need("renewals.sweep", "due", notices, SWEEP_DUE),
        _need("renewals.relay", "events", notices + changes, RELAY_EVENTS),
        _need("notifications.sender", "mails", notices, SENDER_MAILS),
        _need("dashboard.http", "pages", pages, DASHBOARD_PAGES),
    )
    return {each.role: each for each in found}


def _need(role: str, unit: str, wanted: float, measured: int) -> Need:
    cores = wanted * HEADROOM / measured
    processes = max(LEAST_PROCESSES, ceil(cores))
    return Need(role, unit, wanted, measured, processes, _cpu(cores, processes))


def _cpu(cores: float, processes: int) -> int:
    return max(LEAST_MILLICORES, _up(cores * CORE / processes, 50))


def _up(amount: float, step: int) -> int:
    return ceil(amount / step) * step


def memory() -> tuple[int, int]:
    """The request and the limit of a process' memory, in MiB."""
    return _up(PROCESS_MIB * MEMORY_REQUEST, 32), _up(PROCESS_MIB * MEMORY_LIMIT, 32)


def resources(cpu: int) -> dict[str, dict[str, str]]:
    """The resources of a container, as the chart's values say them."""
    request, limit = memory()
    return {
        "requests": {"cpu": f"{cpu}m", "memory": f"{request}Mi"},
        "limits": {"cpu": f"{CORE // 1000}", "memory": f"{limit}Mi"},
    }


def connections(role: str, processes: int, pool: int) -> int:
    """The most connections that so many processes hold: each its pool, and one for a relay."""
    keeping_up = role in ("dashboard.main", "dashboard.consumers")
    return processes * (pool + 1 + (PROJECTION if keeping_up else 0))


def import_minutes(clients: int) -> int:
    """Minutes that the first import of so many clients takes, with the headroom."""
    return ceil(clients / IMPORT_CLIENTS * HEADROOM / 60)


def tables() -> str:
    """The table of the documentation."""
    sizes = (SMALL, 100_000, 1_000_000, LARGE)
    head = ["role", "measured of a process", *(f"{size:,} clients" for size in sizes)]
    lines = [head, ["---"] * len(head)]
    for role, first in needs(SMALL).items():
        cells = [_cell(needs(size)[role]) for size in sizes]
        lines.append([f"`{role}`", f"{first.measured:,} {first.unit}/s", *cells])
    request, limit = memory()
    lines.append(["each process", f"{PROCESS_MIB} MiB", *[f"{request}Mi, at most {limit}Mi"] * 4])
    minutes = [f"{import_minutes(size)} min" for size in sizes]
    lines.append(["first import", f"{IMPORT_CLIENTS:,} clients/s", *minutes])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(need: Need) -> str:
    return f"{need.wanted:,.0f}/s: {need.processes} × {need.cpu}m"


def with_tables(document: str) -> str:
    """The document with its table made anew."""
    return re.sub(
        r"(?<=<!-- made by python -m deploy.helm -->\n).*?(?=\n<!-- until here -->)",
        lambda _: tables(),
        document,
        flags=re.DOTALL,
    )

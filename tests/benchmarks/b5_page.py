"""B5: how long people wait for the page, with 100,000 clients in the read model."""

import asyncio
import json
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import islice
from random import Random
from statistics import quantiles
from time import perf_counter
from typing import Any, Final, TypeVar

from deploy.sample.words import FIRST_WORDS, SECOND_WORDS
from services.dashboard.store import model, reading
from shared.chassis.clock import SystemClock
from shared.chassis.database import Connection, Pool, open_pool
from tests.benchmarks import crowd
from tests.benchmarks.ground import ROOT, Ground, Process
from tests.benchmarks.result import Result
from tests.dashboard.signing_in import SESSION_KEY, sign_in

T = TypeVar("T")

READERS: Final = 20
PROCESSES: Final = 2  # of the page, as one would run on two cores
GLANCE_SECONDS: Final = 0.5
BATCH: Final = 1000
SECONDS: Final = 8.0
SERVING: Final = "model_a, public"
ROLES: Final = {"http": True, "consumers": False, "relay": False}
# The name, the address, and whether htmx asks for a part: while somebody types, sorts or turns.
VIEWS: Final = (
    ("client list", "/dashboard", False),
    ("search", "/dashboard?q={word}", True),
    ("renewals", "/renewals", False),
    ("client list by revenue", "/dashboard?sort=-mrr", True),
    ("search in renewals", "/renewals?q={word}", True),
    ("renewals to act on", "/renewals/to-act-on", False),
)

# What is looked for: hardly ever what somebody of the same partner looked for just before.
WORDS: Final = sorted(
    {word.lower()[:length] for word in (*FIRST_WORDS, *SECOND_WORDS) for length in (3, 4, 5)}
)


async def load(pool: Pool, size: int) -> None:
    """Put the crowd into the read model: one partner's clients by what the handlers do.

    The others get the same under ids of their own, in the order that their events would have.
    """
    rng, today = Random(4), SystemClock().today("UTC")  # noqa: S311 - invented people
    made = (crowd.client(number, today, rng) for number in range(size // crowd.PARTNERS))
    async with pool.acquire() as tx, tx.transaction():
        while batch := list(islice(made, BATCH)):
            told = [crowd.renewals_of(client, starts) for client, starts in batch]
            await model.save_clients(tx, [client for client, _ in batch])
            await model.save_renewals(tx, told)
        await model.save_partners(tx, list(crowd.partners()))
        for table, ids in (("clients", ("client_id",)), ("renewals", ("renewal_id", "client_id"))):
            await _copy(tx, table, ids)


async def _copy(tx: Connection, table: str, ids: Sequence[str]) -> None:
    names = await tx.fetchval(
        """
        SELECT array_agg(column_name::text)
          FROM information_schema.columns
         WHERE table_schema = 'model_a' AND table_name = $1 AND is_generated = 'NEVER'
        """,
        table,
    )
    values = [
        "p.partner_id"
        if name == "partner_id"
        else f"md5(t.{name}::text || p.partner_id)::uuid"
        if name in ids
        else f"t.{name}"
        for name in names
    ]
    await tx.execute(
        f"""
        INSERT INTO {table} ({", ".join(names)})
        SELECT {", ".join(values)}
          FROM {table} t, partners p
         WHERE p.partner_id <> t.partner_id
         ORDER BY md5(t.{ids[0]}::text || p.partner_id)
        """
    )


async def run(ground: Ground, *, size: int, repeats: int) -> Result:
    """Let twenty people look at page after page, each as soon as the one before is there.

    Nobody reads like that: how long people wait who look at what they see is among the details, and
    so is how long they wait while a page that was just started makes everything for the first time.
    """
    address = ground.services["dashboard"]
    result = Result(
        "B5", f"the page, {READERS} readers, worst p95", size, "ms", less_is_better=True
    )
    async with open_pool(address.dsn, max_size=READERS, search_path=SERVING) as pool:
        await load(pool, size)
        await _vacuum(address.owner_dsn)
        cookies = [
            (await sign_in(pool, crowd.admin(number), crowd.partner(number)))["Cookie"]
            for number in range(READERS)
        ]
        result.limits["bare SQL of the client list"] = await _bare(pool)
    with ExitStack() as stack:
        pages = [
            stack.enter_context(
                ground.service("dashboard", ROLES, DASHBOARD_SESSION_KEY=SESSION_KEY)
            )
            for _ in range(PROCESSES)
        ]
        started = _details(await _read(pages, cookies, SECONDS))
        for _ in range(repeats):
            cpu = _cpu(pages)
            took = await _read(pages, cookies, SECONDS)
            result.ours.append(max(_percentile(each, 95) for each in took.values()))
            asked = sum(map(len, took.values()))
            result.cpu.append((_cpu(pages) - cpu) / asked * 1000)
        result.details = _details(took)
        result.details |= {f"{name}, just after a start": each for name, each in started.items()}
        glancing = _details(await _read(pages, cookies, SECONDS, pause=GLANCE_SECONDS))
        result.details |= {f"{name}, who look for 0.5 s": each for name, each in glancing.items()}
    return result


def _cpu(pages: Sequence[Process]) -> float:
    for each in pages:
        each.note()
    return sum(each.cpu for each in pages)


async def _vacuum(dsn: str) -> None:
    import asyncpg

    connection = await asyncpg.connect(dsn)
    try:
        for table in ("clients", "renewals", "partners"):
            await connection.execute(f"VACUUM ANALYZE model_a.{table}")
    finally:
        await connection.close()


async def _read(
    pages: Sequence[Process], cookies: Sequence[str], seconds: float, *, pause: float = 0
) -> dict[str, list[float]]:
    """Read in a process of its own, so that nobody waits for the one who measures."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.benchmarks.readers",
        cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    asked = {
        "words": WORDS,
        "ports": [each.port for each in pages],
        "cookies": cookies,
        "views": VIEWS,
        "seconds": seconds,
        "pause": pause,
    }
    told, _ = await process.communicate(json.dumps(asked).encode())
    assert process.returncode == 0, "the readers failed"
    found: dict[str, list[float]] = json.loads(told)
    return found


async def _bare(pool: Pool) -> float:
    """What PostgreSQL alone takes for a page of the client list, with as many who ask."""
    took: list[float] = []
    until = perf_counter() + SECONDS / 2

    async def ask(number: int) -> None:
        while (began := perf_counter()) < until:
            async with (
                pool.acquire() as tx,
                reading.entered(tx, crowd.partner(number), 5.0),
            ):
                await tx.fetch(
                    """
                    SELECT client_id, domain, name, products, sold, managed, apps_used, mrrs
                      FROM clients
                     WHERE serviced
                     ORDER BY sort_domain, client_id
                     LIMIT 51
                    """
                )
            took.append((perf_counter() - began) * 1000)

    await asyncio.gather(*map(ask, range(READERS)))
    return _percentile(took, 95)


def _percentile(values: Sequence[float], which: int) -> float:
    return quantiles(values, n=100, method="inclusive")[which - 1]


def _details(took: dict[str, list[float]]) -> dict[str, Any]:
    told: dict[str, Any] = {
        name: {f"p{which}": round(_percentile(each, which), 1) for which in (50, 95, 99)}
        for name, each in took.items()
    }
    return told | {"requests a second": round(sum(map(len, took.values())) / SECONDS)}

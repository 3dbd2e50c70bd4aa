"""B1: from the moment at which stages fall due to their events in Kafka."""

import asyncio
from time import perf_counter

import asyncpg

from services.renewals import jobs
from shared.chassis.clock import FileClock
from shared.chassis.database import open_pool
from shared.contracts.renewals import EVENTS
from tests.benchmarks import limits, oracle
from tests.benchmarks.ground import Ground
from tests.benchmarks.result import Result

DUE = 50_000
PARTNERS = 20
# With a start 91 days from today the stages d-45, d-15, d-7 and d-1 fall due one after another.
SHIFTS = ("+2d", "+32d", "+40d", "+46d")
ROLES = {"sweep": True, "relay": True, "consumers": True, "http": True}

_LOAD = """
    INSERT INTO partners (partner_id, partner_version, time_zone, policy_version)
    SELECT partner_of(n), 1, (ARRAY['UTC', 'America/New_York', 'Europe/Berlin'])[n % 3 + 1], 1
      FROM generate_series(0, $partners - 1) n;
    INSERT INTO clients (client_id, partner_id, client_version, renewals_version, name, domain)
    SELECT client_of(n), partner_of(n % $partners), 1, 1, 'Client ' || n, 'c' || n || '.example'
      FROM generate_series(1, $size) n;
    INSERT INTO renewals (renewal_id, client_id, partner_id, kind, status, starts, deadline,
                          currency, current_mrr, renewal_mrr, products, options)
    SELECT md5('renewal' || n)::uuid, client_of(n), partner_of(n % $partners), 'renewal', 'pending',
           starts, starts - 45, 'USD', 800, 840,
           '[{"subscription_id":null,"product":"Marketing Hub Professional",'
           '"current_mrr":"800.00","renewal_mrr":"840.00"}]', '[]'
      FROM generate_series(1, $size) n,
           LATERAL (SELECT n % ($size / $due) = 0 AS due) d,
           LATERAL (SELECT current_date + CASE WHEN due THEN 91 ELSE 220 + n % 180 END AS starts) s
     ORDER BY hashint4(n);
    INSERT INTO watches (renewal_id, partner_id, version, next_stage, next_stage_at)
    SELECT renewal_id, partner_id, 1, CASE WHEN due THEN 'd-45' ELSE 'entered' END,
           (starts - CASE WHEN due THEN 90 ELSE 120 END + time '09:00') AT TIME ZONE 'UTC'
      FROM renewals, LATERAL (SELECT starts = current_date + 91 AS due) d;
"""


async def load(dsn: str, size: int) -> None:
    """Put ``size`` renewals of as many clients there, ``DUE`` of which fall due tomorrow."""
    connection = await asyncpg.connect(dsn)
    try:
        for name in ("partner", "client"):
            await connection.execute(
                f"CREATE FUNCTION pg_temp.{name}_of(n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE "
                f"RETURN md5('{name}' || n)::uuid"
            )
        values = {"partners": PARTNERS, "size": size, "due": DUE}
        script = _LOAD.replace("partner_of(", "pg_temp.partner_of(")
        script = script.replace("client_of(", "pg_temp.client_of(")
        for name, value in values.items():
            script = script.replace(f"${name}", str(value))
        await connection.execute(script)
        for table in ("renewals", "watches", "clients"):
            await connection.execute(f"VACUUM ANALYZE {table}")
    finally:
        await connection.close()


async def run(ground: Ground, *, size: int, repeats: int) -> Result:
    """Let ``DUE`` of ``size`` renewals fall due, again and again, then measure the limits."""
    address, servers = ground.services["renewals"], ground.kafka.servers
    result = Result("B1", f"deadline sweep to Kafka, {DUE:,} due", size, "due/s")
    await load(address.owner_dsn, size)
    *shifts, last = SHIFTS[: repeats + 1]
    for shift in shifts:
        with ground.service("renewals", ROLES) as service:
            since = await oracle.ends(servers, EVENTS)
            watching = asyncio.create_task(oracle.watch(servers, since, DUE, ordered=False))
            await asyncio.sleep(1)
            service.note()
            cpu = service.cpu
            ground.clock.write_text(shift)
            began = perf_counter()
            seen = await watching
            service.note()
        seen.hold(DUE)
        result.ours.append(DUE / (seen.last_at - began))
        result.cpu.append((service.cpu - cpu) / DUE * 1000)
    ground.clock.write_text(last)
    async with open_pool(address.dsn) as pool:
        clock = FileClock(ground.clock)
        began, swept = perf_counter(), 0
        while count := await jobs.run_sweep_once(pool, clock):
            swept += count
        result.limits["sweep into the outbox alone"] = swept / (perf_counter() - began)
        rows = await pool.fetch("SELECT key, payload, headers FROM outbox")
        result.limits["producer alone"] = await limits.produce(servers, EVENTS, rows)
    ground.clock.unlink()
    return result

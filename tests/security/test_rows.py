"""Row-level security, without the services' own care: the role of a request, and a pool of one."""

import asyncio
from collections.abc import AsyncIterator
from random import Random
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
import pytest

from shared.chassis.clock import ManualClock
from shared.chassis.database import Connection
from tests.security import evidence
from tests.security.operations import DESCRIBED, SERVICES, Asked, application
from tests.security.world import Partner, World, request

REQUESTS = 240
SEED = 20260115


@pytest.fixture
async def connection(world: World, service: str) -> AsyncIterator[Connection]:
    """A connection as the service itself opens it."""
    made = await asyncpg.connect(world.dsns[service])
    yield made
    await made.close()


async def as_tenant(connection: Connection, service: str, partner: UUID | None) -> None:
    """What a request does first; without a partner, what it would be if it forgot to say which."""
    await connection.execute(f"SELECT set_config('role', '{service}_tenant', true)")
    if partner:
        await connection.execute("SELECT set_config('app.partner', $1, true)", str(partner))


async def readable(connection: Connection) -> list[str]:
    """The tables with a partner that the present role may read."""
    return [
        table
        for table in await evidence.tables_of_tenants(connection)
        if await connection.fetchval("SELECT has_table_privilege($1, 'SELECT')", table)
    ]


@pytest.mark.parametrize("service", SERVICES)
async def test_the_role_of_a_request_sees_its_partners_rows_alone_and_none_without_a_partner(
    world: World, service: str, connection: Connection
) -> None:
    seen = 0
    for partner in (None, *world.partners):
        async with connection.transaction():
            await as_tenant(connection, service, partner.partner_id if partner else None)
            for table in await readable(connection):
                rows = await connection.fetch(f"SELECT DISTINCT partner_id FROM {table}")
                found = {row["partner_id"] for row in rows}
                assert found <= ({partner.partner_id} if partner else set()), table
                seen += len(found)
    assert seen > len(world.partners)


@pytest.mark.parametrize("service", SERVICES)
async def test_the_role_of_a_request_writes_nothing_into_another_partners_rows(
    world: World, service: str, connection: Connection
) -> None:
    hidden = world.hidden.partner_id
    tables = await evidence.tables_of_tenants(connection)
    assert tables
    for table in tables:
        for verb in (
            f"UPDATE {table} SET partner_id = partner_id WHERE partner_id = '{hidden}'",
            f"DELETE FROM {table} WHERE partner_id = '{hidden}'",
            f"UPDATE {table} SET partner_id = '{hidden}'",
        ):
            await hold(connection, service, world.asking, verb, table)


async def hold(
    connection: Connection, service: str, partner: Partner, verb: str, table: str
) -> None:
    """The statement is refused, or finds no row of anybody else's."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        await as_tenant(connection, service, partner.partner_id)
        done = await connection.execute(verb)
        assert done.endswith(" 0"), f"{verb}: {done}"
    except asyncpg.InsufficientPrivilegeError:
        pass  # no grant, or a row that the policy does not let in
    finally:
        await transaction.rollback()


@pytest.mark.parametrize("service", SERVICES)
async def test_no_role_of_a_service_is_above_the_policies(
    service: str, connection: Connection
) -> None:
    roles = await connection.fetch(
        "SELECT rolname, rolsuper, rolbypassrls FROM pg_roles WHERE rolname LIKE $1 || '%'", service
    )
    assert {row["rolname"] for row in roles} >= {service, f"{service}_owner", f"{service}_tenant"}
    assert not [row for row in roles if row["rolsuper"] or row["rolbypassrls"]]
    bare = await connection.fetch(
        "SELECT relname FROM pg_class WHERE relname = ANY($1::text[])"
        " AND NOT (relrowsecurity AND relforcerowsecurity)",
        await evidence.tables_of_tenants(connection),
    )
    assert bare == []


def questions(world: World, service: str) -> list[tuple[Partner, Asked]]:
    """What each partner may read, what it may not, and what goes wrong."""
    reads = [each for each in DESCRIBED[service] if each.described.get("security")]
    made = []
    for partner in world.partners:
        for operation in [each for each in reads if not each.changes]:
            asked = request(world, operation, partner)
            made += [(each, asked) for each in world.partners]
            if operation.parameters("query"):
                wrong = Asked(operation, asked.path, asked.params | {"limit": "no number"})
                made.append((partner, wrong))
    return made


@pytest.mark.parametrize("service", SERVICES)
async def test_partners_in_turn_on_one_connection_never_see_each_other(
    world: World, service: str, clock: ManualClock
) -> None:
    random = Random(SEED)  # noqa: S311 - an order, no secret
    asked = await asyncio.to_thread(questions, world, service)
    chosen = random.choices(asked, k=REQUESTS)
    app = application(service, clock, database_url=world.dsns[service], database_pool=1)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=app), base_url=f"http://{service}.test"
        ) as client,
    ):

        async def ask(partner: Partner, asked: Asked) -> tuple[Partner, Asked, Any]:
            answer = await client.get(asked.path, params=asked.params, headers=partner.bearer())
            return partner, asked, answer

        async def run(at: int, partner: Partner, asked: Asked) -> Any:
            task = asyncio.create_task(ask(partner, asked))
            if at % 7 == 0:  # a caller who hangs up
                await asyncio.sleep(random.random() / 200)
                task.cancel()
            return await asyncio.gather(task, return_exceptions=True)

        for start in range(0, REQUESTS, 12):
            batch = [run(start + at, *each) for at, each in enumerate(chosen[start : start + 12])]
            for [done] in await asyncio.gather(*batch):
                if not isinstance(done, asyncio.CancelledError):
                    hold_own(world, *done)
        async with app.state.pool.acquire() as held:
            left = await held.fetchrow(
                "SELECT current_user::text AS role, current_setting('app.partner', true) AS partner"
            )
        assert left["role"] == service
        assert not left["partner"]


def hold_own(world: World, partner: Partner, asked: Asked, answer: httpx2.Response) -> None:
    """An answer is about the one who asked."""
    assert answer.status_code in {200, 404, 422}, answer.text
    for other in world.partners:
        if other is not partner:
            leaked = world.words[other.partner_id].in_text(answer.text, but=asked.sent)
            assert not leaked, f"{asked.operation} told {partner.name} {leaked}"

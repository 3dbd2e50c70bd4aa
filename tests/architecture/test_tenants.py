"""No partner ever sees another's data: PostgreSQL itself stands behind every query."""

import asyncpg
import pytest

from tests.architecture import sources
from tests.conftest import MakeDatabase

# Tables without a partner, which no tenant may even read: the mechanism of the chassis, ...
MECHANISM = {"outbox", "inbox", "dead_letters", "schema_migrations"}
# ... and what spans partners, with the reason.
FOR_THE_SERVICE = {
    "tiers": {"accounts": "rows to lock: who services a customer, of whichever partner"},
    "webhooks": {"erased": "ids of whom nothing may be kept, clients and partners"},
    "dashboard": {"erased": "ids of whom nothing may be kept, clients and partners"},
}
# Tables without a partner that every tenant may read, with the reason.
FOR_EVERYBODY = {
    "tiers": {
        "rule_sets": "HubSpot's rules, public and the same for all",
        "currency_rates": "rates of exchange, the same for all",
    },
    "dashboard": {
        "builds": "which model serves, the same for all",
        "progress": "how new what is shown is, the same for all",
    },
}
TABLES = """
    SELECT c.relname AS name, n.nspname AS schema,
           c.relrowsecurity AND c.relforcerowsecurity AS forced,
           pg_get_userbyid(c.relowner) AS owner,
           EXISTS (SELECT FROM pg_attribute a
                    WHERE a.attrelid = c.oid AND a.attname = 'partner_id'
                      AND a.atttypid = 'uuid'::regtype AND NOT a.attisdropped) AS of_partner,
           EXISTS (SELECT FROM pg_attribute a
                    WHERE a.attrelid = c.oid AND a.attname = 'partner_id'
                      AND a.attnotnull AND NOT a.attisdropped) AS always,
           has_any_column_privilege($1, c.oid, 'SELECT') AS may_read,
           has_any_column_privilege($1, c.oid, 'UPDATE') OR has_table_privilege($1, c.oid, 'DELETE')
               AS may_change
      FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^(pg_|information_schema$)'
     ORDER BY n.nspname, c.relname
"""


@pytest.mark.parametrize("service", sources.SERVICES)
async def test_every_table_with_a_partners_data_is_behind_row_level_security(
    service: str, database: MakeDatabase
) -> None:
    connection = await asyncpg.connect((await database(service)).owner_dsn)
    tables = await connection.fetch(TABLES, f"{service}_tenant")
    policies = await connection.fetch("SELECT schemaname, tablename, roles, qual FROM pg_policies")
    await connection.close()

    hidden = MECHANISM | set(FOR_THE_SERVICE.get(service, {}))
    shown = set(FOR_EVERYBODY.get(service, {}))
    tenants = {
        (policy["schemaname"], policy["tablename"]): policy["qual"]
        for policy in policies
        if f"{service}_tenant" in policy["roles"]
    }
    for table in tables:
        assert table["owner"] == f"{service}_owner", table["name"]
        if table["of_partner"]:
            assert table["forced"], table["name"]
            assert table["always"], f"{table['name']}.partner_id may be null"
            assert "app.partner" in tenants[table["schema"], table["name"]]
        else:
            assert table["name"] in hidden | shown, f"{table['name']} has no partner_id"
            assert not table["may_change"], table["name"]
            assert table["may_read"] is (table["name"] in shown), table["name"]


@pytest.mark.parametrize("service", sources.SERVICES)
async def test_a_service_can_neither_switch_the_security_off_nor_pass_it_by(
    service: str, database: MakeDatabase
) -> None:
    connection = await asyncpg.connect((await database(service)).dsn)
    roles = await connection.fetch(
        """
        SELECT rolname, rolsuper OR rolbypassrls OR rolcreaterole AS mighty, rolcanlogin AS login
          FROM pg_roles WHERE rolname = ANY ($1)
        """,
        [service, f"{service}_tenant", f"{service}_owner"],
    )
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute("ALTER TABLE outbox DISABLE ROW LEVEL SECURITY")
    await connection.close()

    assert {role["rolname"]: role["login"] for role in roles} == {
        service: True,
        f"{service}_tenant": False,
        f"{service}_owner": True,
    }
    assert not any(role["mighty"] for role in roles)


@pytest.mark.parametrize("service", sources.SERVICES)
async def test_a_tenant_without_a_partner_sees_nothing(
    service: str, database: MakeDatabase
) -> None:
    connection = await asyncpg.connect((await database(service)).dsn)
    rows = await connection.fetch(TABLES, f"{service}_tenant")
    async with connection.transaction():
        await connection.execute(f"SET LOCAL ROLE {service}_tenant")
        for row in rows:
            if row["of_partner"]:
                table = f"{row['schema']}.{row['name']}"
                assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 0
        for name in MECHANISM:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with connection.transaction():
                    await connection.execute(f"SELECT FROM {name}")
    await connection.close()

"""Where an import puts its rows aside, and how they are compared with what is known."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple

from shared.chassis.database import Connection

_TABLES: Final = {
    "staged_partners": """
        line integer, hub_id bigint, partner_id uuid, name text, time_zone text""",
    "staged_users": """
        line integer, hub_id bigint, partner_id uuid, user_id uuid, name text, email text,
        admin boolean, active boolean""",
    "staged_team": """
        line integer, hub_id bigint, partner_id uuid, person_id uuid, name text, email text,
        role text, description text""",
    "staged_clients": """
        line integer, hub_id bigint, partner_id uuid, client_id uuid, record_id bigint,
        account_id bigint, name text, domain text, industry text, country text, city text,
        phone text, employees integer, sold boolean, managed boolean, sold_on date,
        contact_tier text, contacts_limit bigint, contacts_used bigint, email_limit bigint,
        emails_used bigint, apps_used smallint, usage_period_end date, manager_id uuid,
        manager_name text, manager_email text""",
    "staged_contacts": """
        line integer, hub_id bigint, partner_id uuid, company bigint, client_id uuid,
        contact_id uuid, name text, email text, roles text[], job_title text, phone text""",
    "staged_subscriptions": """
        line integer, hub_id bigint, partner_id uuid, company bigint, client_id uuid,
        subscription_id uuid, product text, mrr numeric(14, 2), currency text, term_start date,
        term_end date""",
    "touched": """
        client_id uuid PRIMARY KEY, created boolean NOT NULL, moved boolean NOT NULL""",
}


class Compared(NamedTuple):
    """How rows of a file stand to what is known."""

    created: int
    changed: int
    unchanged: int


class Unknown(NamedTuple):
    """A row that names something that there is not."""

    line: int
    value: int


# What is put aside is read again client by client, in another order than it came in: where it
# does not stay in memory, each client costs several reads.
_MEMORY: Final = {"temp_buffers": "128MB", "work_mem": "32MB"}


async def make_staging(tx: Connection) -> None:
    """Make the temporary tables of this connection, empty, and give them memory."""
    for name, size in _MEMORY.items():
        await tx.execute(f"SET {name} = '{size}'")
    await drop_staging(tx)
    for name, columns in _TABLES.items():
        await tx.execute(f"CREATE TEMPORARY TABLE {name} ({columns})")


async def drop_staging(tx: Connection) -> None:
    """Drop the temporary tables of this connection."""
    for name in _TABLES:
        await tx.execute(f"DROP TABLE IF EXISTS pg_temp.{name}")


async def stage(tx: Connection, table: str, columns: dict[str, Sequence[Any]]) -> None:
    """Put rows aside; all columns have one length."""
    await tx.copy_records_to_table(
        table, records=zip(*columns.values(), strict=True), columns=list(columns)
    )


async def index_staging(tx: Connection) -> None:
    """Make the staged rows of a client quick to find, and tell the planner how many there are."""
    for table in ("staged_clients", "staged_contacts", "staged_subscriptions"):
        await tx.execute(f"CREATE INDEX ON {table} (client_id)")
        await tx.execute(
            f"ANALYZE {table} (client_id, partner_id)"
        )  # texts take long, and say nothing
    for table in ("staged_partners", "staged_users", "staged_team"):
        await tx.execute(f"ANALYZE {table}")


async def reject_unknown_partners(tx: Connection, table: str) -> list[Unknown]:
    """Take out the rows that name a partner neither known nor staged; return them by line."""
    rows = await tx.fetch(
        f"""
          WITH gone AS (
               DELETE FROM {table} AS s
                WHERE NOT EXISTS (SELECT FROM partners AS p WHERE p.partner_id = s.partner_id)
                  AND NOT EXISTS (
                      SELECT FROM staged_partners AS n WHERE n.partner_id = s.partner_id)
               RETURNING line, hub_id)
        SELECT line, hub_id
          FROM gone
         ORDER BY line
        """  # noqa: S608 - one of our own names
    )
    return [Unknown(*row) for row in rows]


async def reject_unknown_clients(tx: Connection, table: str) -> list[Unknown]:
    """Take out the rows that name a company neither known nor staged; return them by line."""
    rows = await tx.fetch(
        f"""
          WITH gone AS (
               DELETE FROM {table} AS s
                WHERE NOT EXISTS (SELECT FROM staged_clients AS n WHERE n.client_id = s.client_id)
                  AND NOT EXISTS (SELECT FROM clients AS c WHERE c.client_id = s.client_id)
               RETURNING line, company)
        SELECT line, company
          FROM gone
         ORDER BY line
        """  # noqa: S608 - one of our own names
    )
    return [Unknown(*row) for row in rows]


_TEXTS: Final = {
    "staged_contacts": ("name", "email", "job_title", "phone"),
    "staged_subscriptions": ("product",),
}


async def reject_crowds(tx: Connection, table: str, most: int, most_bytes: int) -> list[Unknown]:
    """Take out the rows that are too many, or too much text, for one client, by line."""
    size = " + ".join(f"octet_length({column})" for column in _TEXTS[table])
    rows = await tx.fetch(
        f"""
          WITH crowded AS (
               SELECT client_id
                 FROM {table}
                GROUP BY client_id
               HAVING count(*) > $1 OR sum({size}) > $2),
               counted AS (
               SELECT line, row_number() OVER up_to_it AS place, sum({size}) OVER up_to_it AS bytes
                 FROM {table}
                 JOIN crowded USING (client_id)
               WINDOW up_to_it AS (PARTITION BY client_id ORDER BY line)),
               gone AS (
               DELETE FROM {table} AS s
                USING counted AS c
                WHERE s.line = c.line AND (c.place > $1 OR c.bytes > $2)
               RETURNING s.line, s.company)
        SELECT line, company
          FROM gone
         ORDER BY line
        """,  # noqa: S608 - our own names
        most,
        most_bytes,
    )
    return [Unknown(*row) for row in rows]


_ALWAYS: Final = ("account_id", "name", "domain", "sold", "managed")
_NEWER_USAGE: Final = """CASE WHEN s.usage_period_end IS NULL
               OR s.usage_period_end < c.usage_period_end THEN c.{0} ELSE s.{0} END"""


def _merged_client(given: Collection[str]) -> dict[str, str]:
    """What each column of a known client becomes: what the files do not have stays as it is."""
    merged = {column: f"s.{column}" for column in (*_ALWAYS, *sorted(given))}
    for column in ("apps_used", "usage_period_end"):
        if column in merged:
            merged[column] = _NEWER_USAGE.format(column)
    merged.setdefault("sold_on", "CASE WHEN s.sold THEN c.sold_on END")
    return merged


def _merged(columns: Sequence[str], given: Collection[str]) -> dict[str, str]:
    return {column: f"s.{column}" for column in columns if column in given}


_CONTACT: Final = ("client_id", "name", "email", "roles", "job_title", "phone")
_SUBSCRIPTION: Final = ("client_id", "product", "mrr", "currency", "term_start", "term_end")


def _differs(merged: dict[str, str], known: str) -> str:
    news = ", ".join(merged.values())
    olds = ", ".join(f"{known}.{column}" for column in merged)
    return f"(ROW({news}) IS DISTINCT FROM ROW({olds}))"


async def compare_clients(tx: Connection, given: Collection[str]) -> Compared:
    """Note which clients are new or changed by what stands in companies.csv itself."""
    row = await tx.fetchrow(
        f"""
          WITH compared AS MATERIALIZED (
               SELECT s.client_id, c.client_id IS NULL AS created,
                      c.client_id IS NOT NULL AND {_differs(_merged_client(given), "c")} AS changed
                 FROM staged_clients AS s
                 LEFT JOIN clients AS c USING (client_id)),
               noted AS (
               INSERT INTO touched (client_id, created, moved)
               SELECT client_id, created, false
                 FROM compared
                WHERE created OR changed)
        SELECT count(*) FILTER (WHERE created), count(*) FILTER (WHERE changed),
               count(*) FILTER (WHERE NOT created AND NOT changed)
          FROM compared
        """  # noqa: S608 - our own names
    )
    return Compared(*row) if row else Compared(0, 0, 0)


async def compare_contacts(tx: Connection, given: Collection[str]) -> Compared:
    """Note which clients have new or changed contacts, or lose one to another client."""
    merged = _merged(_CONTACT, {"client_id", "email", *given})
    return await _compare_belongings(tx, "contacts", "contact_id", merged)


async def compare_subscriptions(tx: Connection) -> Compared:
    """Note which clients have new or changed subscriptions, or lose one to another client."""
    merged = _merged(_SUBSCRIPTION, _SUBSCRIPTION)
    return await _compare_belongings(tx, "subscriptions", "subscription_id", merged)


async def _compare_belongings(
    tx: Connection, table: str, key: str, merged: dict[str, str]
) -> Compared:
    row = await tx.fetchrow(
        f"""
          WITH compared AS MATERIALIZED (
               SELECT s.client_id, c.client_id AS was_of, c.{key} IS NULL AS created,
                      c.{key} IS NOT NULL AND {_differs(merged, "c")} AS changed
                 FROM staged_{table} AS s
                 LEFT JOIN {table} AS c USING ({key})),
               belonging AS (
               SELECT client_id, was_of <> client_id AS moved
                 FROM compared
                WHERE created OR changed
                UNION ALL
               SELECT was_of, true
                 FROM compared
                WHERE was_of <> client_id),
               noted AS (
               INSERT INTO touched (client_id, created, moved)
               SELECT client_id, false, coalesce(bool_or(moved), false)
                 FROM belonging AS b
                GROUP BY client_id
               HAVING bool_or(moved)
                   OR NOT EXISTS (SELECT FROM touched AS t WHERE t.client_id = b.client_id)
                   ON CONFLICT (client_id) DO UPDATE
                  SET moved = true
                WHERE excluded.moved)
        SELECT count(*) FILTER (WHERE created), count(*) FILTER (WHERE changed),
               count(*) FILTER (WHERE NOT created AND NOT changed)
          FROM compared
        """  # noqa: S608 - our own names
    )
    return Compared(*row) if row else Compared(0, 0, 0)


class Touched(NamedTuple):
    """A client that an import makes or changes."""

    client_id: Any
    created: bool


async def count_touched(tx: Connection) -> int:
    """How many clients the import makes or changes."""
    return int(await tx.fetchval("SELECT count(*) FROM touched"))


async def list_moved(tx: Connection) -> list[Touched]:
    """The clients that lose something to one another, who must change together."""
    rows = await tx.fetch("SELECT client_id, created FROM touched WHERE moved ORDER BY client_id")
    return [Touched(*row) for row in rows]


async def list_touched(tx: Connection, after: Any, limit: int) -> list[Touched]:
    """The known ones among the other clients, by id, after one (None: from the first)."""
    rows = await tx.fetch(
        """
        SELECT client_id, created
          FROM touched
         WHERE NOT moved AND NOT created
           AND client_id > coalesce($1, '00000000-0000-0000-0000-000000000000'::uuid)
         ORDER BY client_id
         LIMIT $2
        """,
        after,
        limit,
    )
    return [Touched(*row) for row in rows]


_CLIENT_COLUMNS: Final = """client_id, partner_id, record_id, account_id, name, domain, industry,
               country, city, phone, employees, sold, managed, sold_on, contact_tier,
               contacts_limit, contacts_used, email_limit, emails_used, apps_used,
               usage_period_end, manager_id, manager_name, manager_email"""


async def merge_clients(
    tx: Connection, created: Sequence[Any], known: Sequence[Any], given: Collection[str]
) -> None:
    """Make clients, at version 1, and bring known ones, that are locked, to what is staged."""
    await tx.execute(
        f"""
        INSERT INTO clients ({_CLIENT_COLUMNS}, version)
        SELECT {_CLIENT_COLUMNS}, 1
          FROM staged_clients
         WHERE client_id = ANY($1)
        """,  # noqa: S608 - our own names
        created,
    )
    if known:
        merged = _merged_client(given)
        await tx.execute(
            f"""
            UPDATE clients AS c
               SET {", ".join(f"{column} = {value}" for column, value in merged.items())}
              FROM staged_clients AS s
             WHERE s.client_id = c.client_id AND c.client_id = ANY($1)
               AND {_differs(merged, "c")}
            """,  # noqa: S608 - our own names
            known,
        )


async def merge_contacts(tx: Connection, client_ids: Sequence[Any], given: Collection[str]) -> None:
    """Bring the contacts of clients, which are locked, to what is staged."""
    merged = _merged(_CONTACT, {"client_id", "email", *given})
    await tx.execute(
        f"""
        INSERT INTO contacts AS c (contact_id, client_id, partner_id, name, email, roles, job_title,
                                   phone)
        SELECT contact_id, client_id, partner_id, name, email, roles, job_title, phone
          FROM staged_contacts
         WHERE client_id = ANY($1)
            ON CONFLICT (contact_id) DO UPDATE
           SET {_excluded(merged)}
         WHERE c.client_id = ANY($1) AND {_renews(merged)}
        """,  # noqa: S608 - our own names
        client_ids,
    )


async def merge_subscriptions(tx: Connection, client_ids: Sequence[Any]) -> None:
    """Bring the subscriptions of clients, which are locked, to what is staged."""
    merged = _merged(_SUBSCRIPTION, _SUBSCRIPTION)
    await tx.execute(
        f"""
        INSERT INTO subscriptions AS c (subscription_id, client_id, partner_id, product, mrr,
                                        currency, term_start, term_end)
        SELECT subscription_id, client_id, partner_id, product, mrr, currency, term_start, term_end
          FROM staged_subscriptions
         WHERE client_id = ANY($1)
            ON CONFLICT (subscription_id) DO UPDATE
           SET {_excluded(merged)}
         WHERE c.client_id = ANY($1) AND {_renews(merged)}
        """,  # noqa: S608 - our own names
        client_ids,
    )


def _excluded(merged: dict[str, str]) -> str:
    return ", ".join(f"{column} = excluded.{column}" for column in merged)


def _renews(merged: dict[str, str]) -> str:
    news = ", ".join(f"excluded.{column}" for column in merged)
    olds = ", ".join(f"c.{column}" for column in merged)
    return f"ROW({news}) IS DISTINCT FROM ROW({olds})"


async def save_versions(tx: Connection, versions: Mapping[Any, int]) -> None:
    """Save the versions that locked clients have come to."""
    await tx.execute(
        """
        UPDATE clients AS c
           SET version = told.version
          FROM unnest($1::uuid[], $2::bigint[]) AS told (client_id, version)
         WHERE c.client_id = told.client_id AND c.version <> told.version
        """,
        list(versions),
        list(versions.values()),
    )

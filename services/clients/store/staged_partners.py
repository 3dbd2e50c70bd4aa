"""What an import brings about partners and their people."""

from collections.abc import Collection, Sequence
from typing import Final
from uuid import UUID

from services.clients.store.staging import Compared
from shared.chassis.database import Connection

_KNOWN: Final = {
    "partners": ("(partner_id)", "name", "time_zone"),
    "users": ("(user_id)", "name", "email", "admin", "active"),
    "team": ("(partner_id, person_id, role)", "name", "email", "description"),
}
_TABLES: Final = {"partners": "partners", "users": "users", "team": "team_members"}


async def compare_people(tx: Connection, what: str, given: Collection[str]) -> Compared:
    """Count how staged partners, users or team stand to what is known."""
    key, *columns = _KNOWN[what]
    told = [column for column in columns if column in given]
    # A row of nothing cannot be compared, and a file that is not there tells nothing.
    news = ", ".join(["1", *(f"s.{column}" for column in told)])
    olds = ", ".join(["1", *(f"k.{column}" for column in told)])
    row = await tx.fetchrow(
        f"""
        SELECT count(*) FILTER (WHERE k.partner_id IS NULL),
               count(*) FILTER (WHERE k.partner_id IS NOT NULL AND ROW({news}) <> ROW({olds})),
               count(*) FILTER (WHERE ROW({news}) = ROW({olds}))
          FROM staged_{what} AS s
          LEFT JOIN {_TABLES[what]} AS k USING {key}
        """  # noqa: S608 - our own names
    )
    return Compared(*row) if row else Compared(0, 0, 0)


async def list_staged_partners(tx: Connection) -> list[UUID]:
    """The partners about which anything is staged, apart from their clients."""
    rows = await tx.fetch(
        """
        SELECT partner_id FROM staged_partners
         UNION
        SELECT partner_id FROM staged_users
         UNION
        SELECT partner_id FROM staged_team
         ORDER BY partner_id
        """
    )
    return [row["partner_id"] for row in rows]


async def merge_partners(
    tx: Connection, partner_ids: Sequence[UUID], given: Collection[str]
) -> None:
    """Make partners, at version 1, and bring known ones, which are locked, to what is staged."""
    told = [column for column in ("name", "time_zone") if column in given]
    await tx.execute(
        f"""
        INSERT INTO partners AS p (partner_id, hub_id, name, time_zone, version)
        SELECT partner_id, hub_id, name, time_zone, 1
          FROM staged_partners
         WHERE partner_id = ANY($1)
            ON CONFLICT (partner_id) DO UPDATE
           SET {", ".join(f"{column} = excluded.{column}" for column in told)}
        """,  # noqa: S608 - our own names
        partner_ids,
    )


async def merge_users(tx: Connection, partner_ids: Sequence[UUID], given: Collection[str]) -> None:
    """Bring the users of partners, which are locked, to what is staged."""
    told = [column for column in ("name", "email", "admin", "active") if column in given]
    await tx.execute(
        f"""
        INSERT INTO users AS u (user_id, partner_id, name, email, admin, active)
        SELECT user_id, partner_id, name, email, admin, active
          FROM staged_users
         WHERE partner_id = ANY($1)
            ON CONFLICT (user_id) DO UPDATE
           SET {", ".join(f"{column} = excluded.{column}" for column in told)}
        """,  # noqa: S608 - our own names
        partner_ids,
    )


async def merge_team(
    tx: Connection, partner_ids: Sequence[UUID], given: Collection[str], *, whole: bool
) -> None:
    """Bring the HubSpot team of partners, which are locked, to what is staged.

    With ``whole``, who is not staged for a partner for whom others are, supports it no longer.
    """
    if whole:
        await tx.execute(
            """
            DELETE FROM team_members AS t
             WHERE t.partner_id = ANY($1)
               AND EXISTS (SELECT FROM staged_team AS s WHERE s.partner_id = t.partner_id)
               AND NOT EXISTS (
                   SELECT FROM staged_team AS s
                    WHERE s.partner_id = t.partner_id AND s.person_id = t.person_id
                      AND s.role = t.role)
            """,
            partner_ids,
        )
    told = [column for column in ("name", "email", "description") if column in given]
    await tx.execute(
        f"""
        INSERT INTO team_members (partner_id, person_id, role, name, email, description)
        SELECT partner_id, person_id, role, name, email, description
          FROM staged_team
         WHERE partner_id = ANY($1)
            ON CONFLICT (partner_id, person_id, role) DO UPDATE
           SET {", ".join(f"{column} = excluded.{column}" for column in told)}
        """,  # noqa: S608 - our own names
        partner_ids,
    )

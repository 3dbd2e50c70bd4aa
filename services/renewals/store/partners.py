"""Partners, their users, and their settings for renewals."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from services.renewals.domain import Default, Partner
from services.renewals.domain.stages import FACTORY
from shared.chassis.database import Connection
from shared.contracts.renewals import OwnerChoice

_COLUMNS = """
    partner_id, partner_version, time_zone, policy_version, owner, notified_user_id,
    point_of_contact_id, default_point_of_contact_id, recipient_roles, tell_renewal_manager,
    send_hour, stages
"""


async def lock_partners(tx: Connection, ids: Iterable[UUID]) -> dict[UUID, Partner]:
    """Hold partners until commit, and make those that are not known yet."""
    wanted = sorted(set(ids))
    await _make_missing(tx, wanted)
    rows = await tx.fetch(
        f"""
        SELECT {_COLUMNS}
          FROM partners
         WHERE partner_id = ANY($1)
         ORDER BY partner_id
           FOR UPDATE
        """,  # noqa: S608 - a constant
        wanted,
    )
    return {row["partner_id"]: _partner(row) for row in rows}


async def share_partners(tx: Connection, ids: Iterable[UUID]) -> dict[UUID, Partner]:
    """Keep partners as they are until commit, and make those that are not known yet.

    Others may do the same meanwhile; who changes a setting waits.
    """
    wanted = sorted(set(ids))
    await _make_missing(tx, wanted)
    rows = await tx.fetch(
        f"""
        SELECT {_COLUMNS}
          FROM partners
         WHERE partner_id = ANY($1)
         ORDER BY partner_id
           FOR SHARE
        """,  # noqa: S608 - a constant
        wanted,
    )
    return {row["partner_id"]: _partner(row) for row in rows}


async def list_partners(tx: Connection, ids: Iterable[UUID]) -> dict[UUID, Partner]:
    """Partners as they are now; those not known are left out."""
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM partners WHERE partner_id = ANY($1)",  # noqa: S608 - a constant
        list(set(ids)),
    )
    return {row["partner_id"]: _partner(row) for row in rows}


async def list_known(tx: Connection, ids: Iterable[UUID]) -> set[UUID]:
    """Those of the partners that the clients service has told of."""
    rows = await tx.fetch(
        "SELECT partner_id FROM partners WHERE partner_id = ANY($1) AND partner_version > 0",
        list(ids),
    )
    return {row["partner_id"] for row in rows}


async def list_told_partners(tx: Connection) -> list[UUID]:
    """Every partner that has a snapshot of its settings."""
    rows = await tx.fetch(
        "SELECT partner_id FROM partners WHERE policy_version > 0 ORDER BY partner_id"
    )
    return [row["partner_id"] for row in rows]


async def list_time_zones(tx: Connection) -> list[str]:
    """The zones in which partners have their days."""
    rows = await tx.fetch("SELECT DISTINCT time_zone FROM partners WHERE partner_version > 0")
    return [row["time_zone"] for row in rows]


async def save_partners(tx: Connection, partners: Sequence[Partner]) -> None:
    """Keep partners that are held."""
    await tx.execute(
        """
        UPDATE partners p
           SET partner_version = n.partner_version,
               time_zone = n.time_zone,
               policy_version = n.policy_version,
               owner = n.owner,
               notified_user_id = n.notified,
               point_of_contact_id = n.contact,
               default_point_of_contact_id = n.default_contact,
               recipient_roles = string_to_array(n.roles, ';'),
               tell_renewal_manager = n.tell,
               send_hour = n.hour,
               stages = string_to_array(n.stages, ';')
          FROM unnest($1::uuid[], $2::integer[], $3::text[], $4::integer[], $5::text[], $6::uuid[],
                      $7::uuid[], $8::uuid[], $9::text[], $10::boolean[], $11::text[], $12::text[])
            AS n (id, partner_version, time_zone, policy_version, owner, notified, contact,
                  default_contact, roles, tell, hour, stages)
         WHERE p.partner_id = n.id
        """,
        [p.partner_id for p in partners],
        [p.partner_version for p in partners],
        [p.time_zone for p in partners],
        [p.policy_version for p in partners],
        [p.default.choice and p.default.choice.owner for p in partners],
        [p.default.choice and p.default.choice.notified_user_id for p in partners],
        [p.default.choice and p.default.choice.point_of_contact_id for p in partners],
        [p.default.point_of_contact_id for p in partners],
        [";".join(p.recipient_roles) for p in partners],
        [p.tell_renewal_manager for p in partners],
        [p.send_hour for p in partners],
        [None if p.stages == FACTORY else ";".join(p.stages) for p in partners],
    )


async def list_active_users(
    tx: Connection, partners: Collection[UUID]
) -> dict[UUID, frozenset[UUID]]:
    """Who may be chosen, for each partner."""
    rows = await tx.fetch(
        """
        SELECT partner_id, array_agg(user_id) AS users
          FROM partner_users
         WHERE partner_id = ANY($1) AND active
         GROUP BY partner_id
        """,
        list(partners),
    )
    found = {row["partner_id"]: frozenset(row["users"]) for row in rows}
    return {partner: found.get(partner, frozenset()) for partner in partners}


async def save_users(tx: Connection, users: Mapping[tuple[UUID, UUID], tuple[bool, int]]) -> None:
    """Keep whether users are active, unless something later is known: by the partner's version."""
    keys = sorted(users)
    await tx.execute(
        """
        INSERT INTO partner_users AS known (partner_id, user_id, active, version)
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::boolean[], $4::integer[])
        ON CONFLICT (partner_id, user_id) DO UPDATE
           SET active = excluded.active, version = excluded.version
         WHERE known.version < excluded.version
        """,
        [partner for partner, _ in keys],
        [user for _, user in keys],
        [users[key][0] for key in keys],
        [users[key][1] for key in keys],
    )


async def retire_other_users(
    tx: Connection, versions: Mapping[UUID, int], named: Collection[tuple[UUID, UUID]]
) -> None:
    """Deactivate users that a partner's snapshot of this version no longer names."""
    await tx.execute(
        """
        UPDATE partner_users u
           SET active = false, version = n.version
          FROM unnest($1::uuid[], $2::integer[]) AS n (partner_id, version)
         WHERE u.partner_id = n.partner_id
           AND u.version < n.version
           AND (u.partner_id, u.user_id) NOT IN (SELECT * FROM unnest($3::uuid[], $4::uuid[]))
        """,
        list(versions),
        list(versions.values()),
        [partner for partner, _ in named],
        [user for _, user in named],
    )


async def forget_partner(tx: Connection, partner_id: UUID) -> None:
    """Erase a partner's settings and its users; nothing more is told for it."""
    await tx.execute(
        """
        UPDATE watches
           SET next_stage = NULL, next_stage_at = NULL
         WHERE partner_id = $1 AND next_stage IS NOT NULL
        """,
        partner_id,
    )
    for table in ("partner_users", "partners"):
        await tx.execute(f"DELETE FROM {table} WHERE partner_id = $1", partner_id)  # noqa: S608 - constants


async def _make_missing(tx: Connection, ids: Sequence[UUID]) -> None:
    await tx.execute(
        """
        INSERT INTO partners (partner_id)
        SELECT wanted.id
          FROM unnest($1::uuid[]) AS wanted (id)
         WHERE NOT EXISTS (SELECT FROM partners p WHERE p.partner_id = wanted.id)
         ORDER BY wanted.id
        ON CONFLICT DO NOTHING
        """,
        ids,
    )


def _partner(row: Any) -> Partner:
    choice = None
    if row["owner"] is not None:
        choice = OwnerChoice(
            owner=row["owner"],
            notified_user_id=row["notified_user_id"],
            point_of_contact_id=row["point_of_contact_id"],
        )
    return Partner(
        partner_id=row["partner_id"],
        partner_version=row["partner_version"],
        time_zone=row["time_zone"],
        policy_version=row["policy_version"],
        default=Default(choice, row["default_point_of_contact_id"]),
        recipient_roles=tuple(row["recipient_roles"]),
        tell_renewal_manager=row["tell_renewal_manager"],
        send_hour=row["send_hour"],
        stages=FACTORY if row["stages"] is None else tuple(row["stages"]),
    )

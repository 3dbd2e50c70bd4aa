"""Partners with their users and HubSpot team: read, locked, saved."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from services.clients.domain import Partner
from services.clients.store.documents import PARTNER
from shared.chassis.database import Connection
from shared.contracts.clients import PartnerUser


async def lock_partner(tx: Connection, partner_id: UUID) -> Partner | None:
    """Hold a partner until commit; None where there is none."""
    found = await lock_partners(tx, [partner_id])
    return found[0] if found else None


async def lock_partners(tx: Connection, partner_ids: Sequence[UUID]) -> list[Partner]:
    """Hold partners until commit, in the order of their ids; read by a statement of its own."""
    await tx.execute(
        """
        SELECT
          FROM partners
         WHERE partner_id = ANY($1)
         ORDER BY partner_id
           FOR UPDATE
        """,
        partner_ids,
    )
    return await find_partners(tx, partner_ids)


async def find_partner(tx: Connection, partner_id: UUID) -> Partner | None:
    """Read a partner with its people."""
    found = await find_partners(tx, [partner_id])
    return found[0] if found else None


async def find_partners(tx: Connection, partner_ids: Sequence[UUID]) -> list[Partner]:
    """Read partners with their people, in the order of their ids."""
    rows = await tx.fetch(
        f"""
        SELECT {PARTNER} AS document
          FROM partners AS p
         WHERE p.partner_id = ANY($1)
         ORDER BY p.partner_id
        """,  # noqa: S608 - a constant
        partner_ids,
    )
    return [Partner.model_validate_json(row["document"]) for row in rows]


async def find_hub_id(tx: Connection, partner_id: UUID) -> int | None:
    """The partner's HubSpot account."""
    found: int | None = await tx.fetchval(
        """
        SELECT hub_id
          FROM partners
         WHERE partner_id = $1
        """,
        partner_id,
    )
    return found


async def find_time_zone(tx: Connection, partner_id: UUID) -> str:
    """The zone of a partner that there is."""
    return str(
        await tx.fetchval(
            """
            SELECT time_zone
              FROM partners
             WHERE partner_id = $1
            """,
            partner_id,
        )
    )


async def list_partner_ids(
    tx: Connection, only: UUID | None, *, after: UUID | None, limit: int
) -> list[UUID]:
    """List partners by id, or only one."""
    rows = await tx.fetch(
        """
        SELECT partner_id
          FROM partners
         WHERE ($1::uuid IS NULL OR partner_id = $1) AND ($2::uuid IS NULL OR partner_id > $2)
         ORDER BY partner_id
         LIMIT $3
        """,
        only,
        after,
        limit,
    )
    return [row["partner_id"] for row in rows]


async def find_user(tx: Connection, user_id: UUID) -> PartnerUser | None:
    """Read a user of the partner."""
    row = await tx.fetchrow(
        """
        SELECT user_id, name, email, admin, active
          FROM users
         WHERE user_id = $1
        """,
        user_id,
    )
    return PartnerUser.model_validate(dict(row)) if row else None


class Listed(NamedTuple):
    """A user, and the name's beginning by which the list is sorted."""

    user: PartnerUser
    key: str


async def list_users(
    tx: Connection,
    *,
    active: bool | None = None,
    descending: bool = False,
    after: tuple[str, UUID] | None = None,
    limit: int = 50,
) -> list[Listed]:
    """List the partner's users by name, then by id."""
    way, than = ("DESC", "<") if descending else ("ASC", ">")
    name, user_id = after or (None, None)
    rows = await tx.fetch(
        f"""
        SELECT user_id, name, email, admin, active, key
          FROM users, LATERAL (SELECT left(lower(name), 200) COLLATE "C" AS key) AS sorted
         WHERE ($1::boolean IS NULL OR active = $1)
           AND ($2::text IS NULL OR (key, user_id) {than} ($2, $3::uuid))
         ORDER BY key {way}, user_id {way}
         LIMIT $4
        """,  # noqa: S608 - our own words
        active,
        name,
        user_id,
        limit,
    )
    return [Listed(PartnerUser.model_validate(dict(row)), row["key"]) for row in rows]


async def save_partner(tx: Connection, partner: Partner) -> None:
    """Save a partner that is locked, with what can be changed of it and of its users."""
    await tx.execute(
        """
        UPDATE partners
           SET version = $2, name = $3, time_zone = $4
         WHERE partner_id = $1
        """,
        partner.partner_id,
        partner.version,
        partner.name,
        partner.time_zone,
    )
    await tx.execute(
        """
        UPDATE users
           SET active = told.active
          FROM unnest($1::uuid[], $2::boolean[]) AS told (user_id, active)
         WHERE users.user_id = told.user_id AND users.active <> told.active
        """,
        [user.user_id for user in partner.users],
        [user.active for user in partner.users],
    )


async def lift_versions(tx: Connection, said: Mapping[UUID, int]) -> int:
    """Give whatever was said to have a greater version than it has one above that."""
    lifted = 0
    for table, key in (("partners", "partner_id"), ("clients", "client_id")):
        done = await tx.execute(
            f"""
            UPDATE {table} AS t
               SET version = said.version + 1
              FROM unnest($1::uuid[], $2::bigint[]) AS said (id, version)
             WHERE t.{key} = said.id AND t.version < said.version
            """,  # noqa: S608 - constants
            list(said),
            list(said.values()),
        )
        lifted += int(done.rpartition(" ")[2])
    return lifted

"""Clients, with their services and what is set for each alone; and who changed a setting."""

import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias
from uuid import UUID

from services.renewals.domain import Client, Services
from shared.chassis.database import Connection
from shared.contracts.renewals import OwnerChoice

Subject: TypeAlias = Literal["owner", "stages"]

_COLUMNS = """
    client_id, partner_id, client_version, serviced, period, name, domain, owner,
    notified_user_id, point_of_contact_id, owner_version, stages, stages_version, renewals_version
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Who changed a setting of a partner, or of one client, from what to what."""

    partner_id: UUID
    client_id: UUID | None
    subject: Subject
    actor: UUID | None
    at: datetime
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    change_id: int = 0


async def lock_clients(tx: Connection, partners: Mapping[UUID, UUID]) -> dict[UUID, Client]:
    """Hold clients until commit, and make those that are not known yet: client to partner."""
    found = await _lock(tx, sorted(partners))
    if missing := sorted(partners.keys() - found.keys()):
        await tx.execute(
            """
            INSERT INTO clients (client_id, partner_id)
            SELECT * FROM unnest($1::uuid[], $2::uuid[])
            ON CONFLICT DO NOTHING
            """,
            missing,
            [partners[client] for client in missing],
        )
        found |= await _lock(tx, missing)
    return found


async def find_client(tx: Connection, client_id: UUID) -> Client | None:
    """A client as it is now. None where the clients service has not told of it."""
    found = (await list_clients(tx, [client_id])).get(client_id)
    return found if found and found.client_version else None


async def list_clients(tx: Connection, ids: Iterable[UUID]) -> dict[UUID, Client]:
    """Clients as they are now; those not known are left out."""
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM clients WHERE client_id = ANY($1)",  # noqa: S608 - a constant
        list(ids),
    )
    return {row["client_id"]: _client(row) for row in rows}


async def list_partner_clients(tx: Connection, partner_id: UUID) -> dict[UUID, Client]:
    """All clients of a partner as they are now."""
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM clients WHERE partner_id = $1",  # noqa: S608 - a constant
        partner_id,
    )
    return {row["client_id"]: _client(row) for row in rows}


async def list_known(tx: Connection, ids: Iterable[UUID]) -> set[UUID]:
    """Those of the clients that the clients service has told of."""
    rows = await tx.fetch(
        "SELECT client_id FROM clients WHERE client_id = ANY($1) AND client_version > 0",
        list(ids),
    )
    return {row["client_id"] for row in rows}


async def count_known(tx: Connection) -> int:
    """How many clients there are."""
    return int(await tx.fetchval("SELECT count(*) FROM clients WHERE client_version > 0"))


async def skip_locked_clients(tx: Connection, ids: Iterable[UUID]) -> dict[UUID, Client]:
    """Hold those of the clients that nobody else holds."""
    rows = await tx.fetch(
        f"""
        SELECT {_COLUMNS}
          FROM clients
         WHERE client_id = ANY($1)
         ORDER BY client_id
           FOR UPDATE SKIP LOCKED
        """,  # noqa: S608 - a constant
        sorted(ids),
    )
    return {row["client_id"]: _client(row) for row in rows}


async def save_clients(tx: Connection, clients: Sequence[Client]) -> None:
    """Keep clients that are held."""
    await tx.execute(
        """
        UPDATE clients c
           SET client_version = n.client_version,
               serviced = n.serviced,
               period = n.period,
               name = n.name,
               domain = n.domain,
               owner = n.owner,
               notified_user_id = n.notified,
               point_of_contact_id = n.contact,
               owner_version = n.owner_version,
               stages = string_to_array(n.stages, ';'),
               stages_version = n.stages_version,
               renewals_version = n.renewals_version
          FROM unnest($1::uuid[], $2::integer[], $3::boolean[], $4::integer[], $5::text[],
                      $6::text[], $7::text[], $8::uuid[], $9::uuid[], $10::integer[], $11::text[],
                      $12::integer[], $13::integer[])
            AS n (id, client_version, serviced, period, name, domain, owner, notified, contact,
                  owner_version, stages, stages_version, renewals_version)
         WHERE c.client_id = n.id
        """,
        [c.client_id for c in clients],
        [c.client_version for c in clients],
        [c.services.active for c in clients],
        [c.services.period for c in clients],
        [c.name for c in clients],
        [c.domain for c in clients],
        [c.owner.owner for c in clients],
        [c.owner.notified_user_id for c in clients],
        [c.owner.point_of_contact_id for c in clients],
        [c.owner_version for c in clients],
        [None if c.stages is None else ";".join(c.stages) for c in clients],
        [c.stages_version for c in clients],
        [c.renewals_version for c in clients],
    )


async def forget_client(tx: Connection, client_id: UUID) -> None:
    """Erase all that is known of a client, but for what was done: stages told and changes made."""
    for table in ("quotes", "renewals", "clients"):
        await tx.execute(f"DELETE FROM {table} WHERE client_id = $1", client_id)  # noqa: S608 - constants


async def count_owners(tx: Connection, partner_id: UUID) -> tuple[int, int]:
    """How many of a partner's serviced clients inherit the default owner, and how many do not."""
    row = await tx.fetchrow(
        """
        SELECT count(*) FILTER (WHERE owner = 'default') AS inherit,
               count(*) FILTER (WHERE owner <> 'default') AS override
          FROM clients
         WHERE partner_id = $1 AND serviced AND client_version > 0
        """,
        partner_id,
    )
    return (row["inherit"], row["override"]) if row else (0, 0)


async def list_told_clients(tx: Connection) -> AsyncIterator[list[UUID]]:
    """Every client that has a snapshot, a few hundred at a time."""
    last = UUID(int=0)
    while True:
        rows = await tx.fetch(
            """
            SELECT client_id
              FROM clients
             WHERE client_id > $1 AND renewals_version > 0
             ORDER BY client_id
             LIMIT 500
            """,
            last,
        )
        if not rows:
            return
        last = rows[-1]["client_id"]
        yield [row["client_id"] for row in rows]


async def save_changes(tx: Connection, changes: Sequence[Change]) -> None:
    """Note who changed what."""
    await tx.execute(
        """
        INSERT INTO changes (partner_id, client_id, subject, actor, at, before, after)
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::timestamptz[],
                             $6::jsonb[], $7::jsonb[])
        """,
        [c.partner_id for c in changes],
        [c.client_id for c in changes],
        [c.subject for c in changes],
        [c.actor for c in changes],
        [c.at for c in changes],
        [json.dumps(c.before) for c in changes],
        [json.dumps(c.after) for c in changes],
    )


async def list_changes(
    tx: Connection,
    partner_id: UUID,
    client_id: UUID | None,
    subject: Subject,
    *,
    descending: bool,
    after: int | None,
    limit: int,
) -> list[Change]:
    """Changes of a partner's setting, or of a client's, by their number."""
    way, beyond = ("DESC", "<") if descending else ("ASC", ">")
    rows = await tx.fetch(
        f"""
        SELECT change_id, partner_id, client_id, subject, actor, at, before, after
          FROM changes
         WHERE partner_id = $1
           AND client_id IS NOT DISTINCT FROM $2
           AND subject = $3
           AND ($4::bigint IS NULL OR change_id {beyond} $4)
         ORDER BY change_id {way}
         LIMIT $5
        """,  # noqa: S608 - constants
        partner_id,
        client_id,
        subject,
        after,
        limit,
    )
    return [
        Change(**{**row, "before": json.loads(row["before"]), "after": json.loads(row["after"])})
        for row in rows
    ]


async def _lock(tx: Connection, ids: Sequence[UUID]) -> dict[UUID, Client]:
    rows = await tx.fetch(
        f"""
        SELECT {_COLUMNS}
          FROM clients
         WHERE client_id = ANY($1)
         ORDER BY client_id
           FOR UPDATE
        """,  # noqa: S608 - a constant
        ids,
    )
    return {row["client_id"]: _client(row) for row in rows}


def _client(row: Any) -> Client:
    return Client(
        client_id=row["client_id"],
        partner_id=row["partner_id"],
        client_version=row["client_version"],
        services=Services(active=row["serviced"], period=row["period"]),
        name=row["name"],
        domain=row["domain"],
        owner=OwnerChoice.model_construct(
            owner=row["owner"],
            notified_user_id=row["notified_user_id"],
            point_of_contact_id=row["point_of_contact_id"],
        ),
        owner_version=row["owner_version"],
        stages=None if row["stages"] is None else tuple(row["stages"]),
        stages_version=row["stages_version"],
        renewals_version=row["renewals_version"],
    )

"""Clients that an import makes: read where they are staged, and put where they stay."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from services.clients.domain.newcomers import CHANGE, Newcomer, Newcomers, Person, Product, Told
from shared.chassis.database import Connection


async def list_newcomers(tx: Connection, after: Any, limit: int) -> list[UUID]:
    """The clients that are new and lose nothing, by id, after one (None: from the first)."""
    rows = await tx.fetch(
        """
        SELECT client_id
          FROM touched
         WHERE created AND NOT moved
           AND client_id > coalesce($1, '00000000-0000-0000-0000-000000000000'::uuid)
         ORDER BY client_id
         LIMIT $2
        """,
        after,
        limit,
    )
    return [row["client_id"] for row in rows]


async def read_newcomers(tx: Connection, client_ids: Sequence[UUID]) -> Newcomers:
    """Read what is staged of new clients, by their ids."""
    clients = await tx.fetch(
        """
        SELECT client_id::text, partner_id::text, record_id, account_id, name, domain, industry,
               country, city, phone, employees, sold, managed, sold_on, contact_tier,
               contacts_limit, contacts_used, email_limit, emails_used, apps_used,
               usage_period_end, manager_id::text, manager_name, manager_email
          FROM staged_clients
         WHERE client_id = ANY($1)
         ORDER BY staged_clients.client_id
        """,
        client_ids,
    )
    contacts = await tx.fetch(
        """
        SELECT client_id::text, contact_id::text, name, email, roles, job_title, phone
          FROM staged_contacts
         WHERE client_id = ANY($1)
        """,
        client_ids,
    )
    subscriptions = await tx.fetch(
        """
        SELECT client_id::text, subscription_id::text, product, mrr::text, currency, term_start,
               term_end
          FROM staged_subscriptions
         WHERE client_id = ANY($1)
        """,
        client_ids,
    )
    return Newcomers(
        [Newcomer(*row) for row in clients],
        [Person(*row) for row in contacts],
        [Product(*row) for row in subscriptions],
    )


_CLIENT: Final = """client_id, partner_id, record_id, account_id, name, domain, industry, country,
               city, phone, employees, sold, managed, sold_on, contact_tier, contacts_limit,
               contacts_used, email_limit, emails_used, apps_used, usage_period_end, manager_id,
               manager_name, manager_email"""
_CONTACT: Final = "contact_id, client_id, partner_id, name, email, roles, job_title, phone"
_SUBSCRIPTION: Final = """subscription_id, client_id, partner_id, product, mrr, currency,
               term_start, term_end"""


async def make_clients(tx: Connection, client_ids: Sequence[UUID]) -> None:
    """Make clients of what is staged, at version 1, with all that belongs to them.

    Raises an error that is `failures.already_there` where somebody else made one meanwhile.
    """
    for table, columns in (
        ("clients", _CLIENT),
        ("contacts", _CONTACT),
        ("subscriptions", _SUBSCRIPTION),
    ):
        version = (", version", ", 1") if table == "clients" else ("", "")
        await tx.execute(
            f"""
            INSERT INTO {table} ({columns}{version[0]})
            SELECT {columns}{version[1]}
              FROM staged_{table}
             WHERE client_id = ANY($1)
            """,  # noqa: S608 - our own names
            client_ids,
        )


async def save_registrations(tx: Connection, told: Sequence[Told], at: datetime) -> None:
    """Keep in the history that an import made clients."""
    await tx.execute(
        """
        INSERT INTO history (subject_id, partner_id, version, change, after, occurred_at)
        SELECT client_id, partner_id, 1, $4, known, $5
          FROM unnest($1::uuid[], $2::uuid[], $3::jsonb[]) AS told (client_id, partner_id, known)
        """,
        [each.client_id for each in told],
        [each.partner_id for each in told],
        [each.known for each in told],
        CHANGE,
        at,
    )

"""Clients with their contacts and subscriptions: read, locked, saved, listed."""

from collections.abc import Sequence
from uuid import UUID

from services.clients.domain import Client
from services.clients.store.documents import CLIENT
from shared.chassis.database import Connection
from shared.contracts.clients import Contact, Subscription


async def lock_client(tx: Connection, client_id: UUID) -> Client | None:
    """Hold a client until commit. None where this partner has no such client.

    The client is read by a statement of its own: one that has waited for the lock would show
    what belongs to the client as it was before.
    """
    locked = await tx.fetchval(
        """
        SELECT true
          FROM clients
         WHERE client_id = $1
           FOR UPDATE
        """,
        client_id,
    )
    return await find_client(tx, client_id) if locked else None


async def lock_documents(tx: Connection, client_ids: Sequence[UUID]) -> list[str]:
    """Hold clients until commit, in the order of their ids, and read their documents."""
    await tx.execute(
        """
        SELECT
          FROM clients
         WHERE client_id = ANY($1)
         ORDER BY client_id
           FOR UPDATE
        """,
        client_ids,
    )
    return await find_documents(tx, client_ids)


async def find_client(tx: Connection, client_id: UUID) -> Client | None:
    """Read a client with all that belongs to it."""
    found = await find_documents(tx, [client_id])
    return client_of(found[0]) if found else None


async def find_documents(tx: Connection, client_ids: Sequence[UUID]) -> list[str]:
    """Read clients with all that belongs to them, in the order of their ids, for `client_of`."""
    rows = await tx.fetch(
        f"""
        SELECT {CLIENT} AS document
          FROM clients AS c
         WHERE c.client_id = ANY($1)
         ORDER BY c.client_id
        """,  # noqa: S608 - a constant
        client_ids,
    )
    return [row["document"] for row in rows]


def client_of(document: str) -> Client:
    """The client that a document tells of."""
    return Client.model_validate_json(document)


async def list_client_ids(
    tx: Connection, partner_id: UUID | None, *, after: UUID | None, limit: int
) -> list[UUID]:
    """List clients by id, of all partners or of one."""
    rows = await tx.fetch(
        """
        SELECT client_id
          FROM clients
         WHERE ($1::uuid IS NULL OR partner_id = $1) AND ($2::uuid IS NULL OR client_id > $2)
         ORDER BY client_id
         LIMIT $3
        """,
        partner_id,
        after,
        limit,
    )
    return [row["client_id"] for row in rows]


async def save_client(tx: Connection, before: Client, after: Client) -> bool:
    """Save a client that is locked, with all that belongs to it.

    False where a contact or a subscription belongs to another client of the partner; the
    transaction must then be given up.
    """
    await _save_row(tx, after)
    saved = True
    if before.contacts != after.contacts:
        saved = await _save_contacts(tx, after)
    if before.subscriptions != after.subscriptions:
        saved = saved and await _save_subscriptions(tx, after)
    return saved


async def _save_row(tx: Connection, client: Client) -> None:
    company, relationship, services = client.company, client.relationship, client.services
    contacts, emails = client.contact_tier, client.email_use
    usage, manager = client.app_usage, client.renewal_manager
    await tx.execute(
        """
        UPDATE clients
           SET version = $2, name = $3, domain = $4, industry = $5, country = $6, city = $7,
               phone = $8, employees = $9, sold = $10, managed = $11, sold_on = $12, active = $13,
               period = $14, ended_at = $15, contact_tier = $16, contacts_limit = $17,
               contacts_used = $18, email_limit = $19, emails_used = $20, apps_used = $21,
               usage_period_end = $22, manager_id = $23, manager_name = $24, manager_email = $25
         WHERE client_id = $1
        """,
        client.client_id,
        client.version,
        company.name,
        company.domain,
        company.industry,
        company.country,
        company.city,
        company.phone,
        company.employees,
        relationship.sold,
        relationship.managed,
        relationship.sold_on,
        services.active,
        services.period,
        services.ended_at,
        contacts.tier if contacts else "",
        contacts and contacts.limit,
        contacts and contacts.used,
        emails and emails.limit,
        emails and emails.used,
        usage and usage.apps_used,
        usage and usage.period_end,
        manager and manager.person_id,
        manager and manager.name,
        manager and manager.email,
    )


async def _save_contacts(tx: Connection, client: Client) -> bool:
    contacts: Sequence[Contact] = client.contacts
    await tx.execute(
        """
        DELETE FROM contacts
         WHERE client_id = $1 AND contact_id <> ALL($2)
        """,
        client.client_id,
        [contact.contact_id for contact in contacts],
    )
    done = await tx.execute(
        """
        INSERT INTO contacts (contact_id, client_id, partner_id, name, email, roles, job_title,
                              phone)
        SELECT contact_id, $1, $2, name, email, string_to_array(roles, ';'), job_title,
               phone
          FROM unnest($3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[])
               AS told (contact_id, name, email, roles, job_title, phone)
            ON CONFLICT (contact_id) DO UPDATE
           SET name = excluded.name, email = excluded.email, roles = excluded.roles,
               job_title = excluded.job_title, phone = excluded.phone
         WHERE contacts.client_id = excluded.client_id
        """,
        client.client_id,
        client.partner_id,
        [contact.contact_id for contact in contacts],
        [contact.name for contact in contacts],
        [contact.email for contact in contacts],
        [";".join(contact.roles) for contact in contacts],
        [contact.job_title for contact in contacts],
        [contact.phone for contact in contacts],
    )
    return _count(done) == len(contacts)


async def _save_subscriptions(tx: Connection, client: Client) -> bool:
    subscriptions: Sequence[Subscription] = client.subscriptions
    await tx.execute(
        """
        DELETE FROM subscriptions
         WHERE client_id = $1 AND subscription_id <> ALL($2)
        """,
        client.client_id,
        [each.subscription_id for each in subscriptions],
    )
    done = await tx.execute(
        """
        INSERT INTO subscriptions (subscription_id, client_id, partner_id, product, mrr, currency,
                                   term_start, term_end)
        SELECT subscription_id, $1, $2, product, mrr, currency, term_start, term_end
          FROM unnest($3::uuid[], $4::text[], $5::numeric[], $6::text[], $7::date[], $8::date[])
               AS told (subscription_id, product, mrr, currency, term_start, term_end)
            ON CONFLICT (subscription_id) DO UPDATE
           SET product = excluded.product, mrr = excluded.mrr, currency = excluded.currency,
               term_start = excluded.term_start, term_end = excluded.term_end
         WHERE subscriptions.client_id = excluded.client_id
        """,
        client.client_id,
        client.partner_id,
        [each.subscription_id for each in subscriptions],
        [each.product for each in subscriptions],
        [each.mrr for each in subscriptions],
        [each.currency for each in subscriptions],
        [each.term_start for each in subscriptions],
        [each.term_end for each in subscriptions],
    )
    return _count(done) == len(subscriptions)


def _count(done: str) -> int:
    return int(done.rpartition(" ")[2])

"""Clients and their accounts, and what they are worth to each partner.

Locks are taken in one order everywhere, or two partners who share an account would wait for each
other: clients, then accounts, then partners, each by its id. (Erasures, one by one in a batch, may
meet others in another order; PostgreSQL then lets one of them come again.) Credits and
contributions of a partner change only while that partner is locked.
"""

import json
from collections.abc import Collection, Iterable
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from services.tiers.domain.clients import Client
from services.tiers.domain.credit import Contribution, Credit, Worth
from services.tiers.store.columns import columns
from shared.chassis.database import Connection


async def lock_clients(tx: Connection, wanted: Iterable[tuple[UUID, UUID]]) -> dict[UUID, Client]:
    """Hold clients, given with their partners, until commit; those never heard of are made."""
    pairs = sorted(set(wanted))
    ids = [client for client, _ in pairs]
    await tx.execute(
        """
        INSERT INTO clients (client_id, partner_id)
        SELECT * FROM unnest($1::uuid[], $2::uuid[])
        ON CONFLICT DO NOTHING
        """,
        ids,
        [partner for _, partner in pairs],
    )
    return await lock_known_clients(tx, ids)


async def lock_known_clients(tx: Connection, wanted: Collection[UUID]) -> dict[UUID, Client]:
    """Hold clients until commit; what was never heard of is left out."""
    rows = await tx.fetch(
        """
        SELECT client_id, partner_id, account_id, record_id, name, domain, country, sold, sold_on,
               managed, serviced, period, mrr, apps_used, used_until, version, services_version,
               erased
          FROM clients
         WHERE client_id = ANY($1)
         ORDER BY client_id
           FOR UPDATE
        """,
        list(wanted),
    )
    return {row["client_id"]: _client(row) for row in rows}


async def save_clients(tx: Connection, changed: Collection[Client]) -> None:
    """Save clients that are held."""
    if not changed:
        return
    await tx.execute(
        """
        UPDATE clients AS c
           SET account_id = n.account_id, record_id = n.record_id, name = n.name,
               domain = n.domain, country = n.country, sold = n.sold, sold_on = n.sold_on,
               sold_until = n.sold_until, managed = n.managed, serviced = n.serviced,
               period = n.period, mrr = n.mrr, apps_used = n.apps_used,
               used_until = n.used_until, version = n.version,
               services_version = n.services_version, erased = n.erased
          FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[],
                      $7::boolean[], $8::date[], $9::date[], $10::boolean[], $11::boolean[],
                      $12::integer[], $13::jsonb[], $14::smallint[], $15::date[], $16::bigint[],
                      $17::bigint[], $18::boolean[])
            AS n (client_id, account_id, record_id, name, domain, country, sold, sold_on,
                  sold_until, managed, serviced, period, mrr, apps_used, used_until, version,
                  services_version, erased)
         WHERE c.client_id = n.client_id
        """,
        *columns(
            changed,
            lambda c: (
                c.client_id,
                c.account_id,
                c.record_id,
                c.name,
                c.domain,
                c.country,
                c.sold,
                c.sold_on,
                c.sold_until,
                c.managed,
                c.serviced,
                c.period,
                json.dumps({currency: str(mrr) for currency, mrr in c.mrr.items()}),
                c.apps_used,
                c.used_until,
                c.version,
                c.services_version,
                c.erased,
            ),
        ),
    )


async def lock_accounts(tx: Connection, accounts: Collection[int]) -> None:
    """Hold accounts until commit: meanwhile nobody begins or ceases to service them."""
    wanted = sorted(accounts)
    await tx.execute(
        "INSERT INTO accounts SELECT unnest($1::bigint[]) ON CONFLICT DO NOTHING", wanted
    )
    await tx.execute(
        """
        SELECT FROM accounts WHERE account_id = ANY($1::bigint[]) ORDER BY account_id FOR UPDATE
        """,
        wanted,
    )


async def list_clients(tx: Connection, accounts: Collection[int]) -> list[Client]:
    """All partners' clients of some accounts."""
    rows = await tx.fetch(
        """
        SELECT client_id, partner_id, account_id, record_id, name, domain, country, sold, sold_on,
               managed, serviced, period, mrr, apps_used, used_until, version, services_version,
               erased
          FROM clients
         WHERE account_id = ANY($1::bigint[])
        """,
        list(accounts),
    )
    return [_client(row) for row in rows]


async def list_clients_of(tx: Connection, owned: Collection[tuple[UUID, int]]) -> list[Client]:
    """Partners' own clients of some of their accounts."""
    rows = await tx.fetch(
        """
        SELECT client_id, partner_id, account_id, record_id, name, domain, country, sold, sold_on,
               managed, serviced, period, mrr, apps_used, used_until, version, services_version,
               erased
          FROM clients
          JOIN unnest($1::uuid[], $2::bigint[]) AS o (partner_id, account_id)
         USING (partner_id, account_id)
        """,
        *columns(owned, lambda pair: pair, width=2),
    )
    return [_client(row) for row in rows]


async def list_accounts_turning(
    tx: Connection, moves: Collection[tuple[UUID, date, date]]
) -> list[tuple[UUID, int]]:
    """Accounts whose sold credit begins or ends when partners move from one day to another."""
    rows = await tx.fetch(
        """
        SELECT c.partner_id, c.account_id
          FROM unnest($1::uuid[], $2::date[], $3::date[]) AS m (partner_id, early, late)
          JOIN clients c
            ON c.partner_id = m.partner_id AND c.sold
           AND c.sold_on > m.early AND c.sold_on <= m.late
         UNION
        SELECT c.partner_id, c.account_id
          FROM unnest($1::uuid[], $2::date[], $3::date[]) AS m (partner_id, early, late)
          JOIN clients c
            ON c.partner_id = m.partner_id AND c.sold
           AND c.sold_until > m.early AND c.sold_until <= m.late
        """,
        *columns(moves, lambda m: (m[0], min(m[1:]), max(m[1:])), width=3),
    )
    return [(row["partner_id"], row["account_id"]) for row in rows]


async def list_worth(tx: Connection, accounts: Collection[int]) -> Worth:
    """What some accounts count for all partners, as it was saved."""
    wanted = list(accounts)
    credit_rows = await tx.fetch(
        """
        SELECT client_id, currency, partner_id, account_id, country, mrr, sold, managed, partners
          FROM credits
         WHERE account_id = ANY($1::bigint[])
        """,
        wanted,
    )
    contribution_rows = await tx.fetch(
        """
        SELECT partner_id, account_id, apps_used
          FROM contributions
         WHERE account_id = ANY($1::bigint[])
        """,
        wanted,
    )
    return _worth(credit_rows, contribution_rows)


async def list_worth_of(tx: Connection, owned: Collection[tuple[UUID, int]]) -> Worth:
    """What some of their accounts count for partners, as it was saved."""
    pairs = columns(owned, lambda pair: pair, width=2)
    credit_rows = await tx.fetch(
        """
        SELECT client_id, currency, partner_id, account_id, country, mrr, sold, managed, partners
          FROM credits
          JOIN unnest($1::uuid[], $2::bigint[]) AS o (partner_id, account_id)
         USING (partner_id, account_id)
        """,
        *pairs,
    )
    contribution_rows = await tx.fetch(
        """
        SELECT partner_id, account_id, apps_used
          FROM contributions
          JOIN unnest($1::uuid[], $2::bigint[]) AS o (partner_id, account_id)
         USING (partner_id, account_id)
        """,
        *pairs,
    )
    return _worth(credit_rows, contribution_rows)


async def save_worth(tx: Connection, before: Worth, after: Worth) -> None:
    """Save what differs. The partners concerned are held."""
    await _save_credits(tx, before, after)
    await _save_contributions(tx, before, after)


async def _save_credits(tx: Connection, before: Worth, after: Worth) -> None:
    gone = before.credits.keys() - after.credits.keys()
    if gone:
        await tx.execute(
            """
            DELETE FROM credits
             USING unnest($1::uuid[], $2::text[]) AS g (client_id, currency)
             WHERE credits.client_id = g.client_id AND credits.currency = g.currency
            """,
            *columns(gone, lambda key: key),
        )
    changed = [each for key, each in after.credits.items() if before.credits.get(key) != each]
    if changed:
        await tx.execute(
            """
            INSERT INTO credits (client_id, currency, partner_id, account_id, country, mrr,
                                 sold, managed, partners)
            SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::bigint[], $5::text[],
                                 $6::numeric[], $7::numeric[], $8::numeric[], $9::integer[])
                ON CONFLICT (client_id, currency) DO UPDATE
               SET account_id = excluded.account_id, country = excluded.country,
                   mrr = excluded.mrr, sold = excluded.sold, managed = excluded.managed,
                   partners = excluded.partners
            """,
            *columns(
                changed,
                lambda c: (
                    c.client_id,
                    c.currency,
                    c.partner_id,
                    c.account_id,
                    c.country,
                    c.mrr,
                    c.sold,
                    c.managed,
                    c.partners,
                ),
            ),
        )


async def _save_contributions(tx: Connection, before: Worth, after: Worth) -> None:
    gone = before.contributions.keys() - after.contributions.keys()
    if gone:
        await tx.execute(
            """
            DELETE FROM contributions AS c
             USING unnest($1::uuid[], $2::bigint[]) AS g (partner_id, account_id)
             WHERE c.partner_id = g.partner_id AND c.account_id = g.account_id
            """,
            *columns(gone, lambda key: key),
        )
    changed = [
        each for key, each in after.contributions.items() if before.contributions.get(key) != each
    ]
    if changed:
        await tx.execute(
            """
            INSERT INTO contributions (partner_id, account_id, apps_used)
            SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::smallint[])
                ON CONFLICT (partner_id, account_id) DO UPDATE SET apps_used = excluded.apps_used
            """,
            *columns(changed, lambda c: (c.partner_id, c.account_id, c.apps_used)),
        )


def _worth(credit_rows: Iterable[Any], contribution_rows: Iterable[Any]) -> Worth:
    return Worth(
        {(row["client_id"], row["currency"]): Credit(**dict(row)) for row in credit_rows},
        {
            (row["partner_id"], row["account_id"]): Contribution(**dict(row))
            for row in contribution_rows
        },
    )


def _client(row: Any) -> Client:
    values = dict(row)
    values["mrr"] = {
        currency: Decimal(amount) for currency, amount in json.loads(values["mrr"]).items()
    }
    return Client(**values)


async def list_accounts(
    tx: Connection, partner_id: UUID, *, after: int | None, limit: int
) -> list[int]:
    """A partner's accounts in their order, from behind one on."""
    rows = await tx.fetch(
        """
        SELECT DISTINCT account_id
          FROM clients
         WHERE partner_id = $1 AND account_id > coalesce($2, -1)
         ORDER BY account_id
         LIMIT $3
        """,
        partner_id,
        after,
        limit,
    )
    return [row["account_id"] for row in rows]


async def list_worth_between(
    tx: Connection, partner_id: UUID, *, after: int | None, until: int | None
) -> Worth:
    """What accounts count for a partner, as it was saved: behind one account, up to another."""
    credit_rows = await tx.fetch(
        """
        SELECT client_id, currency, partner_id, account_id, country, mrr, sold, managed, partners
          FROM credits
         WHERE partner_id = $1 AND ($2::bigint IS NULL OR account_id > $2)
           AND ($3::bigint IS NULL OR account_id <= $3)
        """,
        partner_id,
        after,
        until,
    )
    contribution_rows = await tx.fetch(
        """
        SELECT partner_id, account_id, apps_used
          FROM contributions
         WHERE partner_id = $1 AND ($2::bigint IS NULL OR account_id > $2)
           AND ($3::bigint IS NULL OR account_id <= $3)
        """,
        partner_id,
        after,
        until,
    )
    return _worth(credit_rows, contribution_rows)

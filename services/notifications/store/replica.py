"""The replica of what the other services say; newer replaces older, whatever comes first."""

from collections.abc import Sequence
from uuid import UUID

from pydantic import TypeAdapter

from services.notifications import domain
from shared.chassis.database import Connection
from shared.contracts import clients, renewals

_CONTACTS = TypeAdapter(tuple[clients.Contact, ...])
_TEAM = TypeAdapter(tuple[clients.HubSpotPerson, ...])
_STAGES = TypeAdapter(tuple[renewals.Stage, ...])
_PRODUCTS = TypeAdapter(tuple[renewals.Product, ...])


async def save_partners(tx: Connection, said: Sequence[clients.PartnerSnapshot]) -> list[UUID]:
    """Keep partners and their users; give the ids of those that were news."""
    latest = {each.partner_id: each for each in sorted(said, key=lambda each: each.version)}
    rows = await tx.fetch(
        """
        INSERT INTO partners AS old (partner_id, version, hub_id, name, time_zone, team)
        SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::text[], $5::text[],
                             $6::jsonb[]) AS said (partner_id)
         ORDER BY said.partner_id
            ON CONFLICT (partner_id) DO UPDATE
           SET version = excluded.version, hub_id = excluded.hub_id, name = excluded.name,
               time_zone = excluded.time_zone, team = excluded.team,
               changed_at = clock_timestamp()
         WHERE old.version < excluded.version
        RETURNING partner_id
        """,
        list(latest),
        [each.version for each in latest.values()],
        [each.hub_id for each in latest.values()],
        [each.name for each in latest.values()],
        [each.time_zone for each in latest.values()],
        [_TEAM.dump_json(each.team).decode() for each in latest.values()],
    )
    news = [row["partner_id"] for row in rows]
    await _save_users(tx, [latest[partner_id] for partner_id in news])
    return news


async def _save_users(tx: Connection, said: Sequence[clients.PartnerSnapshot]) -> None:
    users = sorted(
        ((partner, user) for partner in said for user in partner.users),
        key=lambda each: each[1].user_id,
    )
    await tx.execute(
        """
        DELETE FROM partner_users
         WHERE partner_id = ANY($1::uuid[]) AND user_id <> ALL($2::uuid[]) AND version > 0
        """,
        [partner.partner_id for partner in said],
        [user.user_id for _, user in users],
    )
    await tx.execute(
        """
        INSERT INTO partner_users AS old (user_id, partner_id, name, email, admin, active, version,
                                          active_version)
        SELECT *, version
          FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::boolean[],
                      $6::boolean[], $7::bigint[])
            AS said (user_id, partner_id, name, email, admin, active, version)
            ON CONFLICT (user_id) DO UPDATE
           SET partner_id = excluded.partner_id, name = excluded.name, email = excluded.email,
               admin = excluded.admin, version = excluded.version,
               active = CASE WHEN excluded.version >= old.active_version
                             THEN excluded.active ELSE old.active END,
               active_version = greatest(old.active_version, excluded.version)
        """,
        [user.user_id for _, user in users],
        [partner.partner_id for partner, _ in users],
        [user.name for _, user in users],
        [user.email for _, user in users],
        [user.admin for _, user in users],
        [user.active for _, user in users],
        [partner.version for partner, _ in users],
    )


async def save_activity(tx: Connection, said: Sequence[tuple[UUID, UUID, bool, int]]) -> list[UUID]:
    """Note that users (partner, user, active, version) act or no longer act; give the partners."""
    in_order = sorted(said, key=lambda each: each[3])
    latest = {user: (partner, active, version) for partner, user, active, version in in_order}
    users = sorted(latest)
    # The partner first, as where its snapshot is kept: two topics never wait for each other.
    await tx.execute(
        """
        UPDATE partners SET changed_at = clock_timestamp()
         WHERE partner_id IN (SELECT partner_id FROM partners WHERE partner_id = ANY($1::uuid[])
                               ORDER BY partner_id FOR NO KEY UPDATE)
        """,
        list({partner for partner, _, _ in latest.values()}),
    )
    rows = await tx.fetch(
        """
        INSERT INTO partner_users AS old (user_id, partner_id, active, active_version)
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::boolean[], $4::bigint[])
            ON CONFLICT (user_id) DO UPDATE
           SET active = excluded.active, active_version = excluded.active_version
         WHERE old.active_version < excluded.active_version
        RETURNING partner_id
        """,
        users,
        [latest[user][0] for user in users],
        [latest[user][1] for user in users],
        [latest[user][2] for user in users],
    )
    return sorted({row["partner_id"] for row in rows})


async def save_clients(tx: Connection, said: Sequence[clients.ClientSnapshot]) -> list[UUID]:
    """Keep clients; give the ids of those that were news.

    Whether a client is serviced has a version of its own: an end that was heard before stays.
    """
    latest = {each.client_id: each for each in sorted(said, key=lambda each: each.version)}
    told = [latest[client_id] for client_id in sorted(latest)]
    rows = await tx.fetch(
        """
        INSERT INTO clients AS old (client_id, partner_id, version, name, domain, record_id,
                                    account_id, contacts, renewal_manager, period, serviced,
                                    services_version)
        SELECT *, version
          FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[], $5::text[], $6::bigint[],
                      $7::bigint[], $8::jsonb[], $9::jsonb[], $10::integer[], $11::boolean[])
            AS said (client_id, partner_id, version, name, domain, record_id, account_id, contacts,
                     renewal_manager, period, serviced)
            ON CONFLICT (client_id) DO UPDATE
           SET version = excluded.version, name = excluded.name, domain = excluded.domain,
               record_id = excluded.record_id, account_id = excluded.account_id,
               contacts = excluded.contacts, renewal_manager = excluded.renewal_manager,
               period = CASE WHEN excluded.version >= old.services_version
                             THEN excluded.period ELSE old.period END,
               serviced = CASE WHEN excluded.version >= old.services_version
                               THEN excluded.serviced ELSE old.serviced END,
               services_version = greatest(old.services_version, excluded.version),
               changed_at = clock_timestamp()
         WHERE old.version < excluded.version
        RETURNING client_id
        """,
        [each.client_id for each in told],
        [each.partner_id for each in told],
        [each.version for each in told],
        [each.company.name for each in told],
        [each.company.domain for each in told],
        [each.record_id for each in told],
        [each.account_id for each in told],
        [_CONTACTS.dump_json(each.contacts).decode() for each in told],
        [each.renewal_manager and each.renewal_manager.model_dump_json() for each in told],
        [each.services.period for each in told],
        [each.services.active for each in told],
    )
    return [row["client_id"] for row in rows]


async def save_services(
    tx: Connection, said: Sequence[tuple[UUID, UUID, int, bool, int]]
) -> list[UUID]:
    """Note that services (client, partner, period, serviced, version) ended or were resumed.

    What concerns an earlier period, or was said before what is known, changes nothing.
    """
    latest = {each[0]: each for each in sorted(said, key=lambda each: (each[2], each[4]))}
    told = [latest[client_id] for client_id in sorted(latest)]
    rows = await tx.fetch(
        """
        INSERT INTO clients AS old (client_id, partner_id, period, serviced, services_version)
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::integer[], $4::boolean[], $5::bigint[])
            ON CONFLICT (client_id) DO UPDATE
           SET period = excluded.period, serviced = excluded.serviced,
               services_version = excluded.services_version, changed_at = clock_timestamp()
         WHERE old.services_version < excluded.services_version AND old.period <= excluded.period
        RETURNING client_id
        """,
        *map(list, zip(*told, strict=True)),
    )
    return [row["client_id"] for row in rows]


async def save_policies(
    tx: Connection, said: Sequence[renewals.PartnerPolicySnapshot]
) -> list[UUID]:
    """Keep partners' settings for renewals; give the partners for which they were news."""
    latest = {each.partner_id: each for each in sorted(said, key=lambda each: each.version)}
    told = [latest[partner_id] for partner_id in sorted(latest)]
    rows = await tx.fetch(
        """
        INSERT INTO policies AS old (partner_id, version, default_owner,
                                     default_point_of_contact_id, recipient_roles,
                                     tell_renewal_manager, stages)
        SELECT partner_id, version, default_owner, contact, string_to_array(roles, chr(31)),
               manager, stages
          FROM unnest($1::uuid[], $2::bigint[], $3::jsonb[], $4::uuid[], $5::text[], $6::boolean[],
                      $7::jsonb[])
            AS said (partner_id, version, default_owner, contact, roles, manager, stages)
            ON CONFLICT (partner_id) DO UPDATE
           SET version = excluded.version, default_owner = excluded.default_owner,
               default_point_of_contact_id = excluded.default_point_of_contact_id,
               recipient_roles = excluded.recipient_roles,
               tell_renewal_manager = excluded.tell_renewal_manager,
               stages = excluded.stages, changed_at = clock_timestamp()
         WHERE old.version < excluded.version
        RETURNING partner_id
        """,
        [each.partner_id for each in told],
        [each.version for each in told],
        [each.default_owner.model_dump_json() for each in told],
        [each.default_point_of_contact_id for each in told],
        ["\x1f".join(each.recipient_roles) for each in told],
        [each.tell_renewal_manager for each in told],
        [_STAGES.dump_json(each.stages).decode() for each in told],
    )
    return [row["partner_id"] for row in rows]


async def save_renewals(
    tx: Connection, said: Sequence[renewals.ClientRenewalsSnapshot]
) -> list[UUID]:
    """Keep clients' contract changes and overrides; give the clients for which they were news."""
    latest = {each.client_id: each for each in sorted(said, key=lambda each: each.version)}
    told = [latest[client_id] for client_id in sorted(latest)]
    rows = await tx.fetch(
        """
        INSERT INTO client_policies AS old (client_id, partner_id, version, owner, stages)
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::jsonb[], $5::jsonb[])
            ON CONFLICT (client_id) DO UPDATE
           SET version = excluded.version, owner = excluded.owner, stages = excluded.stages
         WHERE old.version < excluded.version
        RETURNING client_id
        """,
        [each.client_id for each in told],
        [each.partner_id for each in told],
        [each.version for each in told],
        [each.owner.model_dump_json() for each in told],
        [None if each.stages is None else _STAGES.dump_json(each.stages).decode() for each in told],
    )
    news = [row["client_id"] for row in rows]
    await _save_changes(tx, [latest[client_id] for client_id in news])
    return news


async def _save_changes(tx: Connection, said: Sequence[renewals.ClientRenewalsSnapshot]) -> None:
    told = sorted(
        ((client, renewal) for client in said for renewal in client.renewals),
        key=lambda each: each[1].renewal_id,
    )
    await tx.execute(
        """
        INSERT INTO renewals AS old (renewal_id, client_id, partner_id, kind, status, starts,
                                     deadline, currency, current_mrr, renewal_mrr, products,
                                     version, listed_version)
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[],
                             $6::date[], $7::date[], $8::text[], $9::numeric[], $10::numeric[],
                             $11::jsonb[], $12::bigint[], $13::bigint[])
            ON CONFLICT (renewal_id) DO UPDATE
           SET kind = excluded.kind, currency = excluded.currency,
               current_mrr = excluded.current_mrr, renewal_mrr = excluded.renewal_mrr,
               products = excluded.products,
               status = CASE WHEN old.version <= excluded.version
                             THEN excluded.status ELSE old.status END,
               starts = CASE WHEN old.version <= excluded.version
                             THEN excluded.starts ELSE old.starts END,
               deadline = CASE WHEN old.version <= excluded.version OR old.deadline IS NULL
                               THEN excluded.deadline ELSE old.deadline END,
               version = greatest(old.version, excluded.version),
               listed_version = excluded.listed_version
        """,
        [renewal.renewal_id for _, renewal in told],
        [client.client_id for client, _ in told],
        [client.partner_id for client, _ in told],
        [renewal.kind for _, renewal in told],
        [renewal.status for _, renewal in told],
        [renewal.renewal_start for _, renewal in told],
        [renewal.deadline for _, renewal in told],
        [renewal.currency for _, renewal in told],
        [renewal.current_mrr for _, renewal in told],
        [renewal.renewal_mrr for _, renewal in told],
        [_PRODUCTS.dump_json(renewal.products).decode() for _, renewal in told],
        [renewal.version for _, renewal in told],
        [client.version for client, _ in told],
    )
    await tx.execute(
        """
        UPDATE renewals AS old
           SET status = 'withdrawn'
          FROM unnest($1::uuid[], $2::bigint[]) AS said (client_id, version)
         WHERE old.client_id = said.client_id AND old.status <> 'withdrawn'
           AND old.listed_version BETWEEN 1 AND said.version - 1
        """,
        [client.client_id for client in said],
        [client.version for client in said],
    )


async def save_facts(tx: Connection, said: Sequence[domain.Fact]) -> list[UUID]:
    """Let facts about contract changes take effect at once; give the clients concerned.

    Facts and snapshots come by different topics, so what was said before what is known changes
    nothing, and a fact may be the first that is heard of a change.
    """
    told: dict[UUID, domain.Fact] = {}
    for fact in sorted(said, key=lambda each: each.version):
        told[fact.renewal_id] = fact.after(told.get(fact.renewal_id))
    facts = [told[renewal_id] for renewal_id in sorted(told)]
    rows = await tx.fetch(
        """
        INSERT INTO renewals AS old (renewal_id, client_id, partner_id, kind, status, starts,
                                     deadline, version)
        SELECT renewal_id, client_id, partner_id, 'renewal', coalesce(status, 'pending'), starts,
               deadline, version
          FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::date[], $6::date[],
                      $7::bigint[])
            AS said (renewal_id, client_id, partner_id, status, starts, deadline, version)
            ON CONFLICT (renewal_id) DO UPDATE
           SET status = CASE WHEN excluded.status = 'pending' AND NOT old.renewal_id = ANY($8)
                             THEN old.status ELSE excluded.status END,
               starts = excluded.starts, deadline = coalesce(excluded.deadline, old.deadline),
               version = excluded.version
         WHERE old.version < excluded.version
        RETURNING client_id
        """,
        [fact.renewal_id for fact in facts],
        [fact.client_id for fact in facts],
        [fact.partner_id for fact in facts],
        [fact.status for fact in facts],
        [fact.starts for fact in facts],
        [fact.deadline for fact in facts],
        [fact.version for fact in facts],
        [fact.renewal_id for fact in facts if fact.status == "pending"],
    )
    return [row["client_id"] for row in rows]


async def forget_client(tx: Connection, client_id: UUID) -> None:
    """Erase a client and its people."""
    await tx.execute("DELETE FROM clients WHERE client_id = $1", client_id)


async def forget_partner(tx: Connection, partner_id: UUID) -> None:
    """Erase a partner and its people."""
    await tx.execute("DELETE FROM partners WHERE partner_id = $1", partner_id)
    await tx.execute("DELETE FROM partner_users WHERE partner_id = $1", partner_id)


async def forget_changes(tx: Connection, key: UUID) -> None:
    """Erase what a client's renewals snapshot or a partner's policy said."""
    await tx.execute("DELETE FROM policies WHERE partner_id = $1", key)
    await tx.execute("DELETE FROM client_policies WHERE client_id = $1", key)
    await tx.execute("DELETE FROM renewals WHERE client_id = $1", key)

"""The read model as it is written: the last word of each, whichever topic comes first.

Every statement takes a whole batch, and takes its rows in the order of their keys, so that two
consumers never wait for each other in a circle.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final, TypeAlias, TypeVar
from uuid import UUID

from pydantic import TypeAdapter
from pydantic_core import to_json

from services.dashboard.store.columns import columns
from shared.chassis.database import Connection
from shared.contracts import clients, renewals, tiers
from shared.contracts.event import Event

E = TypeVar("E", bound=Event)
Services: TypeAlias = clients.ServicesEnded | clients.ServicesResumed

_BETWEEN: Final = "\x1f"  # no product has it in its name

_users: Final[TypeAdapter[tuple[clients.PartnerUser, ...]]] = TypeAdapter(
    tuple[clients.PartnerUser, ...]
)
_team: Final[TypeAdapter[tuple[clients.HubSpotPerson, ...]]] = TypeAdapter(
    tuple[clients.HubSpotPerson, ...]
)
_stages: Final[TypeAdapter[tuple[renewals.Stage, ...]]] = TypeAdapter(tuple[renewals.Stage, ...])
_products: Final[TypeAdapter[tuple[renewals.Product, ...]]] = TypeAdapter(
    tuple[renewals.Product, ...]
)
_options: Final[TypeAdapter[tuple[renewals.Option, ...]]] = TypeAdapter(tuple[renewals.Option, ...])


async def save_partners(tx: Connection, said: Sequence[clients.PartnerSnapshot]) -> set[UUID]:
    """Keep partners and their people; returns those of whom this was news."""
    latest = _latest(said)
    await _remember(tx, [each.partner_id for each in latest])
    rows = await tx.fetch(
        """
        INSERT INTO partners AS old (partner_id, version, hub_id, name, time_zone, users, team)
        SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::text[], $5::text[],
                             $6::json[], $7::json[]) AS said (partner_id)
         ORDER BY said.partner_id
            ON CONFLICT (partner_id) DO UPDATE
           SET version = excluded.version, hub_id = excluded.hub_id, name = excluded.name,
               time_zone = excluded.time_zone, users = excluded.users, team = excluded.team
         WHERE old.version <= excluded.version
        RETURNING partner_id
        """,
        *columns(
            latest,
            lambda each: (
                each.partner_id,
                each.version,
                each.hub_id,
                each.name,
                each.time_zone,
                _users.dump_json(each.users).decode(),
                _team.dump_json(each.team).decode(),
            ),
        ),
    )
    return {row["partner_id"] for row in rows}


async def save_policies(
    tx: Connection, said: Sequence[renewals.PartnerPolicySnapshot]
) -> set[UUID]:
    """Keep partners' settings; returns those of whom this was news."""
    rows = await tx.fetch(
        """
        INSERT INTO partners AS old (partner_id, policy_version, policy)
        SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::json[]) AS said (partner_id)
         ORDER BY said.partner_id
            ON CONFLICT (partner_id) DO UPDATE
           SET policy_version = excluded.policy_version, policy = excluded.policy
         WHERE old.policy_version <= excluded.policy_version
        RETURNING partner_id
        """,
        *columns(_latest(said), _documented),
    )
    return {row["partner_id"] for row in rows}


async def save_tiers(tx: Connection, said: Sequence[tiers.PartnerTierSnapshot]) -> set[UUID]:
    """Keep where partners stand; returns those of whom this was news."""
    rows = await tx.fetch(
        """
        INSERT INTO partners AS old (partner_id, tier_version, tier)
        SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::json[]) AS said (partner_id)
         ORDER BY said.partner_id
            ON CONFLICT (partner_id) DO UPDATE
           SET tier_version = excluded.tier_version, tier = excluded.tier
         WHERE old.tier_version <= excluded.tier_version
        RETURNING partner_id
        """,
        *columns(_latest(said), _documented),
    )
    return {row["partner_id"] for row in rows}


def _documented(
    each: renewals.PartnerPolicySnapshot | tiers.PartnerTierSnapshot,
) -> tuple[UUID, int, str]:
    return each.partner_id, each.version, each.model_dump_json()


async def save_clients(tx: Connection, said: Sequence[clients.ClientSnapshot]) -> set[UUID]:
    """Keep clients; returns the partners of those that were news.

    Whether services run has a version of its own: an end that was heard before stays.
    """
    latest = _latest(said)
    await _remember(tx, [each.client_id for each in latest])
    rows = await tx.fetch(
        """
        INSERT INTO clients AS old
               (client_id, partner_id, version, services_version, record_id, account_id, name,
                domain, sold, managed, active, period, ended_at, products, apps_used, currency,
                mrr, mrrs, document)
        SELECT client_id, partner_id, version, version, record_id, account_id, name, domain, sold,
               managed, active, period, ended_at, string_to_array(products, $19), apps_used,
               currency, mrr, mrrs, document
          FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[],
                      $6::text[], $7::text[], $8::boolean[], $9::boolean[], $10::boolean[],
                      $11::integer[], $12::timestamptz[], $13::text[], $14::smallint[],
                      $15::text[], $16::numeric[], $17::json[], $18::json[])
            AS said (client_id, partner_id, version, record_id, account_id, name, domain, sold,
                     managed, active, period, ended_at, products, apps_used, currency, mrr, mrrs,
                     document)
         ORDER BY client_id
            ON CONFLICT (client_id) DO UPDATE
           SET version = excluded.version, partner_id = excluded.partner_id,
               record_id = excluded.record_id, account_id = excluded.account_id,
               name = excluded.name, domain = excluded.domain, sold = excluded.sold,
               managed = excluded.managed, products = excluded.products,
               apps_used = excluded.apps_used, currency = excluded.currency, mrr = excluded.mrr,
               mrrs = excluded.mrrs, document = excluded.document,
               active = CASE WHEN excluded.version >= old.services_version
                             THEN excluded.active ELSE old.active END,
               period = CASE WHEN excluded.version >= old.services_version
                             THEN excluded.period ELSE old.period END,
               ended_at = CASE WHEN excluded.version >= old.services_version
                               THEN excluded.ended_at ELSE old.ended_at END,
               services_version = greatest(old.services_version, excluded.services_version)
         WHERE old.version <= excluded.version
        RETURNING partner_id
        """,
        *columns(latest, _client),
        _BETWEEN,
    )
    return {row["partner_id"] for row in rows}


def _client(each: clients.ClientSnapshot) -> tuple[object, ...]:
    amounts = _by_currency(each.subscriptions)
    currency = max(amounts, key=lambda code: (amounts[code], code), default=None)
    names = {subscription.product.replace(_BETWEEN, " ") for subscription in each.subscriptions}
    return (
        each.client_id,
        each.partner_id,
        each.version,
        each.record_id,
        each.account_id,
        each.company.name,
        each.company.domain,
        each.relationship.sold,
        each.relationship.managed,
        each.services.active,
        each.services.period,
        each.services.ended_at,
        _BETWEEN.join(sorted(names)),
        each.app_usage.apps_used if each.app_usage else None,
        currency,
        amounts[currency] if currency else None,
        to_json({code: f"{amounts[code]:.2f}" for code in sorted(amounts)}).decode(),
        each.model_dump_json(),
    )


def _by_currency(subscriptions: Iterable[clients.Subscription]) -> dict[str, Decimal]:
    total: dict[str, Decimal] = defaultdict(Decimal)
    for each in subscriptions:
        total[each.currency] += each.mrr
    return dict(total)


async def save_services(tx: Connection, said: Sequence[Services]) -> set[UUID]:
    """Begin or end services at once; returns the partners of the clients that this was news of."""
    rows = await tx.fetch(
        """
        INSERT INTO clients AS old
               (client_id, partner_id, services_version, active, period, ended_at)
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::boolean[], $5::integer[],
                             $6::timestamptz[]) AS said (client_id)
         ORDER BY said.client_id
            ON CONFLICT (client_id) DO UPDATE
           SET services_version = excluded.services_version, active = excluded.active,
               period = excluded.period, ended_at = excluded.ended_at
         WHERE old.services_version < excluded.services_version
        RETURNING partner_id
        """,
        *columns(
            _latest(said),
            lambda each: (
                each.client_id,
                each.partner_id,
                each.version,
                isinstance(each, clients.ServicesResumed),
                each.period,
                each.ended_at if isinstance(each, clients.ServicesEnded) else None,
            ),
        ),
    )
    return {row["partner_id"] for row in rows}


async def save_renewals(
    tx: Connection, said: Sequence[renewals.ClientRenewalsSnapshot]
) -> set[UUID]:
    """Keep clients' contract changes, as a whole each, and what is set for the client alone.

    Returns the partners of those clients of whom this was news.
    """
    latest = {each.client_id: each for each in _latest(said)}
    rows = await tx.fetch(
        """
        INSERT INTO clients AS old
               (client_id, partner_id, renewals_version, owner, owner_version, stages,
                stages_version)
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::json[], $5::bigint[],
                             $6::json[], $7::bigint[]) AS said (client_id)
         ORDER BY said.client_id
            ON CONFLICT (client_id) DO UPDATE
           SET renewals_version = excluded.renewals_version, owner = excluded.owner,
               owner_version = excluded.owner_version, stages = excluded.stages,
               stages_version = excluded.stages_version
         WHERE old.renewals_version <= excluded.renewals_version
        RETURNING client_id, partner_id
        """,
        *columns(latest.values(), _settings),
    )
    await _replace_renewals(tx, [latest[row["client_id"]] for row in rows])
    return {row["partner_id"] for row in rows}


def _settings(each: renewals.ClientRenewalsSnapshot) -> tuple[object, ...]:
    return (
        each.client_id,
        each.partner_id,
        each.version,
        None if each.owner.owner == "default" else each.owner.model_dump_json(),
        each.owner_version,
        None if each.stages is None else _stages.dump_json(each.stages).decode(),
        each.stages_version,
    )


async def _replace_renewals(
    tx: Connection, said: Sequence[renewals.ClientRenewalsSnapshot]
) -> None:
    rows = [(each, renewal) for each in said for renewal in each.renewals]
    await tx.execute(
        """
        DELETE FROM renewals
         WHERE client_id = ANY($1::uuid[]) AND renewal_id <> ALL($2::uuid[])
        """,
        [each.client_id for each in said],
        [renewal.renewal_id for _, renewal in rows],
    )
    if not rows:
        return
    await tx.execute(
        """
        INSERT INTO renewals
               (renewal_id, client_id, partner_id, version, kind, status, starts, deadline,
                currency, current_mrr, renewal_mrr, products, options, chosen_option_id)
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::text[],
                             $6::text[], $7::date[], $8::date[], $9::text[], $10::numeric[],
                             $11::numeric[], $12::json[], $13::json[], $14::uuid[])
            AS said (renewal_id)
         ORDER BY said.renewal_id
            ON CONFLICT (renewal_id) DO UPDATE
           SET version = excluded.version, kind = excluded.kind, status = excluded.status,
               starts = excluded.starts, deadline = excluded.deadline,
               currency = excluded.currency, current_mrr = excluded.current_mrr,
               renewal_mrr = excluded.renewal_mrr, products = excluded.products,
               options = excluded.options, chosen_option_id = excluded.chosen_option_id
        """,
        *columns(
            rows,
            lambda row: (
                row[1].renewal_id,
                row[0].client_id,
                row[0].partner_id,
                row[1].version,
                row[1].kind,
                row[1].status,
                row[1].renewal_start,
                row[1].deadline,
                row[1].currency,
                row[1].current_mrr,
                row[1].renewal_mrr,
                _products.dump_json(row[1].products).decode(),
                _options.dump_json(row[1].options).decode(),
                row[1].chosen_option_id,
            ),
        ),
    )


def _latest(said: Sequence[E]) -> list[E]:
    """The last word of each key: the greatest version, and of the same version the later one."""
    in_order = sorted(said, key=lambda each: each.version)
    return list({getattr(each, each.KEY): each for each in in_order}.values())


async def _remember(tx: Connection, keys: Sequence[UUID]) -> None:
    """Who is told of anew, after having been erased, is forgotten no more."""
    await tx.execute("DELETE FROM erased WHERE key = ANY($1::uuid[])", keys)

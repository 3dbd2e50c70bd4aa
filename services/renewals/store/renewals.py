"""Contract changes, what became of their stages, and the quotes for them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, TypeAlias
from uuid import UUID

from pydantic import TypeAdapter

from services.renewals.domain import Due, Kind, Quote, Renewal, Status
from shared.chassis.database import Connection
from shared.contracts.renewals import Option, Product

Outcome: TypeAlias = Literal["fired", "superseded", "skipped"]

_PRODUCTS: TypeAdapter[tuple[Product, ...]] = TypeAdapter(tuple[Product, ...])
_OPTIONS: TypeAdapter[tuple[Option, ...]] = TypeAdapter(tuple[Option, ...])
COLUMNS = """
    r.renewal_id, r.client_id, r.partner_id, r.kind, r.status, r.starts, r.currency, r.products,
    r.options, r.chosen_option_id, r.decided_by, r.decided_at, r.reason, r.quoted_for, w.version,
    w.next_stage, w.next_stage_at
"""
TABLES = "renewals r JOIN watches w ON w.renewal_id = r.renewal_id"


@dataclass(frozen=True, slots=True)
class StageRecord:
    """What became of a stage of a renewal with a start."""

    renewal_id: UUID
    starts: date
    partner_id: UUID
    due: Due
    outcome: Outcome
    at: datetime


def skipped(renewal: Renewal, stages: Iterable[Due], at: datetime) -> list[StageRecord]:
    """Records of stages that were switched on too late for a renewal."""
    return [
        StageRecord(renewal.renewal_id, renewal.starts, renewal.partner_id, due, "skipped", at)
        for due in stages
    ]


async def find_renewal(tx: Connection, renewal_id: UUID) -> Renewal | None:
    """A contract change as it is now; None also where it was withdrawn."""
    row = await tx.fetchrow(
        f"SELECT {COLUMNS} FROM {TABLES} WHERE r.renewal_id = $1 AND r.status <> 'withdrawn'",  # noqa: S608 - a constant
        renewal_id,
    )
    return from_row(row) if row else None


async def lock_renewals(tx: Connection, clients: Collection[UUID]) -> list[Renewal]:
    """Hold all contract changes of clients until commit, withdrawn ones too."""
    rows = await tx.fetch(
        f"""
        SELECT {COLUMNS}
          FROM {TABLES}
         WHERE r.client_id = ANY($1)
         ORDER BY r.renewal_id
           FOR UPDATE
        """,  # noqa: S608 - a constant
        list(clients),
    )
    return [from_row(row) for row in rows]


async def lock_partner_renewals(tx: Connection, partner_id: UUID) -> list[Renewal]:
    """Hold all contract changes of a partner until commit, but for those withdrawn."""
    rows = await tx.fetch(
        f"""
        SELECT {COLUMNS}
          FROM {TABLES}
         WHERE r.partner_id = $1 AND r.status <> 'withdrawn'
         ORDER BY r.renewal_id
           FOR UPDATE
        """,  # noqa: S608 - a constant
        partner_id,
    )
    return [from_row(row) for row in rows]


async def list_renewals(tx: Connection, clients: Collection[UUID]) -> list[Renewal]:
    """All contract changes of clients as they are now."""
    rows = await tx.fetch(
        f"SELECT {COLUMNS} FROM {TABLES} WHERE r.client_id = ANY($1)",  # noqa: S608 - a constant
        list(clients),
    )
    return [from_row(row) for row in rows]


async def save_renewals(tx: Connection, renewals: Sequence[Renewal]) -> None:
    """Keep contract changes that are held, or are new."""
    await tx.execute(
        """
        INSERT INTO renewals (renewal_id, client_id, partner_id, kind, status, starts, deadline,
                              currency, current_mrr, renewal_mrr, products, options,
                              chosen_option_id, decided_by, decided_at, reason, quoted_for)
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[],
                             $6::date[], $7::date[], $8::text[], $9::numeric[], $10::numeric[],
                             $11::json[], $12::json[], $13::uuid[], $14::uuid[],
                             $15::timestamptz[], $16::text[], $17::date[])
        ON CONFLICT (renewal_id) DO UPDATE
           SET status = excluded.status,
               starts = excluded.starts,
               deadline = excluded.deadline,
               currency = excluded.currency,
               current_mrr = excluded.current_mrr,
               renewal_mrr = excluded.renewal_mrr,
               products = excluded.products,
               options = excluded.options,
               chosen_option_id = excluded.chosen_option_id,
               decided_by = excluded.decided_by,
               decided_at = excluded.decided_at,
               reason = excluded.reason,
               quoted_for = excluded.quoted_for
        """,
        [r.renewal_id for r in renewals],
        [r.client_id for r in renewals],
        [r.partner_id for r in renewals],
        [r.kind for r in renewals],
        [r.status for r in renewals],
        [r.starts for r in renewals],
        [r.deadline for r in renewals],
        [r.currency for r in renewals],
        [r.current_mrr for r in renewals],
        [r.renewal_mrr for r in renewals],
        [_PRODUCTS.dump_json(r.products).decode() for r in renewals],
        [_OPTIONS.dump_json(r.options).decode() for r in renewals],
        [r.chosen_option_id for r in renewals],
        [r.decided_by for r in renewals],
        [r.decided_at for r in renewals],
        [r.reason for r in renewals],
        [r.quoted_for for r in renewals],
    )
    await tx.execute(
        """
        INSERT INTO watches (renewal_id, partner_id, version, next_stage, next_stage_at)
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::integer[], $4::text[], $5::timestamptz[])
        ON CONFLICT (renewal_id) DO UPDATE
           SET version = excluded.version,
               next_stage = excluded.next_stage,
               next_stage_at = excluded.next_stage_at
        """,
        [r.renewal_id for r in renewals],
        [r.partner_id for r in renewals],
        [r.version for r in renewals],
        [r.next_stage for r in renewals],
        [r.next_stage_at for r in renewals],
    )


async def save_arming(tx: Connection, renewals: Sequence[Renewal]) -> None:
    """Keep only when to look at contract changes again."""
    await tx.execute(
        """
        UPDATE watches w
           SET next_stage = n.stage, next_stage_at = n.at
          FROM unnest($1::uuid[], $2::text[], $3::timestamptz[]) AS n (id, stage, at)
         WHERE w.renewal_id = n.id
        """,
        [r.renewal_id for r in renewals],
        [r.next_stage for r in renewals],
        [r.next_stage_at for r in renewals],
    )


async def list_dealt_with(
    tx: Connection, renewals: Iterable[Renewal]
) -> dict[tuple[UUID, date], set[str]]:
    """Which stages of renewals, with their present starts, are dealt with."""
    wanted = [(r.renewal_id, r.starts) for r in renewals]
    rows = await tx.fetch(
        """
        SELECT renewal_id, starts, stage
          FROM stage_records
          JOIN unnest($1::uuid[], $2::date[]) AS wanted (renewal_id, starts)
         USING (renewal_id, starts)
        """,
        [renewal for renewal, _ in wanted],
        [starts for _, starts in wanted],
    )
    found: dict[tuple[UUID, date], set[str]] = {}
    for row in rows:
        found.setdefault((row["renewal_id"], row["starts"]), set()).add(row["stage"])
    return found


async def list_records(
    tx: Connection, renewal_id: UUID, starts: date
) -> dict[str, tuple[Outcome, datetime]]:
    """What became of each stage of a renewal with this start, and when."""
    rows = await tx.fetch(
        """
        SELECT stage, outcome, at
          FROM stage_records
         WHERE renewal_id = $1 AND starts = $2
        """,
        renewal_id,
        starts,
    )
    return {row["stage"]: (row["outcome"], row["at"]) for row in rows}


async def save_records(tx: Connection, records: Sequence[StageRecord]) -> None:
    """Note what became of stages; what is noted already stands."""
    await tx.execute(
        """
        INSERT INTO stage_records (renewal_id, starts, stage, partner_id, outcome, due_at, at)
        SELECT * FROM unnest($1::uuid[], $2::date[], $3::text[], $4::uuid[], $5::text[],
                             $6::timestamptz[], $7::timestamptz[])
        ON CONFLICT DO NOTHING
        """,
        [r.renewal_id for r in records],
        [r.starts for r in records],
        [r.due.stage for r in records],
        [r.partner_id for r in records],
        [r.outcome for r in records],
        [r.due.due_at for r in records],
        [r.at for r in records],
    )


async def list_overdue(
    tx: Connection, todays: Mapping[str, date], limit: int
) -> list[tuple[UUID, UUID]]:
    """Clients with their partners that have undecided changes behind the deadline, by zone."""
    rows = await tx.fetch(
        """
        SELECT r.client_id, r.partner_id
          FROM renewals r
          JOIN partners p ON p.partner_id = r.partner_id AND p.partner_version > 0
          JOIN unnest($1::text[], $2::date[]) AS here (zone, today) ON here.zone = p.time_zone
         WHERE r.status = 'pending' AND r.deadline < $3 AND r.deadline < here.today
         ORDER BY r.deadline
         LIMIT $4
        """,
        list(todays),
        list(todays.values()),
        max(todays.values(), default=date.min),
        limit,
    )
    return [(row["client_id"], row["partner_id"]) for row in rows]


async def list_quotes(tx: Connection, clients: Collection[UUID]) -> dict[UUID, list[Quote]]:
    """All quotes for clients."""
    rows = await tx.fetch(
        """
        SELECT client_id, partner_id, starts, option, product, renewal_mrr, currency,
               is_default AS "default"
          FROM quotes
         WHERE client_id = ANY($1)
         ORDER BY client_id, starts, option, product
        """,
        list(clients),
    )
    found: dict[UUID, list[Quote]] = {}
    for row in rows:
        found.setdefault(row["client_id"], []).append(Quote(**row))
    return found


async def save_quotes(tx: Connection, quotes: Sequence[Quote]) -> list[tuple[UUID, bool]]:
    """Keep quotes; return the client of each that was new (True) or changed (False)."""
    rows = await tx.fetch(
        """
        INSERT INTO quotes AS known (client_id, partner_id, starts, option, product, currency,
                                     renewal_mrr, is_default)
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::date[], $4::text[], $5::text[],
                             $6::text[], $7::numeric[], $8::boolean[])
        ON CONFLICT (client_id, starts, option, product) DO UPDATE
           SET currency = excluded.currency,
               renewal_mrr = excluded.renewal_mrr,
               is_default = excluded.is_default
         WHERE (known.currency, known.renewal_mrr, known.is_default)
               IS DISTINCT FROM (excluded.currency, excluded.renewal_mrr, excluded.is_default)
        RETURNING client_id, xmax = 0 AS created
        """,
        [q.client_id for q in quotes],
        [q.partner_id for q in quotes],
        [q.starts for q in quotes],
        [q.option for q in quotes],
        [q.product for q in quotes],
        [q.currency for q in quotes],
        [q.renewal_mrr for q in quotes],
        [q.default for q in quotes],
    )
    return [(row["client_id"], row["created"]) for row in rows]


def from_row(row: Any) -> Renewal:
    """A contract change from all its columns."""
    return Renewal(
        renewal_id=row["renewal_id"],
        client_id=row["client_id"],
        partner_id=row["partner_id"],
        kind=Kind(row["kind"]),
        status=Status(row["status"]),
        starts=row["starts"],
        currency=row["currency"],
        products=_PRODUCTS.validate_json(row["products"]),
        options=_OPTIONS.validate_json(row["options"]),
        chosen_option_id=row["chosen_option_id"],
        decided_by=row["decided_by"],
        decided_at=row["decided_at"],
        reason=row["reason"],
        quoted_for=row["quoted_for"],
        version=row["version"],
        next_stage=row["next_stage"],
        next_stage_at=row["next_stage_at"],
    )

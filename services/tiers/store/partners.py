"""Partners, their figures, and where they stand."""

import json
from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from services.tiers.domain.figures import Figures, Sums
from services.tiers.domain.standing import Certification, Credited, Partner, Review, Standing
from services.tiers.store.columns import columns
from shared.chassis.database import Connection
from shared.contracts.tiers import Performance


async def lock_partners(tx: Connection, days: Mapping[UUID, date]) -> dict[UUID, Partner]:
    """Hold partners until commit; those never heard of are made, on the given days."""
    ids = sorted(days)
    await tx.execute(
        """
        INSERT INTO partners (partner_id, day)
        SELECT * FROM unnest($1::uuid[], $2::date[])
        ON CONFLICT DO NOTHING
        """,
        ids,
        [days[partner] for partner in ids],
    )
    return await lock_known_partners(tx, ids)


async def lock_known_partners(
    tx: Connection, partners: Collection[UUID] | None = None
) -> dict[UUID, Partner]:
    """Hold these partners, or all, until commit; what was never heard of is left out."""
    rows = await tx.fetch(
        """
        SELECT partner_id
          FROM partners
         WHERE $1::uuid[] IS NULL OR partner_id = ANY($1)
         ORDER BY partner_id
           FOR UPDATE
        """,
        None if partners is None else list(partners),
    )
    return await _load(tx, [row["partner_id"] for row in rows])


async def due_partners(tx: Connection, zone: str, today: date, limit: int) -> dict[UUID, Partner]:
    """Hold partners of a zone that are not on today yet, passing over those held elsewhere."""
    rows = await tx.fetch(
        """
        SELECT partner_id
          FROM partners
         WHERE time_zone = $1 AND known_version > 0 AND NOT erased
           AND (day <> $2 OR reviewed_until IS NULL)
         ORDER BY partner_id
         LIMIT $3
           FOR UPDATE SKIP LOCKED
        """,
        zone,
        today,
        limit,
    )
    return await _load(tx, [row["partner_id"] for row in rows])


async def find_partner(tx: Connection, partner_id: UUID) -> Partner | None:
    """A partner as it was last committed, all of it in one snapshot."""
    return (await _load(tx, [partner_id])).get(partner_id)


async def list_zones(tx: Connection) -> list[str]:
    """The time zones in which partners count their days."""
    rows = await tx.fetch(
        "SELECT DISTINCT time_zone FROM partners WHERE known_version > 0 AND NOT erased"
    )
    return [row["time_zone"] for row in rows]


async def list_partner_ids(
    tx: Connection, *, hub_ids: Collection[int] | None = None
) -> dict[int, UUID]:
    """Known partners by their Hub ID: all, or those that are asked for."""
    rows = await tx.fetch(
        """
        SELECT hub_id, partner_id
          FROM partners
         WHERE known_version > 0 AND NOT erased AND ($1::bigint[] IS NULL OR hub_id = ANY($1))
         ORDER BY hub_id
        """,
        None if hub_ids is None else list(hub_ids),
    )
    return {row["hub_id"]: row["partner_id"] for row in rows}


async def list_partners(tx: Connection) -> list[UUID]:
    """All partners that clients were ever heard of, known or not."""
    rows = await tx.fetch("SELECT partner_id FROM partners ORDER BY partner_id")
    return [row["partner_id"] for row in rows]


# One statement is one snapshot: without a lock, too, the parts agree.
_LOAD = """
    SELECT p.partner_id, p.hub_id, p.time_zone, p.known_version, p.erased, p.day,
           p.reviewed_until, p.usage, p.credited_tier, p.credited_since, p.next_review_on,
           p.certified_until, p.performance, p.version, p.heard_at,
           (SELECT json_agg(json_build_array(s.currency, s.country, s.sold::text, s.managed::text))
              FROM sums s WHERE s.partner_id = p.partner_id) AS sums,
           (SELECT json_agg(json_build_array(c.certified_on, c.expires_on) ORDER BY c.certified_on)
              FROM certifications c WHERE c.partner_id = p.partner_id) AS certifications,
           (SELECT json_agg(json_build_array(t.since, t.tier, t.source) ORDER BY t.since)
              FROM credited_tiers t WHERE t.partner_id = p.partner_id) AS credited
      FROM partners p
     WHERE p.partner_id = ANY($1)
"""


async def _load(tx: Connection, ids: Collection[UUID]) -> dict[UUID, Partner]:
    rows = await tx.fetch(_LOAD, ids) if ids else []
    return {row["partner_id"]: _partner(row) for row in rows}


def _partner(row: Any) -> Partner:
    performance = row["performance"]
    return Partner(
        partner_id=row["partner_id"],
        day=row["day"],
        reviewed_until=row["reviewed_until"],
        hub_id=row["hub_id"],
        time_zone=row["time_zone"],
        known_version=row["known_version"],
        erased=row["erased"],
        figures=Figures(
            {
                (currency, country): Sums(Decimal(sold), Decimal(managed))
                for currency, country, sold, managed in json.loads(row["sums"] or "[]")
            },
            tuple(row["usage"]),
        ),
        certifications=tuple(
            Certification(date.fromisoformat(first), _date(last))
            for first, last in json.loads(row["certifications"] or "[]")
        ),
        credited=tuple(
            Credited(date.fromisoformat(since), tier, source)
            for since, tier, source in json.loads(row["credited"] or "[]")
        ),
        standing=Standing(
            credited_tier=row["credited_tier"],
            credited_since=row["credited_since"],
            next_review_on=row["next_review_on"],
            certified_until=row["certified_until"],
            performance=Performance.model_validate_json(performance) if performance else None,
        ),
        version=row["version"],
        heard_at=row["heard_at"],
    )


def _date(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


async def save_partners(
    tx: Connection, before: Mapping[UUID, Partner], after: Iterable[Partner]
) -> None:
    """Save what differs of partners that are held."""
    changed = [each for each in after if each != before[each.partner_id]]
    if not changed:
        return
    await _save_rows(tx, changed)
    await _save_sums(tx, before, changed)
    await _save_certifications(tx, before, changed)
    await _save_credited(tx, before, changed)
    await _save_days(tx, before, changed)


async def _save_rows(tx: Connection, changed: Collection[Partner]) -> None:
    await tx.execute(
        """
        UPDATE partners AS p
           SET hub_id = n.hub_id, time_zone = n.time_zone, known_version = n.known_version,
               erased = n.erased, day = n.day, reviewed_until = n.reviewed_until,
               usage = n.usage::integer[], credited_tier = n.credited_tier,
               credited_since = n.credited_since, next_review_on = n.next_review_on,
               certified_until = n.certified_until, performance = n.performance,
               version = n.version, heard_at = n.heard_at
          FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::bigint[], $5::boolean[],
                      $6::date[], $7::date[], $8::text[], $9::text[], $10::date[], $11::date[],
                      $12::date[], $13::jsonb[], $14::bigint[], $15::timestamptz[])
            AS n (partner_id, hub_id, time_zone, known_version, erased, day, reviewed_until, usage,
                  credited_tier, credited_since, next_review_on, certified_until, performance,
                  version, heard_at)
         WHERE p.partner_id = n.partner_id
        """,
        *columns(
            changed,
            lambda p: (
                p.partner_id,
                p.hub_id,
                p.time_zone,
                p.known_version,
                p.erased,
                p.day,
                p.reviewed_until,
                "{" + ",".join(map(str, p.figures.usage)) + "}",
                p.standing.credited_tier,
                p.standing.credited_since,
                p.standing.next_review_on,
                p.standing.certified_until,
                _json(p.standing.performance),
                p.version,
                p.heard_at,
            ),
        ),
    )


async def _save_sums(
    tx: Connection, before: Mapping[UUID, Partner], changed: Iterable[Partner]
) -> None:
    gone, new = [], []
    for partner in changed:
        old, now = before[partner.partner_id].figures.sums, partner.figures.sums
        gone += [(partner.partner_id, *slot) for slot in old.keys() - now.keys()]
        new += [
            (partner.partner_id, *slot, sums.sold, sums.managed)
            for slot, sums in now.items()
            if old.get(slot) != sums
        ]
    if gone:
        await tx.execute(
            """
            DELETE FROM sums AS s
             USING unnest($1::uuid[], $2::text[], $3::text[]) AS g (partner_id, currency, country)
             WHERE s.partner_id = g.partner_id AND s.currency = g.currency
               AND s.country = g.country
            """,
            *columns(gone, lambda row: row),
        )
    if new:
        await tx.execute(
            """
            INSERT INTO sums (partner_id, currency, country, sold, managed)
            SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::numeric[], $5::numeric[])
                ON CONFLICT (partner_id, currency, country) DO UPDATE
               SET sold = excluded.sold, managed = excluded.managed
            """,
            *columns(new, lambda row: row),
        )


async def _save_certifications(
    tx: Connection, before: Mapping[UUID, Partner], changed: Iterable[Partner]
) -> None:
    new = [
        (partner.partner_id, each.certified_on, each.expires_on)
        for partner in changed
        for each in partner.certifications
        if each not in before[partner.partner_id].certifications
    ]
    if new:
        await tx.execute(
            """
            INSERT INTO certifications (partner_id, certified_on, expires_on)
            SELECT * FROM unnest($1::uuid[], $2::date[], $3::date[])
                ON CONFLICT (partner_id, certified_on) DO UPDATE
               SET expires_on = excluded.expires_on
            """,
            *columns(new, lambda row: row),
        )


async def _save_credited(
    tx: Connection, before: Mapping[UUID, Partner], changed: Iterable[Partner]
) -> None:
    new = [
        (partner.partner_id, each.since, each.tier, each.source)
        for partner in changed
        for each in partner.credited
        if each not in before[partner.partner_id].credited
    ]
    if new:
        await tx.execute(
            """
            INSERT INTO credited_tiers (partner_id, since, tier, source)
            SELECT * FROM unnest($1::uuid[], $2::date[], $3::text[], $4::text[])
                ON CONFLICT (partner_id, since) DO UPDATE
               SET tier = excluded.tier, source = excluded.source
            """,
            *columns(new, lambda row: row),
        )


async def _save_days(
    tx: Connection, before: Mapping[UUID, Partner], changed: Iterable[Partner]
) -> None:
    new = [
        (partner.partner_id, partner.day, _json(partner.standing.performance))
        for partner in changed
        if partner.standing.performance is not None
        and partner.standing.performance != before[partner.partner_id].standing.performance
    ]
    if new:
        await tx.execute(
            """
            INSERT INTO performance_days (partner_id, day, performance)
            SELECT * FROM unnest($1::uuid[], $2::date[], $3::jsonb[])
                ON CONFLICT (partner_id, day) DO UPDATE SET performance = excluded.performance
            """,
            *columns(new, lambda row: row),
        )


async def save_reviews(tx: Connection, reviews: Collection[Review], at: datetime) -> None:
    """Save what reviews found; one per partner and day, for good."""
    if not reviews:
        return
    await tx.execute(
        """
        INSERT INTO reviews (partner_id, review_on, tier, previous_tier, performance, note,
                             reviewed_at)
        SELECT *, $7::timestamptz
          FROM unnest($1::uuid[], $2::date[], $3::text[], $4::text[], $5::jsonb[], $6::text[])
        """,
        *columns(
            reviews,
            lambda r: (
                r.partner_id,
                r.review_on,
                r.tier,
                r.previous_tier,
                _json(r.performance),
                r.note,
            ),
        ),
        at,
    )


def _json(performance: Performance | None) -> str | None:
    return None if performance is None else performance.model_dump_json()


async def lift_versions(tx: Connection, said: Mapping[UUID, int]) -> int:
    """Give whatever was said to have a greater version than it has one above that."""
    done = await tx.execute(
        """
        UPDATE partners AS p
           SET version = said.version + 1
          FROM unnest($1::uuid[], $2::bigint[]) AS said (id, version)
         WHERE p.partner_id = said.id AND p.version < said.version
        """,
        list(said),
        list(said.values()),
    )
    return int(done.rpartition(" ")[2])

"""Rule sets and currency rates."""

from collections.abc import Collection
from datetime import date

from services.tiers.domain.rules import Book, Rate, RuleSet, read_rule_set
from services.tiers.domain.standing import Partner
from services.tiers.store.columns import columns
from shared.chassis.database import Connection


async def find_book(tx: Connection, partners: Collection[Partner], until: date = date.min) -> Book:
    """All rule sets, and the rates that these partners need on their days, or until a later one.

    Read it after the partners are locked: who saves rules or rates locks all partners then, so
    that none is assessed by what was just replaced.
    """
    days = [partner.day for partner in partners]
    currencies = {currency for partner in partners for currency, _ in partner.figures.sums}
    rule_sets = await list_rule_sets(tx)
    rates = await tx.fetch(
        """
        SELECT r.source, r.into_currency, r.day, r.rate
          FROM unnest($1::text[]) AS c (source)
         CROSS JOIN (SELECT DISTINCT document ->> 'currency' AS into_currency FROM rule_sets) AS t
         CROSS JOIN LATERAL (
               (SELECT *
                  FROM currency_rates
                 WHERE source = c.source AND into_currency = t.into_currency AND day <= $2
                 ORDER BY day DESC
                 LIMIT 1)
               UNION ALL
               (SELECT *
                  FROM currency_rates
                 WHERE source = c.source AND into_currency = t.into_currency
                   AND day > $2 AND day <= $3)
               ) AS r
        """,
        sorted(currencies),
        min(days, default=until),
        max([*days, until]),
    )
    return Book.of(
        rule_sets,
        (Rate(row["source"], row["into_currency"], row["day"], row["rate"]) for row in rates),
    )


async def list_rule_sets(tx: Connection) -> list[RuleSet]:
    """All rule sets by name."""
    rows = await tx.fetch("SELECT document FROM rule_sets ORDER BY name")
    return [read_rule_set(row["document"]) for row in rows]


async def save_rule_set(tx: Connection, rules: RuleSet) -> bool:
    """Save a rule set under its name; False where it is already so."""
    done = await tx.execute(
        """
        INSERT INTO rule_sets (name, in_force_from, document) VALUES ($1, $2, $3)
            ON CONFLICT (name) DO UPDATE
           SET in_force_from = excluded.in_force_from, document = excluded.document
         WHERE rule_sets.document <> excluded.document
        """,
        rules.name,
        rules.in_force_from,
        rules.model_dump_json(),
    )
    return done.endswith(" 1")


async def save_rates(tx: Connection, rates: Collection[Rate]) -> tuple[int, int]:
    """Save rates, a later word on a day over an earlier one; returns how many are new, changed."""
    rows = await tx.fetch(
        """
        WITH told AS (
            SELECT * FROM unnest($1::text[], $2::text[], $3::date[], $4::numeric[])
                AS t (source, into_currency, day, rate)
        ), known AS MATERIALIZED (
            SELECT r.* FROM currency_rates r JOIN told USING (source, into_currency, day)
        ), saved AS (
            INSERT INTO currency_rates (source, into_currency, day, rate)
            SELECT source, into_currency, day, rate FROM told
                ON CONFLICT (source, into_currency, day) DO UPDATE SET rate = excluded.rate
             WHERE currency_rates.rate <> excluded.rate
            RETURNING source, into_currency, day
        )
        SELECT EXISTS (SELECT FROM known k
                        WHERE (k.source, k.into_currency, k.day)
                            = (s.source, s.into_currency, s.day)) AS was_there
          FROM saved s
        """,
        *columns(rates, lambda r: (r.source, r.into, r.day, r.rate), width=4),
    )
    changed = sum(row["was_there"] for row in rows)
    return len(rows) - changed, changed

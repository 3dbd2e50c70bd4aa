"""CSV files of the gadgets service."""

from decimal import Decimal

from shared.chassis.database import Connection
from shared.chassis.imports import Batch, Column, Context, Counts, Table, day, integer, money, text


async def apply_shops(tx: Connection, batch: Batch, context: Context) -> Counts:
    known = {1, 2, 3}
    good = []
    for at, region in enumerate(batch["region"]):
        if region is not None and region not in known:
            batch.refuse(at, "region", "a region that there is: 1, 2 or 3")
        else:
            good.append(at)
    created = await tx.fetch(
        """
        INSERT INTO shops (id, name, turnover)
        SELECT * FROM unnest($1::bigint[], $2::text[], $3::numeric[])
        ON CONFLICT (id) DO UPDATE SET name = excluded.name, turnover = excluded.turnover
         WHERE (shops.name, shops.turnover) IS DISTINCT FROM (excluded.name, excluded.turnover)
        RETURNING (xmax = 0) AS created
        """,
        *([batch[name][at] for at in good] for name in ("id", "name", "turnover")),
    )
    new = sum(row["created"] for row in created)
    return Counts(new, len(created) - new, len(good) - len(created))


SHOPS = Table(
    "shops.csv",
    "A shop in each row.",
    [
        Column("Record ID", "id", integer(1), "Its number.", key=True),
        Column("Shop name", "name", text(40), "Its name.", aliases=("Name",), example="Corner"),
        Column("Region", "region", integer(1), "Its region.", required=False),
        Column("Opened", "opened", day(), "Its first day.", required=False),
        Column("Turnover", "turnover", money(), "A year's.", required=False, default=Decimal(0)),
    ],
    apply_shops,
    batch=10,
)


TABLES = (SHOPS,)

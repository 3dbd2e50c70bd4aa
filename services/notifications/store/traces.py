"""Which trace led to which notice, while spans are made."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from shared.chassis.database import Connection


async def save_traces(tx: Connection, traces: Mapping[UUID, str], at: datetime) -> None:
    """Keep the trace of each notice that is there, the first one."""
    await tx.execute(
        """
        INSERT INTO traces (notice_id, partner_id, traceparent, at)
        SELECT said.notice_id, n.partner_id, said.traceparent, $3
          FROM unnest($1::uuid[], $2::text[]) AS said (notice_id, traceparent)
          JOIN notices n ON n.notice_id = said.notice_id
            ON CONFLICT DO NOTHING
        """,
        list(traces),
        list(traces.values()),
        at,
    )


async def list_traces(tx: Connection, notices: Sequence[UUID]) -> dict[UUID, str]:
    """The traces of those notices that have one."""
    rows = await tx.fetch(
        "SELECT notice_id, traceparent FROM traces WHERE notice_id = ANY($1::uuid[])", notices
    )
    return {row["notice_id"]: row["traceparent"] for row in rows}


async def forget_traces(tx: Connection, before: datetime, limit: int) -> None:
    """Forget some of those that were kept before then."""
    await tx.execute(
        """
        DELETE FROM traces
         WHERE notice_id IN (SELECT notice_id FROM traces WHERE at < $1 LIMIT $2)
        """,
        before,
        limit,
    )

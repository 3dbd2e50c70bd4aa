"""Hears of renewals with FastStream, and does each thing once, however often it is told.

KAFKA names the brokers, GROUP the consumer group, DATABASE a file of SQLite. Ctrl-C stops it in
order; then it prints what it knows.
"""

import asyncio
import logging
import os
import sqlite3
from dataclasses import replace
from typing import Any

from faststream import AckPolicy, FastStream
from faststream.kafka import KafkaBroker
from partner_tools_events import Broken, Erased, Reader, SeenTable, Told
from partner_tools_events.renewals import ClientRenewalsSnapshot, RenewalDeadlineApproaching

GROUP = os.environ.get("GROUP", "example.faststream")  # yours begins with your team's name
LOG = logging.getLogger(GROUP)
READER = Reader(RenewalDeadlineApproaching, ClientRenewalsSnapshot)
SEEN = SeenTable(GROUP, mark="?")
TABLES = """
CREATE TABLE IF NOT EXISTS renewals (id PRIMARY KEY, stage, owner, deadline, told integer);
CREATE TABLE IF NOT EXISTS clients (id PRIMARY KEY, pending integer);"""
HEARD = """INSERT INTO renewals VALUES (?, ?, ?, ?, 1) ON CONFLICT (id) DO UPDATE SET
stage = excluded.stage, owner = excluded.owner, deadline = excluded.deadline, told = told + 1"""
KNOWN = """SELECT json_object('client', id, 'pending', pending) FROM clients UNION ALL SELECT
json_object('deadline', deadline, 'owner', owner, 'renewal', id, 'stage', stage, 'told', told)
FROM renewals ORDER BY 1"""

broker = KafkaBroker(os.environ["KAFKA"], logger=LOG)
app = FastStream(broker)
database = sqlite3.connect(os.environ.get("DATABASE", "renewals.db"))
database.executescript(TABLES)
SEEN.create(database.cursor())


def remember(tx: sqlite3.Cursor, record: Any) -> None:
    """Act on a record, in the transaction that also claims it. Other types are Skipped."""
    message = READER.read(record.topic, record.key, record.value, record.headers)
    match message:
        case Broken():
            LOG.warning("set aside: %s %s %s", message, record.partition, record.offset)
        case Erased(key=key):
            tx.execute("DELETE FROM clients WHERE id = ?", [key])
        case Told(event=RenewalDeadlineApproaching() as due) if SEEN.claim(tx, message):
            tx.execute(HEARD, [str(due.renewal_id), due.stage, due.owner.owner, str(due.deadline)])
        case Told(event=ClientRenewalsSnapshot() as client) if SEEN.claim(tx, message):
            pending = sum(each.status == "pending" for each in client.renewals)
            tx.execute("INSERT OR REPLACE INTO clients VALUES (?, ?)", [client.key, pending])


async def as_it_came(records: Any, parse: Any) -> Any:
    """Keep headers from FastStream, which would drop a batch over one that it cannot decode."""
    message = await parse([replace(each, headers=()) for each in records])
    message.raw_message = records
    return message


@broker.subscriber(
    *READER.topics, group_id=GROUP, batch=True, max_records=500,
    auto_offset_reset="earliest",  # by default a new group skips what is there
    ack_policy=AckPolicy.NACK_ON_ERROR,  # by default it commits before it works
    no_reply=True,  # by default a record may name a topic for the answer
    parser=as_it_came,
    decoder=lambda message: message.raw_message,
)  # fmt: skip
async def hear(records: Any) -> None:
    """Act on a batch in one transaction that also claims it; the offsets follow."""
    with database:
        for each in records:
            remember(database.cursor(), each)


if __name__ == "__main__":
    asyncio.run(app.run())
    for (line,) in database.execute(KNOWN):
        print(line)

"""Hears of renewals with aiokafka, and does each thing once, however often it is told.

KAFKA names the brokers, GROUP the consumer group, DATABASE a file of SQLite. Ctrl-C stops it in
order; then it prints what it knows.
"""

import asyncio
import os
import signal
import sqlite3
import sys
from itertools import chain
from typing import Any

from aiokafka import AIOKafkaConsumer
from partner_tools_events import Broken, Erased, Reader, SeenTable, Told
from partner_tools_events.renewals import ClientRenewalsSnapshot, RenewalDeadlineApproaching

GROUP = os.environ.get("GROUP", "example.aiokafka")  # yours begins with your team's name
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


def remember(tx: sqlite3.Cursor, record: Any) -> None:
    """Act on a record, in the transaction that also claims it. Other types are Skipped."""
    message = READER.read(record.topic, record.key, record.value, record.headers)
    match message:
        case Broken():
            print("set aside:", message, record.partition, record.offset, file=sys.stderr)
        case Erased(key=key):
            tx.execute("DELETE FROM clients WHERE id = ?", [key])
        case Told(event=RenewalDeadlineApproaching() as due) if SEEN.claim(tx, message):
            tx.execute(HEARD, [str(due.renewal_id), due.stage, due.owner.owner, str(due.deadline)])
        case Told(event=ClientRenewalsSnapshot() as client) if SEEN.claim(tx, message):
            pending = sum(each.status == "pending" for each in client.renewals)
            tx.execute("INSERT OR REPLACE INTO clients VALUES (?, ?)", [client.key, pending])


async def main() -> None:
    """Work until somebody asks to stop."""
    stop = asyncio.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(each, stop.set)
    database = sqlite3.connect(os.environ.get("DATABASE", "renewals.db"))
    database.executescript(TABLES)
    SEEN.create(database.cursor())
    async with AIOKafkaConsumer(
        *READER.topics, bootstrap_servers=os.environ["KAFKA"], group_id=GROUP,
        auto_offset_reset="earliest", enable_auto_commit=False,
    ) as consumer:  # fmt: skip
        while not stop.is_set():
            batches = await consumer.getmany(timeout_ms=500, max_records=500)
            with database:  # a transaction: all of it, or nothing
                for record in chain.from_iterable(batches.values()):
                    remember(database.cursor(), record)
            if batches:
                await consumer.commit()  # after the work: after a crash some of it comes again
    for (line,) in database.execute(KNOWN):
        print(line)


if __name__ == "__main__":
    asyncio.run(main())

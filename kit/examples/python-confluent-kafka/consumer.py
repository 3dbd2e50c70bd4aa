"""Hears of renewals with confluent-kafka, and does each thing once, however often it is told.

KAFKA names the brokers, GROUP the consumer group, DATABASE a file of SQLite. Ctrl-C stops it in
order; then it prints what it knows.
"""

import os
import signal
import sqlite3
import sys
from threading import Event

from confluent_kafka import Consumer, KafkaException, Message
from partner_tools_events import Broken, Erased, Reader, SeenTable, Told
from partner_tools_events.renewals import ClientRenewalsSnapshot, RenewalDeadlineApproaching

GROUP = os.environ.get("GROUP", "example.confluent")  # yours begins with your team's name
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


def remember(tx: sqlite3.Cursor, record: Message) -> None:
    """Act on a record, in the transaction that also claims it. Other types are Skipped."""
    message = READER.read(record.topic() or "", record.key(), record.value(), record.headers())
    match message:
        case Broken():
            print("set aside:", message, record.partition(), record.offset(), file=sys.stderr)
        case Erased(key=key):
            tx.execute("DELETE FROM clients WHERE id = ?", [key])
        case Told(event=RenewalDeadlineApproaching() as due) if SEEN.claim(tx, message):
            tx.execute(HEARD, [str(due.renewal_id), due.stage, due.owner.owner, str(due.deadline)])
        case Told(event=ClientRenewalsSnapshot() as client) if SEEN.claim(tx, message):
            pending = sum(each.status == "pending" for each in client.renewals)
            tx.execute("INSERT OR REPLACE INTO clients VALUES (?, ?)", [client.key, pending])


def main() -> None:
    """Work until somebody asks to stop."""
    stop = Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: stop.set())
    database = sqlite3.connect(os.environ.get("DATABASE", "renewals.db"))
    database.executescript(TABLES)
    SEEN.create(database.cursor())
    settings = {"bootstrap.servers": os.environ["KAFKA"], "group.id": GROUP}
    settings |= {"auto.offset.reset": "earliest", "enable.auto.commit": "false"}
    consumer = Consumer(settings | {"session.timeout.ms": "10000"})
    consumer.subscribe(READER.topics)
    while not stop.is_set():
        batch = consumer.consume(500, timeout=0.5)
        with database:  # a transaction: all of it, or nothing
            for record in batch:
                if error := record.error():
                    raise KafkaException(error)
                remember(database.cursor(), record)
        if batch:
            consumer.commit(asynchronous=False)  # after the work: after a crash some comes again
    consumer.close()
    for (line,) in database.execute(KNOWN):
        print(line)


if __name__ == "__main__":
    main()

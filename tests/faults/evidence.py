"""What must hold after every run, read from the databases, the topics and the sink."""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from aiokafka import AIOKafkaConsumer, TopicPartition

from services.notifications import domain
from shared.contracts import topics
from shared.contracts.clients import ServicesEnded
from shared.contracts.renewals import RenewalDeadlineApproaching
from tests.faults.bed import SERVICES, Bed
from tests.faults.cohort import DAYS_BEFORE, SEND_HOUR, Cohort

IN_DOUBT = 64  # the most that one death of the sender leaves in doubt: the setting's default
ENDS = {"accepted", "rejected", "dropped", "superseded", "blocked", "unknown"}
STAGES = list(DAYS_BEFORE)
HEARD_SECONDS = 5.0  # from the record in Kafka until nobody of the partner is told any more
_SAID = """
    SELECT topic, key, subject, event_id, written_by::text::bigint AS written_by, could_see::text
      FROM said ORDER BY id
"""
SAID = [topic.name for topic in topics.REGISTRY if topic.kind != "dead-letters"]


@dataclass(slots=True)
class Evidence:
    """Everything there is to look at, and the figures that a run is reported by."""

    records: dict[str, list[Any]]
    said: dict[str, list[Any]]
    stages: list[Any]
    renewals: list[Any]
    messages: list[Any]
    mails: list[dict[str, Any]]
    now: datetime
    figures: Counter[str] = field(default_factory=Counter)


async def gather(bed: Bed) -> Evidence:
    """Look everywhere, once all is quiet."""
    said: dict[str, list[Any]] = defaultdict(list)
    for service in SERVICES:
        for row in await bed.fetch(service, _SAID):
            said[row["topic"]].append(row)
    return Evidence(
        records=await read_topics(bed.kafka.servers, SAID),
        said=said,
        stages=await bed.fetch("renewals", "SELECT * FROM stage_records"),
        renewals=await bed.fetch("renewals", "SELECT * FROM renewals"),
        messages=await bed.fetch(
            "notifications", "SELECT m.*, n.starts FROM messages m JOIN notices n USING (notice_id)"
        ),
        mails=await bed.mails(),
        now=bed.clock.now(),
    )


async def check(bed: Bed, cohorts: Sequence[Cohort]) -> Counter[str]:
    """Hold every invariant against the evidence; returns the figures of the run."""
    found = await gather(bed)
    every_due_stage_has_its_end(found)
    every_accepted_message_is_in_the_sink(found)
    no_key_is_sent_twice_unless_in_doubt(found, bed.kills_of_sender)
    stages_arrive_in_order(found)
    kafka_has_what_was_committed(found, bed.poison)
    nobody_of_the_partner_is_told_after_the_end(found, cohorts)
    await replicas_agree(bed)
    found.figures["kills"] = bed.kills
    return found.figures


def every_due_stage_has_its_end(found: Evidence) -> None:
    """I1: whatever was due by now was told, or is not needed, and the ledger says why."""
    records = {(r["renewal_id"], r["starts"], r["stage"]): r["outcome"] for r in found.stages}
    ledger: dict[tuple[UUID, Any, str], list[Any]] = defaultdict(list)
    for row in found.messages:
        ledger[row["subject_id"], row["starts"], row["stage"]].append(row)
    for renewal in found.renewals:
        for stage in _due(renewal, found.now):
            found.figures["due keys"] += 1
            key = (renewal["renewal_id"], renewal["starts"], stage)
            if key not in records and _decided_first(renewal, stage, records):
                found.figures["decided first"] += 1
                continue
            assert key in records, f"{key} was due and is not dealt with: {dict(renewal)}"
            assert ledger[key], f"{key} is {records[key]} and has no message"
            found.figures[records[key]] += 1
    for row in found.messages:
        assert row["state"] in ENDS, dict(row)
        assert row["state"] == "accepted" or row["reason"], dict(row)
        found.figures[f"messages {row['state']}"] += 1


def _due(renewal: Any, now: datetime) -> Iterable[str]:
    """The stages whose day has come while there was something to tell."""
    if renewal["status"] == "withdrawn":
        return
    for stage in STAGES:
        at = _due_at(renewal, stage)
        decided = renewal["decided_by"] is not None and renewal["decided_at"] <= at
        if at <= now and not (decided and stage != "outcome"):
            yield stage


def _due_at(renewal: Any, stage: str) -> datetime:
    day = renewal["deadline"] - timedelta(days=DAYS_BEFORE[stage])
    return datetime.combine(day, SEND_HOUR)


def _decided_first(renewal: Any, stage: str, records: Mapping[Any, str]) -> bool:
    """Whether a person decided before the sweep came to a stage, and so to those after it."""
    later = STAGES[STAGES.index(stage) : -1]
    told = [each for each in later if (renewal["renewal_id"], renewal["starts"], each) in records]
    return renewal["decided_by"] is not None and stage != "outcome" and not told


def every_accepted_message_is_in_the_sink(found: Evidence) -> None:
    """Nothing is said to be sent that was not, and nothing arrived that the ledger denies."""
    arrived = {mail["message_id"] for mail in found.mails}
    by_key = _by_mail(found)
    missing = [key for key, row in by_key.items() if row["state"] == "accepted"]
    missing = [key for key in missing if key not in arrived]
    assert not missing, f"{len(missing)} accepted and not in the sink: {missing[:3]}"
    ghosts = [
        key for key in arrived if key not in by_key or by_key[key]["state"] not in _MAY_BE_THERE
    ]
    assert not ghosts, f"{len(ghosts)} in the sink that the ledger denies: {ghosts[:3]}"
    found.figures["mails"] = len(found.mails)


# What was in doubt may have arrived, whatever became of the message then.
_MAY_BE_THERE = {"accepted", "unknown", "superseded", "dropped"}


def _by_mail(found: Evidence) -> Mapping[str, Any]:
    rows = {}
    for row in found.messages:
        if row["recipient_id"] is not None and row["attempts"]:
            key = domain.mail_id(
                row["subject_id"], row["occasion"], row["stage"], row["recipient_id"]
            )
            rows[f"<{key.hex}@partner-tools.example>"] = row
    return rows


def no_key_is_sent_twice_unless_in_doubt(found: Evidence, kills: int) -> None:
    """I2: one mail per business key, but for those marked; of those no more than K per kill."""
    by_key = _by_mail(found)
    counts = Counter(mail["message_id"] for mail in found.mails)
    twice = [key for key, count in counts.items() if count > 1]
    unmarked = [key for key in twice if not by_key[key]["doubted"]]
    assert not unmarked, f"{len(unmarked)} sent twice and not marked: {unmarked[:3]}"
    denied = [
        key
        for key in counts
        if by_key[key]["state"] not in ("accepted", "unknown") and not by_key[key]["doubted"]
    ]
    assert not denied, f"{len(denied)} sent, not accepted and not marked: {denied[:3]}"
    doubted = sum(row["doubted"] for row in found.messages)
    assert doubted <= IN_DOUBT * kills, f"{doubted} in doubt after {kills} kills of the sender"
    found.figures["in doubt"] = doubted
    found.figures["sent twice, marked"] = len(twice)


def stages_arrive_in_order(found: Evidence) -> None:
    """I5: nobody gets a stage of a renewal after a later one."""
    by_key = _by_mail(found)
    latest: dict[tuple[UUID, str, UUID], int] = {}
    for key in dict.fromkeys(mail["message_id"] for mail in found.mails):
        row = by_key[key]
        if row["stage"] not in STAGES:
            continue
        told = (row["subject_id"], row["occasion"], row["recipient_id"])
        stage = STAGES.index(row["stage"])
        assert latest.get(told, -1) < stage, f"{row['stage']} came late: {dict(row)}"
        latest[told] = stage


def kafka_has_what_was_committed(found: Evidence, poison: Collection[str]) -> None:
    """I9: no ghosts, no gaps, and the first copies in the order that is promised."""
    for topic in SAID:
        said: dict[str, list[Any]] = defaultdict(list)
        for row in found.said[topic]:
            said[row["key"]].append(row)
        sent: dict[str, list[str]] = defaultdict(list)
        versions: dict[str, int] = {}
        for record in found.records[topic]:
            described = {name: value.decode() for name, value in record.headers}
            key, identity = record.key.decode(), described["ce_id"]
            if key in poison:
                continue
            if identity in sent[key]:
                found.figures["copies in Kafka"] += 1
                continue
            sent[key].append(identity)
            version, subject = int(described["ce_aggregateversion"]), described["ce_subject"]
            assert versions.get(subject, 0) <= version, f"{topic}: {subject} goes back"
            versions[subject] = version
            found.figures["events"] += 1
        sent = {key: ids for key, ids in sent.items() if ids}
        committed = {key: {str(row["event_id"]) for row in rows} for key, rows in said.items()}
        assert {key: set(ids) for key, ids in sent.items()} == committed, f"{topic}: not what was"
        for key, ids in sent.items():
            _in_the_order_of_commits(said[key], ids)
    fired = {
        (r["renewal_id"], r["starts"].isoformat(), r["stage"])
        for r in found.stages
        if r["outcome"] == "fired"
    }
    assert fired == _told(found.records["renewals.events.v1"])


def _in_the_order_of_commits(said: Sequence[Any], sent: Sequence[str]) -> None:
    """Of two events of a key the one comes first that was committed before the other.

    Transactions that overlap, on two aggregates of one key, have no order between them; those of
    one aggregate never overlap.
    """
    if sent == [str(row["event_id"]) for row in said]:
        return
    place = {identity: at for at, identity in enumerate(sent)}
    for at, later in enumerate(said):
        for earlier in said[:at]:
            if place[str(earlier["event_id"])] > place[str(later["event_id"])]:
                bound = (
                    _sees(later["could_see"], earlier["written_by"])
                    or earlier["subject"] == later["subject"]
                    or earlier["written_by"] == later["written_by"]
                )
                assert not bound, f"{dict(later)} came before {dict(earlier)}"


def _sees(snapshot: str, transaction: int) -> bool:
    """Whether a transaction was over when a snapshot, as PostgreSQL writes it, was taken."""
    xmin, xmax, running = snapshot.split(":")
    if transaction < int(xmin):
        return True
    return transaction < int(xmax) and str(transaction) not in running.split(",")


def _told(records: Sequence[Any]) -> set[tuple[UUID, str, str]]:
    told = set()
    for record in records:
        if dict(record.headers)["ce_type"] == RenewalDeadlineApproaching.TYPE.encode():
            said = json.loads(record.value)
            told.add((UUID(said["renewal_id"]), said["renewal_start"], said["stage"]))
    return told


def nobody_of_the_partner_is_told_after_the_end(found: Evidence, cohorts: Sequence[Cohort]) -> None:
    """I3, as the sink sees it: Kafka's time of the end against the sink's of each mail."""
    ended = {}
    for record in found.records["clients.events.v1"]:
        if dict(record.headers)["ce_type"] == ServicesEnded.TYPE.encode():
            ended[UUID(record.key.decode())] = record.timestamp / 1000 + HEARD_SECONDS
    for cohort in cohorts:
        assert set(cohort.ended) <= set(ended), "an end of services is lost"
    by_key = _by_mail(found)
    for mail in found.mails:
        over = ended.get(by_key[mail["message_id"]]["client_id"])
        if over and datetime.fromisoformat(mail["received_at"]).timestamp() > over:
            told = [to for to in mail["rcpt_to"] if ".example" in to and "@cohort" in to]
            assert not told, f"{told} told of a client after the end: {mail['subject']}"
            found.figures["mails after an end, to others"] += 1


async def replicas_agree(bed: Bed) -> None:
    """I7: what others know of a client is what its owner says."""
    query = "SELECT client_id, version FROM clients ORDER BY 1"
    own = await bed.fetch("clients", query)
    assert await bed.fetch("notifications", query) == own
    other = "SELECT client_id, client_version AS version FROM clients ORDER BY 1"
    assert await bed.fetch("renewals", other) == own
    for service in SERVICES:
        letters = await bed.fetch(service, "SELECT * FROM dead_letters WHERE status = 'open'")
        assert not letters, f"{service} set aside: {letters[0]['error']}"


async def in_doubt(bed: Bed) -> int:
    """How many messages ever were in doubt."""
    [[count]] = await bed.fetch("notifications", "SELECT count(*) FROM messages WHERE doubted")
    return int(count)


async def read_topics(servers: str, names: Sequence[str]) -> dict[str, list[Any]]:
    """All records of topics, as an independent consumer sees them."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=servers, isolation_level="read_committed", enable_auto_commit=False
    )
    await consumer.start()
    try:
        parts = [
            TopicPartition(topic.name, number)
            for topic in topics.REGISTRY
            if topic.name in names
            for number in range(topic.partitions)
        ]
        consumer.assign(parts)
        await consumer.seek_to_beginning(*parts)
        ends = await consumer.end_offsets(parts)
        found: dict[str, list[Any]] = {name: [] for name in names}
        while any([await consumer.position(part) < end for part, end in ends.items()]):
            for part, records in (await consumer.getmany(timeout_ms=200)).items():
                found[part.topic] += records
    finally:
        await consumer.stop()
    return found

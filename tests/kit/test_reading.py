"""Whatever comes, a reader says what it is, and each event counts once."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts import clients, headers, registry, renewals
from shared.contracts.consumer.once import Seen, SeenTable, Versions
from shared.contracts.consumer.reading import Broken, Erased, Reader, Skipped, Told
from shared.contracts.record import of_lines

GOLDEN = [
    next(of_lines([path.read_text("utf-8")]))
    for path in sorted(registry.PUBLISHED.glob("*.example.json"))
]
ENDED = next(each for each in GOLDEN if each.type == clients.ServicesEnded.TYPE)


def encoded(described: dict[str, str]) -> list[tuple[str, bytes | str | None]]:
    return [(name, text.encode()) for name, text in described.items()]


@pytest.mark.parametrize("record", GOLDEN, ids=lambda record: record.type)
def test_a_golden_record_is_read_as_the_event_that_it_is(record: Any) -> None:
    message = Reader().read(
        record.topic, record.key.encode(), record.value, encoded(record.headers)
    )

    if record.value is None:
        assert isinstance(message, Erased)
        assert (message.topic, message.key) == (record.topic, record.key)
    else:
        assert isinstance(message, Told)
        assert record.type == message.event.TYPE
        assert message.event.key == record.key
    assert message.identity == (record.headers["ce_source"], record.headers["ce_id"])


@pytest.mark.parametrize("record", GOLDEN, ids=lambda record: record.type)
def test_the_headers_of_a_golden_record_are_decoded_whole(record: Any) -> None:
    found = headers.decode(encoded(record.headers))

    assert (found.source, found.id, found.type) == (
        record.headers["ce_source"],
        record.headers["ce_id"],
        record.headers["ce_type"],
    )
    assert found.version == int(record.headers["ce_aggregateversion"])
    assert found.time is not None
    assert found.time.isoformat().replace("+00:00", "Z") == record.headers["ce_time"]
    assert found.dataschema == record.headers.get("ce_dataschema")
    assert found.causation_id == record.headers.get("ce_causationid")
    assert headers.decode(record.headers) == found  # as a map of texts, too


def test_what_is_not_registered_is_skipped() -> None:
    reader = Reader(renewals.RenewalDecided)

    message = reader.read(ENDED.topic, ENDED.key, ENDED.value, ENDED.headers)

    assert isinstance(message, Skipped)
    assert message.attributes.type == clients.ServicesEnded.TYPE
    assert reader.topics == [renewals.EVENTS]


def test_a_type_or_version_that_is_not_invented_yet_is_skipped() -> None:
    for type_ in ("clients.ServicesEnded.v2", "clients.SomethingNew.v1"):
        described = ENDED.headers | {"ce_type": type_}

        assert isinstance(Reader().read(ENDED.topic, ENDED.key, b"[]", described), Skipped)


def test_fields_that_are_unknown_are_ignored() -> None:
    value = json.loads(ENDED.value or b"") | {"later": {"a": 1}}

    message = Reader().read(ENDED.topic, ENDED.key, json.dumps(value), ENDED.headers)

    assert isinstance(message, Told)
    assert isinstance(message.event, clients.ServicesEnded)
    assert message.event.reason == "The client moves its marketing in-house."


@pytest.mark.parametrize(
    ("value", "changed", "reason"),
    [
        (b"{not json", {}, "clients.ServicesEnded.v1: the value: Invalid JSON"),
        (b"{}", {}, "clients.ServicesEnded.v1: version: Field required"),
        (ENDED.value, {"ce_id": ""}, "header ce_id is missing"),
        (ENDED.value, {"ce_type": ""}, "header ce_type is missing"),
        (ENDED.value, {"ce_aggregateversion": "many"}, "has another form than promised"),
    ],
)
def test_a_record_that_is_no_event_is_told_with_the_reason(
    value: bytes, changed: dict[str, str], reason: str
) -> None:
    message = Reader().read(ENDED.topic, ENDED.key, value, ENDED.headers | changed)

    assert isinstance(message, Broken)
    assert reason in message.reason


def test_an_end_that_was_written_by_hand_is_an_end_all_the_same() -> None:
    message = Reader().read(clients.STATE, b"k", None, None)

    assert message == Erased(clients.STATE, "k")
    assert isinstance(message, Erased)
    assert message.identity == (clients.STATE, "k")


@given(
    key=st.none() | st.binary(max_size=8),
    value=st.none() | st.binary(max_size=30),
    pairs=st.lists(
        st.tuples(
            st.sampled_from(["ce_id", "ce_type", "ce_source", "ce_time", "x"]),
            st.none() | st.binary(max_size=8),
        )
    ),
)
def test_no_record_at_all_makes_a_reader_raise(key: Any, value: Any, pairs: Any) -> None:
    assert Reader().read("t", key, value, pairs) is not None


def test_who_registers_two_versions_of_one_event_is_told_so() -> None:
    class ServicesEndedV2(clients.ServicesEnded):
        TYPE = "clients.ServicesEnded.v2"

    with pytest.raises(ValueError, match=r"clients\.ServicesEnded is registered in two versions"):
        Reader(clients.ServicesEnded, ServicesEndedV2)


def test_who_registers_nothing_hears_all_in_the_version_that_was_there_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class ServicesEndedV2(clients.ServicesEnded):
        TYPE = "clients.ServicesEnded.v2"

    monkeypatch.setattr(
        "shared.contracts.consumer.reading.EVENTS", (ServicesEndedV2, *registry.EVENTS)
    )
    reader = Reader()
    later = ENDED.headers | {"ce_type": ServicesEndedV2.TYPE}

    assert isinstance(reader.read(ENDED.topic, ENDED.key, ENDED.value, ENDED.headers), Told)
    assert isinstance(reader.read(ENDED.topic, ENDED.key, ENDED.value, later), Skipped)


def told(record: Any = ENDED, **changed: str) -> Told:
    message = Reader().read(record.topic, record.key, record.value, record.headers | changed)
    assert isinstance(message, Told)
    return message


def test_an_event_is_claimed_once_and_its_claim_goes_with_the_transaction(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "mine.db")
    cursor = connection.cursor()
    table, another = SeenTable("billing", mark="?"), SeenTable("crm", mark="?")
    SeenTable.create(cursor)
    SeenTable.create(cursor)
    connection.commit()

    assert table.claim(cursor, told())
    connection.rollback()  # the effect failed
    assert table.claim(cursor, told())
    connection.commit()
    assert not table.claim(cursor, told())
    assert table.claim(cursor, told(ce_id="another"))
    assert table.claim(cursor, told(ce_source="/another"))
    assert another.claim(cursor, told())
    connection.close()


def test_in_memory_the_last_few_are_remembered() -> None:
    seen = Seen(most=2)

    assert [seen.claim(told(ce_id=each)) for each in "aabbacab"] == [
        True, False, True, False, False, True, False, True,
    ]  # fmt: skip


def test_an_older_word_about_a_subject_is_no_news() -> None:
    versions = Versions()

    said = [("s", "3"), ("s", "3"), ("s", "2"), ("t", "1"), ("s", "4")]
    news = [
        versions.news(told(ce_subject=subject, ce_aggregateversion=version))
        for subject, version in said
    ]

    assert news == [True, False, False, True, True]
    assert versions.news(Erased(clients.STATE, "k"))


def test_a_fact_is_no_reason_to_miss_the_snapshot_that_came_with_it() -> None:
    """Both carry the version that their change made."""
    versions = Versions()
    snapshot = next(each for each in GOLDEN if each.type == clients.ClientSnapshot.TYPE)
    end = next(each for each in GOLDEN if each.type == "clients.Erased.v1")
    version = {"ce_aggregateversion": "8"}

    assert versions.news(told(**version))
    assert versions.news(told(snapshot, **version))
    assert not versions.news(told(snapshot, **version))
    erased = Reader().read(end.topic, end.key, None, end.headers)
    assert isinstance(erased, Erased)
    assert versions.news(erased)
    assert not versions.news(told(snapshot, **version)), "what was erased came back"

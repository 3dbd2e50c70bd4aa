"""All that was ever published can still be read, and what is published is what is declared."""

import json
import shutil
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

import jsonschema  # type: ignore[import-untyped]  # it has none
import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary
from cloudevents.core.formats.json import JSONFormat

from shared.contracts import clients, examples, gate, registry, renewals, schemas, topics
from shared.contracts.__main__ import main
from shared.contracts.event import Event, Snapshot, Tombstone
from shared.contracts.registry import PUBLISHED

HISTORY = schemas.published()
EVERY_SCHEMA = [(type_, each) for type_, history in HISTORY.items() for each in history]
EVERY_EXAMPLE = sorted(PUBLISHED.rglob("*.example.json"))
TOMBSTONES = [path for path in EVERY_EXAMPLE if ".Erased." in path.name]
OF_EVENTS = [path for path in EVERY_EXAMPLE if path not in TOMBSTONES]
CHECKER = jsonschema.Draft202012Validator.FORMAT_CHECKER


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def schema_beside(path: Path) -> dict[str, Any]:
    return read(path.with_name(path.name.replace(".example.", ".schema.")))


def named(path: Path) -> str:
    return str(path.relative_to(PUBLISHED))


def test_what_is_published_is_what_is_declared(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["publish", "--check"]) == 0
    assert set(HISTORY) == set(registry.BY_TYPE)
    assert {event.TYPE for event in examples.events()} == set(registry.BY_TYPE)


@pytest.mark.parametrize(
    ("type_", "old"),
    EVERY_SCHEMA,
    ids=[each["$id"].split("schemas/")[1] for _, each in EVERY_SCHEMA],
)
def test_every_published_version_is_readable_both_ways(type_: str, old: dict[str, Any]) -> None:
    example = next(each for each in examples.events() if type_ == each.TYPE)
    new = schemas.render(type(example), None, 1)

    assert gate.breaches(old, new) == []


@pytest.mark.parametrize("history", HISTORY.values(), ids=HISTORY)
def test_a_schema_is_sound_and_says_what_each_field_means(history: list[dict[str, Any]]) -> None:
    for number, schema in enumerate(history, 1):
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema["$id"].endswith(f"/{number}")
        for part in (schema, *schema["$defs"].values()):
            assert part["description"]
            for name, field in part["properties"].items():
                assert "description" in field or "$ref" in field, (part["title"], name)


@pytest.mark.parametrize("path", OF_EVENTS, ids=named)
def test_a_golden_example_is_valid_and_its_class_renders_it_to_the_same_bytes(path: Path) -> None:
    record, schema = read(path), schema_beside(path)
    value = json.dumps(record["value"], separators=(",", ":"), ensure_ascii=False).encode()
    event = registry.BY_TYPE[record["headers"]["ce_type"]].model_validate_json(value)

    jsonschema.validate(record["value"], gate.closed(schema), format_checker=CHECKER)
    if path.parent.name == "published":  # an older one lacks what was added since
        assert event.model_dump_json().encode() == value
    assert record["key"] == event.key
    assert record["topic"] == event.TOPIC
    assert record["headers"]["ce_dataschema"] == schema["$id"]


@pytest.mark.parametrize("path", EVERY_EXAMPLE, ids=named)
def test_cloudevents_reads_a_golden_example(path: Path) -> None:
    record = read(path)
    value = b"" if record["value"] is None else json.dumps(record["value"]).encode()
    headers = {name: text.encode() for name, text in record["headers"].items()}

    event = from_binary(KafkaMessage(headers, record["key"].encode(), value), JSONFormat())

    assert event.get_type() == record["headers"]["ce_type"]
    assert event.get_source() == f"/{record['topic'].partition('.')[0]}"
    assert event.get_subject() == record["headers"]["ce_subject"]
    assert str(UUID(event.get_id())) == event.get_id()
    assert event.get_time() is not None
    assert event.get_extension("partitionkey") == record["key"]
    assert int(event.get_extension("aggregateversion")) >= 1
    if record["value"] is not None:
        assert event.get_data() == record["value"]
        assert event.get_datacontenttype() == "application/json"


@pytest.mark.parametrize("path", OF_EVENTS, ids=named)
def test_a_reader_skips_fields_that_it_does_not_know(path: Path) -> None:
    record = read(path)
    kind = registry.BY_TYPE[record["headers"]["ce_type"]]

    later = kind.model_validate(_with_more(record["value"]))

    assert later == kind.model_validate(record["value"])
    jsonschema.validate(_with_more(record["value"]), schema_beside(path), format_checker=CHECKER)


@pytest.mark.parametrize("path", OF_EVENTS, ids=named)
def test_a_reader_takes_a_record_from_before_its_optional_fields(path: Path) -> None:
    record, schema = read(path), schema_beside(path)
    kind = registry.BY_TYPE[record["headers"]["ce_type"]]
    early = {name: record["value"][name] for name in schema["required"]}

    event = kind.model_validate(early)

    jsonschema.validate(early, schema, format_checker=CHECKER)
    present = path.parent == PUBLISHED  # beside an older schema there are fields that it lacks
    whole = gate.closed(schema) if present else schema
    jsonschema.validate(event.model_dump(mode="json"), whole, format_checker=CHECKER)


def test_money_is_written_with_two_places_and_never_as_a_number() -> None:
    subscription = next(each for each in _all_of(clients.ClientRegistered)).subscriptions[0]

    for amount, written in (("1E+3", "1000.00"), ("5", "5.00"), ("0.5", "0.50")):
        again = clients.Subscription.model_validate(subscription.model_dump() | {"mrr": amount})
        assert f'"mrr":"{written}"' in again.model_dump_json()


def test_a_state_topic_has_an_example_of_an_end() -> None:
    topics_with_an_end = set()
    for path in TOMBSTONES:
        record = read(path)
        topics_with_an_end.add(record["topic"])
        assert record["value"] is None
        assert "content-type" not in record["headers"]

    assert topics_with_an_end == {t.name for t in topics.REGISTRY if t.kind == "state"}


PERSONAL = {"name", "email", "phone", "job_title", "first_name", "last_name"}
NO_PERSON = {"Option", "Stage"}  # their names are those of an offer and of a date


@pytest.mark.parametrize("event", registry.EVENTS, ids=lambda event: event.TYPE)
def test_names_and_addresses_of_people_are_in_state_topics_only(event: type[Event]) -> None:
    schema = HISTORY[event.TYPE][-1]
    named = {
        (part["title"], field)
        for part in (schema, *schema["$defs"].values())
        for field in PERSONAL & set(part["properties"])
        if part["title"] not in NO_PERSON
    }

    assert issubclass(event, Snapshot) or not named


def test_the_example_of_a_deadline_has_the_id_that_follows_from_renewal_start_and_stage() -> None:
    record = read(PUBLISHED / f"{renewals.RenewalDeadlineApproaching.TYPE}.example.json")
    event = renewals.RenewalDeadlineApproaching.model_validate(record["value"])
    later = event.model_copy(update={"version": 99, "days_to_deadline": 3})
    moved = event.model_copy(update={"renewal_start": event.deadline})

    assert record["headers"]["ce_id"] == str(event.event_id()) == str(later.event_id())
    assert moved.event_id() != event.event_id()


class ServicesEndedWithMore(clients.ServicesEnded):
    """The partner no longer services the client."""

    TYPE: ClassVar[str] = "clients.ServicesEnded.v1"

    noted: bool = False


class ServicesEndedWithWord(clients.ServicesEnded):
    """The partner no longer services the client."""

    TYPE: ClassVar[str] = "clients.ServicesEnded.v1"

    word: str


def test_an_optional_field_makes_a_revision_and_the_one_before_is_kept(tmp_path: Path) -> None:
    folder, said = _copy(tmp_path), _instead(ServicesEndedWithMore)
    planned = schemas.plan(said, folder)
    before = (folder / "clients.ServicesEnded.v1.schema.json").read_text("utf-8")

    schemas.write(planned, lambda _: None)

    assert planned.breaches == []
    kept = folder / "clients.ServicesEnded.v1" / "1.schema.json"
    assert kept.read_text("utf-8") == before
    assert kept.with_name("1.example.json").exists()
    first, second = schemas.published(folder)["clients.ServicesEnded.v1"]
    assert (first["$id"][-2:], second["$id"][-2:]) == ("/1", "/2")
    assert "noted" in second["properties"]
    example = read(folder / "clients.ServicesEnded.v1.example.json")
    assert example["headers"]["ce_dataschema"] == second["$id"]
    assert schemas.plan(said, folder).drift() == []


def test_every_revision_is_checked_not_only_the_last(tmp_path: Path) -> None:
    folder = _copy(tmp_path)
    schemas.write(schemas.plan(_instead(ServicesEndedWithMore), folder), lambda _: None)

    refused = schemas.plan(_instead(ServicesEndedWithWord), folder).breaches

    assert all(each.startswith("clients.ServicesEnded.v1: a consumer ") for each in refused)
    assert any("revision 1" in each for each in refused)
    assert any("revision 2" in each for each in refused)
    assert any("noted was published and is gone" in each for each in refused)
    assert any("word is required, but may be missing" in each for each in refused)


def test_a_published_event_may_not_vanish(tmp_path: Path) -> None:
    said = [each for each in examples.events() if each.TYPE != clients.ServicesEnded.TYPE]

    [refused] = schemas.plan(said, _copy(tmp_path)).breaches

    assert refused.startswith("clients.ServicesEnded.v1: it was published")


def test_the_command_refuses_drift_then_writes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = _copy(tmp_path)
    path = folder / "tiers.TierCredited.v1.example.json"
    path.write_text("{}", "utf-8")
    monkeypatch.setattr(schemas.plan, "__defaults__", (folder,))

    assert main(["publish", "--check"]) == 1
    assert path.name in capsys.readouterr().err
    assert main(["publish"]) == 0
    assert main(["publish", "--check"]) == 0
    assert path.read_bytes() == (PUBLISHED / path.name).read_bytes()


def test_the_command_refuses_a_breaking_change_and_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = _copy(tmp_path)
    path = folder / "tiers.TierCredited.v1.schema.json"
    published = read(path)
    published["properties"]["reviewed_by"] = {"type": "string", "description": "Who."}
    path.write_text(json.dumps(published), "utf-8")
    monkeypatch.setattr(schemas.plan, "__defaults__", (folder,))

    assert main(["publish"]) == 1

    told = capsys.readouterr().err
    assert (
        "tiers.TierCredited.v1: a consumer that relies on revision 1 is left without what it was "
        "promised: reviewed_by was published and is gone or renamed"
    ) in told
    assert "new-major tiers.TierCredited.v1" in told
    assert read(path) == published


def test_a_tombstone_and_an_event_of_the_same_key_share_their_key() -> None:
    stone = Tombstone(
        topic=clients.STATE,
        key="k",
        owner="clients",
        occurred_at=next(examples.events()).occurred_at,
        version=2,
    )

    record = examples.tombstone_of(stone)

    assert (record.topic, record.key, record.value) == (clients.STATE, "k", None)
    assert record.headers["ce_partitionkey"] == record.headers["ce_subject"] == "k"


def _all_of(kind: type[Any]) -> list[Any]:
    return [each for each in examples.events() if isinstance(each, kind)]


def _copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(PUBLISHED, tmp_path / "published"))


def _instead(kind: type[clients.ServicesEnded]) -> list[Event]:
    """What is said, with another declaration of the same event."""
    return [
        kind.model_validate(each.model_dump() | {"word": "so"}) if each.TYPE == kind.TYPE else each
        for each in examples.events()
    ]


def _with_more(value: Any) -> Any:
    """As a later writer might say it: one more field in every part."""
    if isinstance(value, dict):
        return {name: _with_more(each) for name, each in value.items()} | {"from_later": 1}
    if isinstance(value, list):
        return [_with_more(each) for each in value]
    return value

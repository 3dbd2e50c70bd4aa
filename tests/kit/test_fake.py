"""The made-up story is believable and the same for a seed; its mishaps are promised ones."""

import json
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]  # it has none
import pytest

from deploy.local import ports
from shared.contracts import gate, registry, schemas
from shared.contracts.consumer.once import Seen
from shared.contracts.consumer.reading import Broken, Erased, Reader, Skipped, Told
from shared.contracts.fake.__main__ import main
from shared.contracts.fake.mishaps import Mishaps
from shared.contracts.fake.story import Story
from shared.contracts.record import Record, of_lines

MUCH = 1_500
ALL = Mishaps(0.1, 0.3, 0.01, 0.03, 0.05, seed=3)


def story(seed: int = 3) -> Iterator[Record]:
    return Story(seed).records()


def take(records: Iterator[Record], count: int = MUCH) -> list[Record]:
    return list(islice(records, count))


def first_copies(records: list[Record]) -> list[Record]:
    return list({each.id: each for each in reversed(records)}.values())[::-1]


def by_key(records: list[Record]) -> dict[tuple[str, str], list[str]]:
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for each in records:
        found[each.topic, each.key].append(each.id)
    return found


def test_the_same_seed_tells_the_same_story_to_the_byte() -> None:
    assert take(story()) == take(story())
    assert take(ALL.on(story())) == take(ALL.on(story()))
    assert take(story(4)) != take(story(3))


def test_every_record_is_what_its_schema_says_and_comes_by_the_right_topic() -> None:
    closed = {
        type_: jsonschema.Draft202012Validator(gate.closed(history[-1]))
        for type_, history in schemas.published().items()
    }
    for record in take(story()):
        if record.value is None:
            assert record.topic.endswith(".state.v1")
            continue
        event = registry.BY_TYPE[record.type]
        assert record.topic == event.TOPIC
        value = json.loads(record.value)
        closed[record.type].validate(value)
        assert value[event.KEY] == record.key == record.headers["ce_partitionkey"]
        assert record.headers["ce_dataschema"] == closed[record.type].schema["$id"]
        assert str(value[event.SUBJECT]) == record.headers["ce_subject"]


def test_the_story_has_all_that_a_consumer_must_cope_with() -> None:
    types = Counter(record.type for record in take(story(), 3_000))

    for owner in registry.MODULES:
        assert any(type_.startswith(f"{owner}.") for type_ in types)
    for name in (
        "clients.ServicesEnded.v1",
        "clients.ServicesResumed.v1",
        "clients.Erased.v1",
        "renewals.RenewalDeadlineApproaching.v1",
        "renewals.RenewalDecided.v1",
        "renewals.RenewalSettled.v1",
        "renewals.RenewalMoved.v1",
        "notifications.ReminderSent.v1",
        "tiers.PartnerTierSnapshot.v1",
    ):
        assert types[name], name


def test_versions_of_a_subject_only_grow() -> None:
    known: dict[tuple[str, str, str], int] = {}
    for record in take(story()):
        if record.topic.endswith("notifications.events.v1"):
            continue
        about = record.topic, record.headers["ce_source"], record.headers["ce_subject"]
        version = int(record.headers["ce_aggregateversion"])
        assert version >= known.get(about, 0), record.type
        known[about] = version


def test_the_first_copies_of_a_key_keep_their_order_whatever_happens() -> None:
    plain = by_key(take(story(), 10_000))

    for key, ids in by_key(first_copies(take(ALL.on(story())))).items():
        invented = [each for each in ids if each not in plain[key]]
        kept = [each for each in ids if each not in invented]
        assert kept == plain[key][: len(kept)], key


def test_records_overtake_those_of_other_keys() -> None:
    shuffled = take(Mishaps(reordering=0.5).on(story()))

    assert shuffled != take(story())
    assert len({each.id for each in shuffled}) == MUCH


def test_copies_come_again_and_the_last_of_a_key_stays_the_last() -> None:
    doubled = take(Mishaps(duplicates=0.2).on(story()))
    copies = MUCH - len({each.id for each in doubled})

    assert MUCH * 0.1 < copies < MUCH * 0.6
    first_of_each: dict[tuple[str, str], list[str]] = by_key(first_copies(doubled))
    for key, ids in by_key(doubled).items():
        assert ids[-1] == first_of_each[key][-1]


def test_a_replay_brings_facts_of_one_topic_again_and_no_snapshot() -> None:
    replayed = take(Mishaps(replays=0.01).on(story()))
    again = Counter(each.id for each in replayed)

    assert any(count > 1 for count in again.values())
    assert all(again[each.id] == 1 for each in replayed if each.topic.endswith(".state.v1"))


def test_a_reader_takes_newer_revisions_and_skips_what_it_does_not_know() -> None:
    reader, found = Reader(), Counter[type]()
    newer = 0
    for record in take(Mishaps(unknown=0.1, next_versions=0.2).on(story())):
        message = reader.read(record.topic, record.key, record.value, record.headers)
        found[type(message)] += 1
        newer += b"added_in_a_later_revision" in (record.value or b"")

    assert found[Broken] == 0
    assert found[Skipped] > 100
    assert newer > 100


def test_who_dedupes_and_skips_ends_with_the_same_state() -> None:
    def end_of(records: Iterator[Record], last: str) -> dict[str, str]:
        state: dict[str, str] = {}
        reader, seen = Reader(), Seen()
        for record in records:
            message = reader.read(record.topic, record.key, record.value, record.headers)
            if isinstance(message, Told | Erased) and seen.claim(message):
                name = "" if isinstance(message, Erased) else message.event.TYPE
                state[f"{record.topic} {record.key} {name.rpartition('.v')[0]}"] = record.id
            if record.id == last:
                return state
        raise AssertionError

    plain = take(story(), 800)
    last = plain[-1].id
    quiet = Mishaps(duplicates=0.2, replays=0.01, unknown=0.1, next_versions=0.1)

    assert end_of(quiet.on(story()), last) == end_of(iter(plain), last)


def test_a_file_of_the_story_is_read_back_byte_for_byte(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "story.jsonl"

    assert main(["--seed", "3", "--events", "300", "--file", str(path)]) == 0

    with path.open(encoding="utf-8") as file:
        assert list(of_lines(file)) == take(story(), 300)
    assert "300 records told, seed 3." in capsys.readouterr().err


def test_the_terminal_gets_one_record_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seed", "3", "--events", "5"]) == 0

    assert list(of_lines(capsys.readouterr().out.splitlines())) == take(story(), 5)


def test_help_names_every_switch_and_shows_how(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])

    told = capsys.readouterr().out
    for word in ("--duplicates", "--reorder", "--replays", "--unknown", "--next-versions"):
        assert word in told
    assert "python -m shared.contracts.fake --seed 7 --file story.jsonl" in told


def test_who_has_heard_enough_may_leave() -> None:
    run = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m shared.contracts.fake --endless | head -3"],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip

    assert list(of_lines(run.stdout.splitlines())) == take(Story(1).records(), 3)
    assert run.stderr == ""


def test_a_kafka_that_is_not_there_is_told_in_a_line() -> None:
    [port] = ports.free_ports(1)

    command = [sys.executable, "-m", "shared.contracts.fake", "--servers", f"127.0.0.1:{port}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    told = done.stderr
    assert told.startswith(f"Kafka at 127.0.0.1:{port} did not do it: ")
    assert told.count("\n") == 1


def test_a_share_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--duplicates", "7"])

    assert "7 is no share; expected 0 to 1" in capsys.readouterr().err

"""Every event is where it belongs, and a wrong declaration is said in a sentence."""

from uuid import UUID

import pytest

from shared.contracts import clients, registry, renewals, tiers, topics
from shared.contracts.__main__ import main
from shared.contracts.event import Event


def test_nothing_is_wrong_with_what_is_declared() -> None:
    assert registry.problems() == []


def test_every_event_is_found_by_type_topic_and_owner() -> None:
    assert registry.BY_TYPE["clients.ServicesEnded.v1"] is clients.ServicesEnded
    assert renewals.RenewalMoved in registry.of_topic(renewals.EVENTS)
    assert tiers.PartnerTierSnapshot in registry.of_owner("tiers")
    assert sum(len(registry.of_topic(t.name)) for t in topics.REGISTRY) == len(registry.EVENTS)
    assert sum(len(registry.of_owner(owner)) for owner in registry.MODULES) == len(registry.EVENTS)


def test_every_owner_and_reader_has_a_topic_for_its_dead_letters() -> None:
    names = {topic.name for topic in topics.REGISTRY}
    for service in (*registry.MODULES, "dashboard", "webhooks"):
        assert topics.dead_letters_of(service) in names


def test_state_topics_are_compacted_and_facts_are_kept_for_ever() -> None:
    for topic in topics.REGISTRY:
        policy = {"state": "compact", "events": "delete", "dead-letters": "delete"}[topic.kind]
        assert topic.config["cleanup.policy"] == policy
        assert topic.partitions == 12
        if topic.kind == "events":
            assert topic.config["retention.ms"] == "-1"


def _declare(name: str, module: str = clients.__name__, **said: str) -> type[Event]:
    body = {"TOPIC": clients.EVENTS, "KEY": "client_id", "SUBJECT": "client_id", **said}
    fields = {"__module__": module, "__annotations__": {"client_id": UUID}}
    return type(name, (Event,), body | fields)


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ({"TYPE": "clients.Moved"}, "is not '<owner>.<ClassName>.v<n>'"),
        ({"TYPE": "tiers.Moved.v1"}, "names tiers, but clients owns it"),
        ({"TYPE": "clients.Gone.v1"}, "names another class"),
        ({"TYPE": "clients.Moved.v1", "TOPIC": "clients.facts.v1"}, "is not in the registry"),
        ({"TYPE": "clients.Moved.v1", "TOPIC": tiers.EVENTS}, "belongs to tiers"),
        ({"TYPE": "clients.Moved.v1", "TOPIC": clients.STATE}, "go to a state topic"),
        ({"TYPE": "clients.Moved.v1", "KEY": "account"}, "KEY 'account' is not one of its fields"),
        ({"TYPE": "clients.Moved.v1", "SUBJECT": "it"}, "SUBJECT 'it' is not one of its fields"),
    ],
)
def test_a_wrong_declaration_is_told(said: dict[str, str], problem: str) -> None:
    [told] = registry.problems([*registry.EVENTS, _declare("Moved", **said)])

    assert problem in told


def test_the_second_major_of_an_event_is_a_class_beside_the_first() -> None:
    second = _declare("ServicesEndedV2", TYPE="clients.ServicesEnded.v2")

    assert registry.problems([*registry.EVENTS, second]) == []


def test_two_events_cannot_share_a_type() -> None:
    again = _declare("ServicesEnded", TYPE="clients.ServicesEnded.v1")

    assert registry.problems([*registry.EVENTS, again]) == [
        "clients.ServicesEnded.v1: 2 events share this TYPE."
    ]


def test_a_topic_that_nobody_writes_to_is_told() -> None:
    others = [event for event in registry.EVENTS if event.TOPIC != tiers.STATE]

    assert registry.problems(others) == ["tiers.state.v1: no event is declared for this topic."]


def test_list_names_every_topic_and_every_event(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0

    printed = capsys.readouterr().out
    for name in (*registry.BY_TYPE, *(topic.name for topic in topics.REGISTRY)):
        assert name in printed

"""Every inbox of every service is subscribed so that nothing is lost."""

import asyncio
import importlib
import inspect
import pkgutil
from collections import Counter
from types import ModuleType
from typing import Any, cast

import pytest
from faststream import AckPolicy
from faststream.kafka import KafkaBroker

from shared.chassis import kafka
from shared.chassis.access import Access
from shared.chassis.database import Connection, Pool
from shared.chassis.inbox import Inbox
from shared.chassis.kafka import make_broker, subscribe
from shared.contracts import clients, registry, topics
from tests.architecture import sources

NOWHERE = "127.0.0.1:1"  # nothing connects: what matters is how it would
UNUSED = cast("Pool", object())


def handlers_of(service: str) -> list[ModuleType]:
    room = importlib.import_module(f"services.{service}.handlers")
    below = pkgutil.walk_packages(getattr(room, "__path__", ()), f"{room.__name__}.")
    return [room, *(importlib.import_module(module.name) for module in below)]


def inboxes_of(service: str) -> list[Inbox]:
    found = {
        id(thing): thing
        for module in handlers_of(service)
        for thing in vars(module).values()
        if isinstance(thing, Inbox)
    }
    return list(found.values())


HEARING = [
    name for name in sources.SERVICES if list((sources.ROOT / "services" / name).glob("handlers*"))
]
ALL = [pytest.param(inbox, id=inbox.group) for name in HEARING for inbox in inboxes_of(name)]
# The dashboard hears for the revision of its read model that serves, or is made anew.
REVISED = [
    pytest.param(again, id=again.group)
    for inbox in inboxes_of("dashboard")
    for again in [inbox.of_revision(3)]
]


def losses(subscriber: Any) -> set[str]:
    """How a subscriber would lose events, or do what nobody asked for."""
    connection = subscriber._connection_args  # how it would connect is said nowhere else
    wrong = {
        "commits what failed": subscriber.ack_policy is not AckPolicy.NACK_ON_ERROR,
        "commits by the clock": connection["enable_auto_commit"] is not False,
        "skips what a new group finds": connection["auto_offset_reset"] != "earliest",
        "answers where a record says": subscriber._no_reply is not True,
        "has no group": not subscriber.group_id,
        "takes batches without end": not getattr(subscriber, "max_records", None),
        "lets FastStream parse the headers": subscriber._call_options.parser
        is not kafka._hide_headers,
        "lets FastStream decode the value": subscriber._call_options.decoder
        is not kafka._leave_undecoded,
        "has several handlers": len(subscriber.calls) != 1,
        "is thrown out before a batch can wait": connection["max_poll_interval_ms"] < 600_000,
    }
    return {reason for reason, is_so in wrong.items() if is_so}


@pytest.mark.parametrize("inbox", [*ALL, *REVISED])
async def test_an_inbox_once_subscribed_loses_nothing(inbox: Inbox) -> None:
    broker = make_broker(Access.to(NOWHERE))

    subscriber = subscribe(broker, inbox, UNUSED, asyncio.Event())

    assert losses(subscriber) == set()
    assert subscriber.topic_names == [inbox.topic]
    assert subscriber.group_id == inbox.group


@pytest.mark.parametrize("inbox", ALL)
def test_a_group_is_named_by_service_revision_and_topic(inbox: Inbox) -> None:
    assert inbox.group == f"{inbox.service}.{inbox.topic}"
    assert inbox.of_revision(3).group == f"{inbox.service}.r3.{inbox.topic}"


async def test_what_faststream_does_by_itself_would_lose_events() -> None:
    broker = KafkaBroker(NOWHERE)
    subscriber = broker.subscriber("clients.events.v1")

    async def receive(message: str) -> None:
        """Do nothing."""

    subscriber(receive)

    assert {
        "commits what failed",
        "commits by the clock",
        "skips what a new group finds",
        "answers where a record says",
        "has no group",
        "lets FastStream parse the headers",
        "lets FastStream decode the value",
    } <= losses(subscriber)


def test_every_inbox_has_a_group_of_its_own() -> None:
    groups = Counter(inbox.group for service in HEARING for inbox in inboxes_of(service))

    assert all(times == 1 for times in groups.values()), groups


@pytest.mark.parametrize("inbox", ALL)
def test_an_inbox_hears_only_events_that_exist(inbox: Inbox) -> None:
    assert inbox.topic in {topic.name for topic in topics.REGISTRY}
    assert inbox._events or "tombstone" in inbox._each, (
        "an inbox without a handler reads for nothing"
    )
    for type_, event in inbox._events.items():
        assert registry.BY_TYPE[type_] is event
        assert inbox.topic == event.TOPIC


@pytest.mark.parametrize("inbox", ALL)
def test_who_keeps_a_replica_of_a_state_topic_also_erases(inbox: Inbox) -> None:
    assert not inbox.topic.endswith(".state.v1") or "tombstone" in inbox._each


@pytest.mark.parametrize("service", [name for name in HEARING if name in sources.SERVING])
def test_every_inbox_is_fed(service: str) -> None:
    """An inbox that main forgets would never be subscribed."""
    main = importlib.import_module(f"services.{service}.main")

    assert set(map(id, main.INBOXES)) == set(map(id, inboxes_of(service)))
    assert "inboxes=INBOXES" in inspect.getsource(main)


async def _forget(event: clients.ServicesEnded, tx: Connection) -> None:
    """Do nothing."""


def test_an_inbox_refuses_an_event_of_another_topic() -> None:
    inbox = Inbox("tiers", clients.STATE)

    with pytest.raises(ValueError, match=r"comes by clients\.events\.v1, never by"):
        inbox.on(clients.ServicesEnded)(_forget)

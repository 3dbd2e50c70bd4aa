"""Where events may be sent: to https at allowed public hosts, whatever their names lead to."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import httpcore2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.webhooks import senders
from services.webhooks.domain import Outcome, Reach, Refused, allowed, may_connect
from services.webhooks.senders.network import Guarded
from services.webhooks.settings import Settings
from shared.chassis.clock import ManualClock
from tests.webhooks.conftest import Asking
from tests.webhooks.events import NOON, due
from tests.webhooks.receiver import Receiver, certificate, receiving

Hear: TypeAlias = Callable[..., Awaitable[None]]
PUBLIC = Reach(("example.com", "hooks.example.org"), frozenset({443, 8443}))
DEMO = Reach(("example.com",), loopback=True)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("https://example.com", "https://example.com/"),
        ("https://Hooks.Example.COM:443/a?b=c", "https://hooks.example.com/a?b=c"),
        ("https://a.hooks.example.org:8443/x", "https://a.hooks.example.org:8443/x"),
    ],
)
def test_https_at_an_allowed_host_is_taken(said: str, kept: str) -> None:
    assert allowed(said, PUBLIC) == kept
    assert allowed(kept, PUBLIC) == kept


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "ftp://example.com/",
        "https://example.net/",
        "https://example.com.attacker.net/",
        "https://notexample.com/",
        "https://example.org/",
        "https://user:password@example.com/",
        "https://example.com@attacker.net/",
        "https://example.com:22/",
        "https://example.com:0/",
        "https://example.com:99999/",
        "https://example.com/#fragment",
        "https://example.com\\@attacker.net/",
        "https://example.com/\r\nhost: x",
        "https://example.com/ x",
        "https://example.com./",
        "https://exämple.com/",
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://[::1]/",
        "https://localhost/",
        "https://169.254.169.254/latest/meta-data",
        "//example.com/",
        "https:example.com",
        "https:///example.com",
        "",
    ],
)
def test_everything_else_is_refused(url: str) -> None:
    with pytest.raises(Refused):
        allowed(url, PUBLIC)


def test_without_an_allow_list_nothing_is_allowed() -> None:
    with pytest.raises(Refused, match="the operator allows"):
        allowed("https://example.com/", Reach())


def test_an_address_itself_is_refused_even_where_its_last_part_is_allowed() -> None:
    with pytest.raises(Refused, match="no address of a machine"):
        allowed("https://10.0.0.1/", Reach(("0.0.1",)))


def test_this_machine_is_allowed_only_where_the_operator_says_so() -> None:
    assert allowed("http://localhost:8080/in", DEMO) == "http://localhost:8080/in"
    assert allowed("https://127.0.0.1:9/", DEMO) == "https://127.0.0.1:9/"
    for url in ("http://localhost:70000/", "http://127.0.0.2/", "http://10.0.0.1/"):
        with pytest.raises(Refused):
            allowed(url, DEMO)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0"),
        *("100.64.0.1", "100.100.100.200", "168.63.129.16", "192.0.2.1", "198.18.0.1"),
        *("224.0.0.1", "240.0.0.1", "255.255.255.255", "192.88.99.1"),
        *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1"),
        *("2002:7f00:1::", "2002:c0a8:101::1", "2001:0:4136:e378::1", "fec0::1", "2001:db8::1"),
        # Python's versions do not agree about these.
        *("2002:5db8:d70e::1", "64:ff9b:1::a00:1", "2001:1::1", "3fff::1", "5f00::1", "192.0.0.9"),
    ],
)
def test_no_address_that_leads_inside_is_connected_to(address: str) -> None:
    assert not may_connect("hooks.example.com", [address], PUBLIC)
    assert not may_connect("hooks.example.com", ["93.184.215.14", address], PUBLIC)
    assert not may_connect("hooks.example.com", [address], DEMO)


@pytest.mark.parametrize(
    "address", ["93.184.215.14", "2606:2800:21f:cb07::1", "64:ff9b::5db8:d70e"]
)
def test_a_public_address_is_connected_to(address: str) -> None:
    assert may_connect("hooks.example.com", [address], PUBLIC)
    assert not may_connect("hooks.example.com", [], PUBLIC)
    assert not may_connect("localhost", [address], DEMO)


@given(st.ip_addresses())
def test_whatever_is_connected_to_is_global(address: object) -> None:
    if may_connect("hooks.example.com", [str(address)], PUBLIC):
        assert getattr(address, "is_global", False)
        assert not getattr(address, "is_multicast", True)


def leading_to(*answers: list[str]) -> tuple[senders.Resolve, list[str]]:
    """A resolver whose answers change, and what it was asked for."""
    asked: list[str] = []

    async def find(host: str, _: int) -> list[str]:
        asked.append(host)
        return answers[min(len(asked), len(answers)) - 1]

    return find, asked


async def post(settings: Settings, url: str, find: senders.Resolve | None = None) -> senders.Answer:
    poster = senders.Poster(settings, find) if find else senders.Poster(settings)
    try:
        return await poster.post(senders.Posting(url, [], b"{}"), NOON)
    finally:
        await poster.close()


async def test_a_name_that_leads_inside_is_refused_without_a_connection(
    settings: Settings, receiver: Receiver
) -> None:
    opened = settings.model_copy(update={"allowed_ports": f"443,{receiver.port}"})
    for addresses in (["127.0.0.1"], ["::ffff:127.0.0.1"], ["93.184.215.14", "127.0.0.1"]):
        find, _ = leading_to(addresses)
        answer = await post(opened, f"https://hooks.example.com:{receiver.port}/", find)
        assert answer.outcome is Outcome.FORBIDDEN
    assert receiver.connections == 0


class Noting(httpcore2.AsyncNetworkBackend):
    """Connects to nobody, and notes to whom it should."""

    def __init__(self) -> None:
        self.tried: list[str] = []

    async def connect_tcp(self, host: str, *_: Any, **__: Any) -> httpcore2.AsyncNetworkStream:
        self.tried.append(host)
        raise httpcore2.ConnectError


async def test_a_name_is_resolved_once_so_that_it_cannot_lead_elsewhere_afterwards() -> None:
    find, asked = leading_to(["93.184.215.14", "2606:2800:21f:cb07::1"], ["127.0.0.1"])
    guarded = Guarded(PUBLIC, find)
    guarded._plain = noting = Noting()  # type: ignore[assignment]

    with pytest.raises(httpcore2.ConnectError):
        await guarded.connect_tcp("hooks.example.com", 443)

    assert asked == ["hooks.example.com"]
    assert noting.tried == ["93.184.215.14", "2606:2800:21f:cb07::1"]


async def test_what_is_no_longer_allowed_is_sent_nothing(
    ask: Asking, receiver: Receiver, hear: Hear, send: Hear, clock: ManualClock
) -> None:
    await ask.endpoint(receiver.url)
    await hear(due())
    await send(allow_loopback=False)
    assert receiver.connections == 0
    [delivery] = await ask.deliveries()
    assert (delivery["outcome"], delivery["status"]) == ("forbidden", None)


async def test_the_certificate_has_to_be_of_the_name_and_of_a_trusted_authority(
    settings: Settings, tmp_path: Path
) -> None:
    good, shown = certificate(tmp_path, "localhost")
    other, shown_by_other = certificate(tmp_path, "hooks.example.com")
    async with receiving(shown) as receiver, receiving(shown_by_other) as impostor:
        trusting = settings.model_copy(update={"ca_file": good})
        fooled = settings.model_copy(update={"ca_file": other})

        assert (await post(trusting, receiver.url)).outcome is Outcome.DELIVERED
        assert (await post(fooled, impostor.url)).outcome is Outcome.UNREACHABLE
        assert (await post(fooled, receiver.url)).outcome is Outcome.UNREACHABLE
        assert (await post(settings, receiver.url)).outcome is Outcome.UNREACHABLE
        assert [got.headers["host"] for got in receiver.got] == [f"localhost:{receiver.port}"]
        assert impostor.got == []


async def test_a_name_that_nobody_has_or_that_is_not_resolved_in_time_is_tried_again_later(
    settings: Settings,
) -> None:
    async def nobody(_: str, __: int) -> list[str]:
        raise OSError

    async def slow(_: str, __: int) -> list[str]:
        await asyncio.sleep(60)
        return []

    hasty = settings.model_copy(update={"connect_timeout": 0.05})
    url = "https://hooks.example.com/"
    assert (await post(hasty, url, nobody)).outcome is Outcome.UNREACHABLE
    assert (await post(hasty, url, slow)).outcome is Outcome.TIMED_OUT

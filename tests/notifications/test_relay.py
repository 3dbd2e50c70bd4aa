import asyncio
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from services.notifications.senders import Answer, Mail, Relay
from services.notifications.senders.dialogue import LONGEST_REPLY
from tests.notifications.conftest import make_settings
from tests.notifications.sink import Sink, serving

BODY = b"Subject: Hello\r\n\r\n.A line with a dot\r\n..\r\n.\r\nthe end\r\n"


@pytest.fixture(params=[False, True], ids=["in turn", "pipelined"])
async def sink(request: pytest.FixtureRequest) -> AsyncIterator[Sink]:
    async with serving(pipelining=request.param) as sink:
        yield sink


@pytest.fixture
async def relay(sink: Sink) -> AsyncIterator[Relay]:
    made = Relay(make_settings(sink, lanes=1, smtp_connections=1))
    yield made
    await made.close()


def mail(to: str = "dora@acme.example", copied: str | None = None, **other: Any) -> Mail:
    return Mail("hub@hub.example", to, copied, BODY, other.pop("send_by", monotonic() + 60))


async def deliver(relay: Relay, *mails: Mail) -> list[Answer]:
    return await relay.send(mails or [mail()])


async def test_a_mail_arrives_as_it_was_written_dots_and_all(relay: Relay, sink: Sink) -> None:
    [answer] = await deliver(relay)

    assert (answer.result, answer.code) == ("accepted", 250)
    [kept] = sink.kept
    assert kept.raw == BODY
    assert (kept.sender, kept.recipients) == ("hub@hub.example", ["dora@acme.example"])


async def test_connections_are_held_for_the_next_mails(relay: Relay, sink: Sink) -> None:
    await deliver(relay, *[mail() for _ in range(5)])
    await deliver(relay)

    assert (len(sink.kept), sink.connections) == (6, 1)


async def test_a_copy_goes_to_two_recipients_in_one_mail(relay: Relay, sink: Sink) -> None:
    [answer] = await deliver(relay, mail(copied="ben@agency.example"))

    assert answer.result == "accepted"
    assert sink.kept[0].recipients == ["dora@acme.example", "ben@agency.example"]


@pytest.mark.parametrize(
    ("at", "said", "result", "about_us"),
    [
        ("MAIL", "451 try later", "deferred", True),
        ("MAIL", "550 we do not like you", "deferred", True),
        ("RCPT", "450 mailbox busy", "deferred", False),
        ("RCPT", "550 no such user", "rejected", False),
        ("DATA", "451 no disk", "deferred", False),
        ("DATA", "554 no", "rejected", False),
        ("DOT", "452 no disk", "deferred", False),
        ("DOT", "554 spam", "rejected", False),
        ("RCPT", "421 closing", "deferred", True),
        ("DOT", "421 closing", "deferred", True),
    ],
)
async def test_an_answer_is_about_the_message_or_about_us(
    relay: Relay, sink: Sink, at: str, said: str, result: str, about_us: bool
) -> None:
    sink.fail(at, said)

    [answer] = await deliver(relay)

    assert (answer.result, answer.about_us) == (result, about_us)
    assert (answer.code, answer.text) == (int(said[:3]), said)
    assert sink.kept == []


@pytest.mark.parametrize("at", ["RCPT", "DATA", "DOT"])
async def test_after_a_refusal_the_connection_takes_the_next_mail(
    relay: Relay, sink: Sink, at: str
) -> None:
    sink.fail(at, "550 no")

    answers = await deliver(relay, mail(), mail("eve@acme.example"))

    assert [answer.result for answer in answers] == ["rejected", "accepted"]
    assert (sink.recipients, sink.connections) == (["eve@acme.example"], 1)


async def test_addresses_in_answers_are_not_kept(relay: Relay, sink: Sink) -> None:
    sink.fail("RCPT", "550 <dora@acme.example> unknown")

    [answer] = await deliver(relay)

    assert "dora" not in answer.text


async def test_a_copy_that_is_refused_does_not_hold_up_the_mail(relay: Relay, sink: Sink) -> None:
    sink.fail("RCPT ben@agency.example", "550 no such user")

    [answer] = await deliver(relay, mail(copied="ben@agency.example"))

    assert answer.result == "accepted"
    assert "the copy was refused: 550" in answer.text
    assert sink.recipients == ["dora@acme.example"]


async def test_a_mail_whose_recipient_is_refused_is_not_sent_to_the_copy_alone(
    relay: Relay, sink: Sink
) -> None:
    sink.fail("RCPT dora@acme.example", "550 no such user")

    answers = await deliver(relay, mail(copied="ben@agency.example"), mail("eve@acme.example"))

    assert [answer.result for answer in answers] == ["rejected", "accepted"]
    assert sink.recipients == ["eve@acme.example"]


@pytest.mark.parametrize("at", ["MAIL", "RCPT", "DATA"])
async def test_a_connection_cut_before_the_dot_means_surely_not_sent(
    relay: Relay, sink: Sink, at: str
) -> None:
    sink.fail(at, "cut")

    [answer] = await deliver(relay)

    assert answer.result == "not_sent"
    assert sink.kept == []


@pytest.mark.parametrize(("fault", "kept"), [("cut", 0), ("keep and cut", 1)])
async def test_a_connection_cut_after_the_dot_leaves_a_doubt_whatever_happened(
    relay: Relay, sink: Sink, fault: str, kept: int
) -> None:
    sink.fail("DOT", fault)

    [answer] = await deliver(relay)

    assert answer.result == "unknown"
    assert len(sink.kept) == kept


NAMES = [f"{name}@acme.example" for name in ("dora", "eve", "fred", "gus")]


@pytest.mark.parametrize(
    ("at", "fault", "result", "kept"),
    [
        ("RCPT eve@acme.example", "550 no such user", "rejected", 3),
        ("RCPT eve@acme.example", "450 busy", "deferred", 3),
        ("RCPT eve@acme.example", "421 closing", "accepted", 4),
        ("RCPT eve@acme.example", "cut", "accepted", 4),
        ("DOT eve@acme.example", "554 spam", "rejected", 3),
        ("DOT eve@acme.example", "451 no disk", "deferred", 3),
        ("DOT eve@acme.example", "421 closing", "accepted", 4),
        ("DOT eve@acme.example", "cut", "unknown", 3),
        ("DOT eve@acme.example", "keep and cut", "unknown", 4),
    ],
)
async def test_what_goes_wrong_with_one_mail_of_a_row_is_told_of_that_one_alone(
    relay: Relay, sink: Sink, at: str, fault: str, result: str, kept: int
) -> None:
    sink.fail(at, fault)

    answers = await deliver(relay, *map(mail, NAMES))

    expected = ["accepted", result, "accepted", "accepted"]
    assert [answer.result for answer in answers] == expected
    assert len(sink.kept) == len(set(sink.recipients)) == kept


async def test_a_relay_that_steps_back_in_a_row_leaves_the_rest_surely_unsent(
    relay: Relay, sink: Sink
) -> None:
    sink.fail("DOT eve@acme.example", "421 closing", "421 closing")

    answers = await deliver(relay, *map(mail, NAMES))

    assert [answer.result for answer in answers] == ["accepted", "deferred", *["not_sent"] * 2]
    assert sink.recipients == ["dora@acme.example"]


async def test_a_mail_of_a_row_that_was_held_too_long_leaves_nothing_half_done(
    relay: Relay, sink: Sink
) -> None:
    late = mail(NAMES[1], send_by=monotonic() - 1)

    answers = await deliver(relay, mail(NAMES[0]), late, mail(NAMES[2]))

    assert [answer.result for answer in answers] == ["accepted", "not_sent", "accepted"]
    assert sink.recipients == [NAMES[0], NAMES[2]]


async def test_an_answer_that_takes_too_long_leaves_a_doubt(sink: Sink) -> None:
    relay = Relay(make_settings(sink, smtp_data_timeout=0.1))
    sink.fail("DOT", "wait 0.5")

    [answer] = await deliver(relay)

    assert answer.result == "unknown"
    await relay.close()


async def test_a_command_that_is_not_answered_means_surely_not_sent(sink: Sink) -> None:
    async with stubborn(b"220 here\r\n250 hello\r\n") as port:
        relay = Relay(make_settings(sink, smtp_port=port, smtp_command_timeout=0.1))
        [answer] = await deliver(relay)

    assert answer.result == "not_sent"
    await relay.close()


async def test_a_held_connection_that_was_closed_meanwhile_is_replaced_unseen(
    relay: Relay, sink: Sink
) -> None:
    await deliver(relay)
    sink.fail("MAIL", "cut")

    [answer] = await deliver(relay)

    assert answer.result == "accepted"
    assert (len(sink.kept), sink.connections) == (2, 2)


async def test_a_held_connection_that_the_relay_ends_politely_is_replaced_unseen(
    relay: Relay, sink: Sink
) -> None:
    await deliver(relay)
    sink.fail("MAIL", "421 idle for too long")

    [answer] = await deliver(relay)

    assert answer.result == "accepted"
    assert not relay.paused


async def test_a_relay_that_refuses_our_mail_as_such_is_left_alone_for_a_while(
    relay: Relay, sink: Sink
) -> None:
    sink.fail("MAIL", "550 we do not like you")

    answers = await deliver(relay, mail(), mail(), mail())

    assert [answer.result for answer in answers] == ["deferred", "not_sent", "not_sent"]
    assert relay.paused
    assert not await relay.ready()
    assert relay.away == "550 we do not like you"


async def test_what_was_held_too_long_is_not_sent(relay: Relay, sink: Sink) -> None:
    [answer] = await deliver(relay, mail(send_by=monotonic() - 1))

    assert answer.result == "not_sent"
    assert sink.seen == []


async def test_a_relay_that_is_not_there_is_asked_ever_less(sink: Sink) -> None:
    listener = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    listener.close()
    relay = Relay(make_settings(sink, smtp_port=port))

    ready, paused = [await relay.ready()], [relay.paused]
    answers = await deliver(relay, mail(), mail())
    await asyncio.sleep(0.6)
    paused.append(relay.paused)
    ready.append(await relay.ready())
    paused.append(relay.paused)

    assert {answer.result for answer in answers} == {"not_sent"}
    assert (ready, paused) == ([False, False], [True, False, True])
    assert relay.away is not None


async def test_a_relay_that_is_there_again_is_used_at_once(relay: Relay, sink: Sink) -> None:
    sink.fail("DOT", "421 restarting")
    await deliver(relay)
    away = relay.away
    await asyncio.sleep(0.6)

    assert await relay.ready()
    [answer] = await deliver(relay)

    assert (away, answer.result) == ("421 restarting", "accepted")
    assert relay.away is None


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (b"554 no service\r\n", "554 no service"),
        (b"", "EOF"),
        (b"220 here\r\n500 what\r\n502 no\r\n", "500 what"),
    ],
)
async def test_a_relay_that_does_not_greet_is_away(sink: Sink, said: bytes, told: str) -> None:
    async with stubborn(said, close=True) as port:
        relay = Relay(make_settings(sink, smtp_port=port))

        assert not await relay.ready()

    assert told in str(relay.away)
    await relay.close()


@pytest.mark.parametrize("nonsense", [b"hello\r\n", b"250-" + b"x" * (LONGEST_REPLY + 10)])
async def test_what_is_no_reply_ends_the_connection(sink: Sink, nonsense: bytes) -> None:
    async with stubborn(b"220 here\r\n250 hello\r\n" + nonsense) as port:
        relay = Relay(make_settings(sink, smtp_port=port, smtp_command_timeout=1))
        [answer] = await deliver(relay)

    assert answer.result == "not_sent"
    await relay.close()


class stubborn:  # noqa: N801 - reads as a phrase
    """A server that says its lines one after the other, whatever it hears, and then nothing."""

    def __init__(self, said: bytes, *, close: bool = False) -> None:
        self._lines = said.splitlines(keepends=True)
        self._close = close

    async def __aenter__(self) -> int:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = list(self._lines)
        while lines:
            writer.write(lines.pop(0))
            await writer.drain()
            if not await reader.readline():
                break
        if not self._close:
            await asyncio.sleep(1.5)
        writer.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost that is its own authority, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)  # noqa: TID251 - certificates live by the wall clock
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return path


def server_side(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.mark.parametrize("pipelining", [False, True])
async def test_mail_goes_over_tls_as_somebody_who_is_logged_in(
    certificate: Path, pipelining: bool
) -> None:
    async with serving(
        tls=server_side(certificate), password="secret", pipelining=pipelining
    ) as sink:
        relay = Relay(
            make_settings(
                sink,
                smtp_host="localhost",
                smtp_security="starttls",
                smtp_ca_file=certificate,
                smtp_user="hub",
                smtp_password="secret",
            )
        )
        [answer] = await deliver(relay)
        await relay.close()

    assert answer.result == "accepted"
    assert len(sink.kept) == 1


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"smtp_password": "wrong"}, "535"),
        ({"smtp_security": "none"}, "AUTH extension is not supported"),
        ({"smtp_ca_file": None}, "certificate"),
    ],
)
async def test_a_wrong_password_or_certificate_means_that_the_relay_is_away(
    certificate: Path, other: dict[str, Any], reason: str
) -> None:
    async with serving(tls=server_side(certificate), password="secret") as sink:
        right = {
            "smtp_host": "localhost",
            "smtp_security": "starttls",
            "smtp_ca_file": certificate,
            "smtp_user": "hub",
            "smtp_password": "secret",
        }
        relay = Relay(make_settings(sink, **(right | other)))

        [answer] = await deliver(relay)

    assert (answer.result, sink.kept) == ("not_sent", [])
    assert reason in answer.text
    await relay.close()

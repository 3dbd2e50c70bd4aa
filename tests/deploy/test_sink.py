"""The mail sink keeps what it accepts, and misbehaves on demand."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import aiosmtplib
import httpx2
import pytest

from deploy.local import ports
from deploy.local.mailbox import Filter, Mailbox
from deploy.local.sink import create_app

ROOT = Path(__file__).parents[2]


@asynccontextmanager
async def sink(folder: Path) -> AsyncIterator[tuple[int, httpx2.AsyncClient]]:
    [port] = ports.free_ports(1)
    app = create_app(folder, port)
    door = httpx2.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=door, base_url="http://localhost") as client,
    ):
        yield port, client


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[tuple[int, httpx2.AsyncClient]]:
    async with sink(tmp_path) as both:
        yield both


def letter(to: str = "ann@client.example", subject: str = "Renewal", **headers: str) -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "tools@partner.example", to, subject
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content("The text.")
    message.add_alternative("<p>The <script>page</script>.", subtype="html")
    return message.as_bytes()


async def post(port: int, content: bytes, *recipients: str) -> tuple[dict[str, Any], str]:
    async with aiosmtplib.SMTP(hostname=ports.LOOPBACK, port=port, start_tls=False) as smtp:
        return await smtp.sendmail(
            "bounces@partner.example", recipients or ("ann@client.example",), content
        )


async def test_an_accepted_mail_is_there_after_a_restart(tmp_path: Path) -> None:
    async with sink(tmp_path) as (port, _):
        await post(port, letter(Message_ID="<1@x>"), "ann@client.example", "blind@client.example")

    async with sink(tmp_path) as (_, client):
        [mail] = (await client.get("/messages")).json()
        whole = (await client.get(f"/messages/{mail['id']}")).json()

    assert mail["rcpt_to"] == ["ann@client.example", "blind@client.example"]
    assert mail["mail_from"] == "bounces@partner.example"
    assert mail["message_id"] == "<1@x>"
    assert whole["text"].strip() == "The text."
    assert ["Message-ID", "<1@x>"] in whole["headers"]


async def test_every_mail_that_was_accepted_survives_the_death_of_the_sink(tmp_path: Path) -> None:
    smtp_port, http_port = ports.free_ports(2)
    places = ["--smtp-port", str(smtp_port), "--http-port", str(http_port)]
    with subprocess.Popen(
        [sys.executable, "-m", "deploy.local.sink", "--folder", str(tmp_path), *places],
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            async with asyncio.timeout(20):
                while not ports.is_open(smtp_port):
                    await asyncio.sleep(0.05)
            accepted: set[str] = set()

            async def keep_posting(sender: int) -> None:
                async with aiosmtplib.SMTP(
                    hostname=ports.LOOPBACK, port=smtp_port, start_tls=False
                ) as smtp:
                    for number in range(1000):
                        name = f"<{sender}.{number}@x>"
                        await smtp.sendmail("a@x.example", ["b@x.example"], letter(Message_ID=name))
                        accepted.add(name)

            async def pull_the_plug() -> None:
                while len(accepted) < 100:
                    await asyncio.sleep(0)
                process.kill()

            done = await asyncio.gather(
                pull_the_plug(), *map(keep_posting, range(4)), return_exceptions=True
            )
        finally:
            process.kill()

    assert any(isinstance(each, aiosmtplib.SMTPException) for each in done)
    mailbox = Mailbox(tmp_path)
    kept = {mail.message_id: mail for mail in mailbox.list(Filter())}
    assert accepted <= kept.keys()
    assert all(name.encode() in mailbox.raw(mail.id) for name, mail in kept.items())
    mailbox.close()


def test_a_line_that_a_crash_cut_short_is_no_mail(tmp_path: Path) -> None:
    first = Mailbox(tmp_path)
    first.keep(letter(subject="one"), at="2026-01-15T12:00:00", mail_from="", rcpt_to=["a@x"])
    first.close()
    with (tmp_path / "index.jsonl").open("ab") as index:
        index.write(b'{"id":2,"rec')

    second = Mailbox(tmp_path)
    second.keep(letter(subject="two"), at="2026-01-15T12:00:01", mail_from="", rcpt_to=["a@x"])
    second.close()

    third = Mailbox(tmp_path)
    assert [(mail.id, mail.subject) for mail in third.list(Filter())] == [(1, "one"), (2, "two")]
    assert b"Subject: two" in third.raw(2)
    third.close()


async def test_mails_are_found_by_recipient_subject_and_id(
    running: tuple[int, httpx2.AsyncClient],
) -> None:
    port, client = running
    await post(port, letter(subject="Réminder, in 45 days", Message_ID="<1@x>"))
    await post(port, letter(subject="Outcome", Message_ID="<2@x>"), "Bob@Client.example")

    async def found(**wanted: str) -> list[str]:
        answer = await client.get("/messages", params=wanted)
        count = await client.get("/count", params=wanted)
        assert count.json() == {"count": len(answer.json())}
        return [mail["message_id"] for mail in answer.json()]

    assert await found() == ["<1@x>", "<2@x>"]
    assert await found(to="bob@client.example") == ["<2@x>"]
    assert await found(subject="réminder") == ["<1@x>"]
    assert await found(message_id="<2@x>") == ["<2@x>"]
    assert await found(after="1") == ["<2@x>"]


async def test_a_refusal_is_given_as_often_as_asked(
    running: tuple[int, httpx2.AsyncClient],
) -> None:
    port, client = running
    await client.post("/behave", json={"reply": "451 4.3.0 Later", "count": 2})

    for _ in range(2):
        with pytest.raises(aiosmtplib.SMTPDataError, match="Later"):
            await post(port, letter())
    await post(port, letter())

    assert (await client.get("/count")).json() == {"count": 1}


async def test_one_recipient_is_refused_and_the_others_are_not(
    running: tuple[int, httpx2.AsyncClient],
) -> None:
    port, client = running
    wrong = {"reply": "550 5.1.1 Nobody here", "at": "rcpt", "recipient": "gone@client.example"}
    await client.post("/behave", json=wrong)

    refused, _ = await post(port, letter(), "gone@client.example", "ann@client.example")

    assert list(refused) == ["gone@client.example"]
    [mail] = (await client.get("/messages")).json()
    assert mail["rcpt_to"] == ["ann@client.example"]


@pytest.mark.parametrize(("when", "kept"), [("before", 0), ("after", 1)])
async def test_a_line_cut_at_the_final_dot_tells_the_sender_nothing(
    running: tuple[int, httpx2.AsyncClient], when: str, kept: int
) -> None:
    port, client = running
    await client.post("/behave", json={"hang_up": when})

    with pytest.raises(aiosmtplib.SMTPServerDisconnected):
        await post(port, letter())

    assert (await client.get("/count")).json() == {"count": kept}


async def test_a_behaviour_that_is_none_is_refused(
    running: tuple[int, httpx2.AsyncClient],
) -> None:
    _, client = running
    assert (await client.post("/behave", json={"reply": "250 OK"})).status_code == 422
    assert (await client.post("/behave", json={"replies": "451 Later"})).status_code == 422


async def test_a_mail_cannot_run_its_script_in_the_page(
    running: tuple[int, httpx2.AsyncClient],
) -> None:
    port, client = running
    await post(port, letter(subject="<script>alert(1)</script>"))

    page = await client.get("/messages/1/html")
    listed = await client.get("/")

    assert page.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert "<script>" not in listed.text


async def test_another_host_name_is_refused(running: tuple[int, httpx2.AsyncClient]) -> None:
    _, client = running
    answer = await client.get("/messages", headers={"host": "attacker.example"})
    assert answer.status_code == 400


async def test_everything_can_be_forgotten(running: tuple[int, httpx2.AsyncClient]) -> None:
    port, client = running
    await post(port, letter())

    assert (await client.delete("/messages")).json() == {"forgotten": 1}
    assert (await client.get("/messages")).json() == []
    assert (await client.get("/messages/1")).status_code == 404
    await post(port, letter(subject="anew"))
    assert (await client.get("/messages/2")).json()["subject"] == "anew"


def test_a_taken_port_is_told_in_one_line(tmp_path: Path) -> None:
    import socket

    with socket.create_server((ports.LOOPBACK, 0)) as holder:
        port = str(holder.getsockname()[1])
        run = subprocess.run(
            [sys.executable, "-m", "deploy.local.sink", "--folder", tmp_path, "--smtp-port", port],
            cwd=ROOT,
            env=os.environ,
            capture_output=True,
            text=True,
            check=False,
        )

    assert run.returncode == 1
    assert run.stderr.strip() == (
        f"The mail sink needs port {port} on 127.0.0.1, which is taken. "
        "Set --smtp-port=<a free port> to use another."
    )

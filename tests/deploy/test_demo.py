"""The demonstration, from nothing: what it shows is what the ledger and the mail sink hold."""

import asyncio
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from urllib.request import urlopen

import asyncpg
import pytest

from deploy.local import ports
from deploy.local.settings import ROOT, LocalSettings
from services.notifications.domain.messages import mail_id

FIELDS = (
    *("kafka", "kafka_controller", "postgres", "smtp", "mail", "issuer"),
    *("clients", "renewals", "notifications", "tiers", "dashboard", "webhooks"),
)


@pytest.mark.timeout(240)
def test_the_demo_tells_what_the_ledger_and_the_mail_sink_agree_on(
    scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCAL_FOLDER", str(scratch / "demo"))
    for field, port in zip(FIELDS, ports.free_ports(len(FIELDS)), strict=True):
        monkeypatch.setenv(f"LOCAL_{field}_PORT".upper(), str(port))
    try:
        first = demo()
        again = demo()
        settings = LocalSettings()
        accepted, mails = both(settings)
        with urlopen(settings.page) as answer:  # noqa: S310 - loopback
            chooser, place = answer.read().decode(), answer.url
    finally:
        subprocess.run([sys.executable, "-m", "deploy.local", "down"], cwd=ROOT, check=False)

    assert f"{len(accepted)} messages accepted according to the ledger, {len(mails)} mails" in first
    assert "and none since" in first
    assert "The sample is there from before" in again
    where = first[first.index("Where everything is") :]
    assert where.index(settings.page) < where.index(settings.mail)
    assert place.startswith(f"{settings.issuer}/authorize?")
    assert "Robin Vance" in chooser
    assert mails == accepted
    assert set(mails.values()) == {1}
    assert len({addressees for _, addressees in mails}) > 20


def demo() -> str:
    done = subprocess.run(
        [sys.executable, "-m", "deploy.demo"],
        cwd=ROOT,
        env=os.environ | {"COLUMNS": "160"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def both(
    settings: LocalSettings,
) -> tuple[Counter[tuple[str, frozenset[str]]], Counter[tuple[str, frozenset[str]]]]:
    """Every accepted message and every mail: by what it is, and to whom it went."""
    rows = asyncio.run(accepted_messages(settings.database("notifications").dsn))
    accepted: Counter[tuple[str, frozenset[str]]] = Counter(
        (mail_id(*row[:4]).hex, frozenset(filter(None, row[4:]))) for row in map(tuple, rows)
    )
    with urlopen(f"{settings.mail}/messages?limit=100000") as answer:  # noqa: S310 - loopback
        kept = json.load(answer)
    mails: Counter[tuple[str, frozenset[str]]] = Counter(
        (mail["message_id"].strip("<").partition("@")[0], frozenset(mail["rcpt_to"]))
        for mail in kept
    )
    return accepted, mails


async def accepted_messages(dsn: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetch(
            """
            SELECT subject_id, occasion, stage, recipient_id, address, copied_address
              FROM messages
             WHERE state = 'accepted'
            """
        )
    finally:
        await connection.close()

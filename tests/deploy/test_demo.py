"""The demonstration, from nothing: what it shows is what the ledger and the mail sink hold."""

import asyncio
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import asyncpg
import pytest

from deploy.local import ports
from deploy.local.settings import ROOT, LocalSettings
from deploy.reference import metrics
from deploy.reference.__main__ import METRICS
from services.notifications.domain.messages import mail_id
from tests.deploy import prometheus, queries

FIELDS = (
    *("kafka", "kafka_controller", "postgres", "smtp", "mail", "issuer"),
    *("clients", "renewals", "notifications", "tiers", "dashboard", "webhooks"),
)


pytestmark = pytest.mark.timeout(400)


@dataclass(frozen=True)
class Told:
    """What the demonstration printed, the first time and the second; what it left still runs."""

    settings: LocalSettings
    first: str
    again: str


@pytest.fixture(scope="module")
def told(scratch: Path) -> Iterator[Told]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("LOCAL_FOLDER", str(scratch / "demo"))
        for field, port in zip(FIELDS, ports.free_ports(len(FIELDS)), strict=True):
            environment.setenv(f"LOCAL_{field}_PORT".upper(), str(port))
        try:
            first = demo()
            yield Told(LocalSettings(), first, demo())
        finally:
            subprocess.run([sys.executable, "-m", "deploy.local", "down"], cwd=ROOT, check=False)


def test_the_demo_tells_what_the_ledger_and_the_mail_sink_agree_on(told: Told) -> None:
    settings, first = told.settings, told.first
    accepted, mails = both(settings)
    with urlopen(settings.page) as answer:  # noqa: S310 - loopback
        chooser, place = answer.read().decode(), answer.url

    assert f"{len(accepted)} messages accepted according to the ledger, {len(mails)} mails" in first
    assert "and none since" in first
    assert "The sample is there from before" in told.again
    where = first[first.index("Where everything is") :]
    assert where.index(settings.page) < where.index(settings.mail)
    assert place.startswith(f"{settings.issuer}/authorize?")
    assert "Robin Vance" in chooser
    assert mails == accepted
    assert set(mails.values()) == {1}
    assert len({addressees for _, addressees in mails}) > 20


def test_the_page_of_metrics_tells_of_those_that_the_services_show(told: Told) -> None:
    services = {name: told.settings.service_url(name) for name in told.settings.services}
    page = metrics.page(metrics.scrape(services), services)
    assert METRICS.read_text() == page, "make reference ARGS=metrics writes it while make demo runs"


def test_every_query_of_every_dashboard_finds_something_in_the_system_that_runs(
    told: Told, tmp_path: Path
) -> None:
    with prometheus.watching(told.settings, tmp_path / "prometheus") as watch:
        empty = [each for each in queries.of_dashboards() if not watch.query(each[1])]
        rules = [rule for group in watch.ask("rules")["groups"] for rule in group["rules"]]
        down = watch.query("up == 0")

    assert empty == []
    assert down == []
    assert {rule["health"] for rule in rules} == {"ok"}
    assert len(rules) == len(queries.rules())
    wrong = {rule["name"] for rule in rules if rule["state"] == "firing"}
    assert not wrong & {"SweepLate", "ConsumerStopped", "DeadLetters", "DatabaseAway", "OutboxOld"}


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

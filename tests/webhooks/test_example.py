"""The receiver in docs/consumers.md, run as it stands, as a program of its own."""

import asyncio
import json
import os
import re
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

from deploy.local import ports
from services.webhooks import senders
from services.webhooks.domain import Outcome, sign, write_secret
from services.webhooks.settings import Settings
from shared.chassis.clock import ManualClock, SystemClock
from tests.architecture.sources import ROOT
from tests.webhooks.conftest import Asking
from tests.webhooks.events import DUE, due

Do: TypeAlias = Callable[..., Awaitable[None]]
PAGE = (ROOT / "docs" / "consumers.md").read_text("utf-8")


def example() -> str:
    [found] = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return str(found)


def test_it_is_short() -> None:
    assert len(example().splitlines()) < 40


async def running(folder: Path, port: int, *secrets: str) -> asyncio.subprocess.Process:
    (folder / "receiver.py").write_text(example())
    process = await asyncio.create_subprocess_exec(
        sys.executable, folder / "receiver.py",
        env=os.environ | {"WEBHOOK_SECRETS": " ".join(secrets), "PORT": str(port)},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    async with asyncio.timeout(20):
        while not ports.is_open(port):
            await asyncio.sleep(0.02)
    return process


async def test_the_receiver_of_the_page_takes_what_is_genuine_and_nothing_else(
    ask: Asking, settings: Settings, hear: Do, send: Do, clock: ManualClock, tmp_path: Path
) -> None:
    [port] = ports.free_ports(1)
    url = f"http://127.0.0.1:{port}/"
    made = await ask.endpoint(url)
    now = SystemClock().now()  # the receiver goes by the wall clock
    event = due(after=now - clock.now())
    clock.set(now)
    await hear(event)
    process = await running(tmp_path, port, write_secret(b"another"), made["secret"])
    try:
        await send()
        await ask.json("POST", f"/endpoints/{made['endpoint_id']}/redeliveries", ALL)
        await send()
        assert {each["status"] for each in await ask.deliveries()} == {204}
        for wrong in forged(made["secret"], now):
            assert (await post(settings, url, now, *wrong)).outcome is Outcome.ANSWERED
    finally:
        process.kill()
        printed, _ = await process.communicate()

    [line] = printed.decode().splitlines()
    assert line.startswith(DUE)
    assert str(event.client_id) in line


ALL = {"state": "all", "since": "2026-01-01T00:00:00Z"}


def forged(secret: str, now: datetime) -> list[tuple[dict[str, str], bytes]]:
    """Requests that somebody without the secret could make, also of one that was genuine once."""
    body = json.dumps({"a": 1}).encode()
    stamp, old = int(now.timestamp()), int((now - timedelta(minutes=6)).timestamp())
    good = sign([secret], "id", stamp, body)
    return [
        (signed("id", stamp, sign([write_secret(b"guess")], "id", stamp, body)), body),
        (signed("id", stamp, good), body + b" "),
        (signed("other", stamp, good), body),
        (signed("id", stamp + 1, good), body),
        (signed("id", old, sign([secret], "id", old, body)), body),
        (signed("id", stamp, ""), body),
        ({}, body),
    ]


def signed(message_id: str, stamp: int, signature: str) -> dict[str, str]:
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(stamp),
        "webhook-signature": signature,
    }


async def post(
    settings: Settings, url: str, now: datetime, headers: dict[str, Any], body: bytes
) -> senders.Answer:
    poster = senders.Poster(settings)
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    try:
        return await poster.post(senders.Posting(url, pairs, body), now)
    finally:
        await poster.close()

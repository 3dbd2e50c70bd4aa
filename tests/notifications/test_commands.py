import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias
from uuid import uuid4

import pytest
from typer.testing import CliRunner, Result

from deploy.local.databases import Addresses
from services.notifications.__main__ import app
from shared.chassis.database import Pool
from tests import tokens
from tests.notifications.ledger import only
from tests.notifications.portfolio import hear, usual
from tests.notifications.sink import Sink

Send: TypeAlias = Callable[..., Awaitable[None]]
Command: TypeAlias = Callable[..., Awaitable[Result]]


@pytest.fixture
def command(address: Addresses, sink: Sink, monkeypatch: pytest.MonkeyPatch) -> Command:
    for name, value in {
        "NOTIFICATIONS_DATABASE_URL": address.dsn,
        "KAFKA_SERVERS": "localhost:1",
        "OIDC_ISSUER": tokens.ISSUER,
        "OIDC_JWKS_URL": "https://issuer.test/jwks",
        "START_TIMEOUT": "0",
        "CLOCK_FILE": "",
    }.items():
        monkeypatch.setenv(name, value)

    async def run(*arguments: str) -> Result:
        return await asyncio.to_thread(CliRunner().invoke, app, list(arguments))

    return run


async def test_messages_in_doubt_are_listed_and_sent_again_from_the_command_line(
    pool: Pool, sink: Sink, send: Send, command: Command
) -> None:
    story = usual(tell_renewal_manager=False)
    await hear(pool, *story.everything(), story.due())
    sink.fail("DOT", "cut")
    await send()
    message = str((await only(pool))["message_id"])
    await pool.execute("UPDATE messages SET ends_at = now() + interval '10 years'")

    listed = await command("unknown", "list")
    again = await command("unknown", "resend", message)
    more = await command("unknown", "resend", message, str(uuid4()))

    assert message in listed.output
    assert "1 in doubt" in listed.output
    assert (again.exit_code, "is sent again" in again.output) == (0, True)
    assert (more.exit_code, more.output.count("is not in doubt")) == (1, 2)
    assert (await only(pool))["state"] == "planned"

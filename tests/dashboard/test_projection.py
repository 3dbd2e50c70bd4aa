"""The service keeps the model that serves in step, and says how new it is."""

import asyncio
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest
from typer.testing import CliRunner, Result

from deploy.local.databases import Addresses
from services.dashboard import handlers
from services.dashboard.__main__ import app
from services.dashboard.main import create_app
from services.dashboard.store.partners import find_as_of
from shared.chassis.clock import ManualClock
from shared.chassis.database import Pool
from shared.chassis.http.neighbours import StartError
from tests import tokens
from tests.dashboard import portfolio, topics
from tests.dashboard.conftest import seen_by, settings_for
from tests.dashboard.people import BRIGHTWATER
from tests.dashboard.signing_in import SESSION_KEY
from tests.dashboard.test_rebuild import all_known, serving
from tests.dashboard.topics import until
from tests.deliver import deliver


@pytest.mark.delivery
@pytest.mark.timeout(240)
async def test_the_page_says_as_of_when_every_topic_is_heard(
    address: Addresses, pool: Pool, fresh_topics: str, clock: ManualClock
) -> None:
    await topics.publish(fresh_topics, topics.whole_portfolio())
    async with serving(address, fresh_topics, clock) as made:
        await until(lambda: all_known(pool, 0))

        async def heard_lately() -> bool:
            topics_heard = await pool.fetchval("SELECT count(*) FROM progress WHERE revision = 1")
            async with seen_by(pool, BRIGHTWATER) as tx:
                as_of = await find_as_of(tx)
            late = as_of is None or clock.now() - as_of > timedelta(seconds=30)
            return topics_heard == len(handlers.INBOXES) and not late

        await until(heard_lately)
        clock.advance(timedelta(hours=1))
        await until(heard_lately)
        assert {inbox.group for inbox in made.state.inboxes} == {
            f"dashboard.r1.{inbox.topic}" for inbox in handlers.INBOXES
        }


async def test_without_kafka_the_dashboard_does_not_start_and_says_why(
    address: Addresses, clock: ManualClock
) -> None:
    made = create_app(
        settings_for(address.dsn, run_consumers=True), clock, verifier=tokens.verifier()
    )
    with pytest.raises(StartError, match=r"dashboard cannot start: Kafka at 127\.0\.0\.1:1"):
        async with made.router.lifespan_context(made):
            pass


async def command(
    address: Addresses, monkeypatch: pytest.MonkeyPatch, folder: Path, *arguments: str
) -> Result:
    given = {
        "DASHBOARD_DATABASE_URL": address.dsn,
        "DASHBOARD_SESSION_KEY": SESSION_KEY,
        "KAFKA_SERVERS": "127.0.0.1:1",
        "OIDC_ISSUER": tokens.ISSUER,
        "OIDC_JWKS_URL": "http://127.0.0.1:1/jwks",
        "START_TIMEOUT": "0",
        "CLOCK_FILE": str(folder / "clock"),
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    return await asyncio.to_thread(CliRunner().invoke, app, list(arguments))


async def test_a_record_that_was_set_aside_is_put_back_into_the_model_that_lacks_it(
    address: Addresses, pool: Pool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    owner = await asyncpg.connect(address.owner_dsn)
    await owner.execute("ALTER TABLE model_a.messages ADD CONSTRAINT never CHECK (false) NOT VALID")
    inbox = handlers.from_notifications.of_revision(1)
    await deliver(inbox, pool, portfolio.message("orchard", "d-7", "client", "sent"))
    assert inbox.counts.dead == 1
    await owner.execute("ALTER TABLE model_a.messages DROP CONSTRAINT never")

    done = await command(address, monkeypatch, tmp_path, "dead-letters", "retry", "1")

    assert (done.exit_code, done.stdout) == (0, "1: done\n"), done.output
    assert await owner.fetchval("SELECT count(*) FROM model_a.messages") == 1
    again = await command(address, monkeypatch, tmp_path, "dead-letters", "retry", "1")
    assert again.exit_code == 1
    await owner.close()


async def test_what_a_retired_revision_could_not_handle_is_not_put_back(
    address: Addresses, pool: Pool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    owner = await asyncpg.connect(address.owner_dsn)
    await owner.execute("ALTER TABLE model_a.messages ADD CONSTRAINT never CHECK (false) NOT VALID")
    inbox = handlers.from_notifications.of_revision(1)
    await deliver(inbox, pool, portfolio.message("orchard", "d-7", "client", "sent"))
    await owner.execute("UPDATE builds SET state = 'retired'")
    await owner.execute("INSERT INTO builds VALUES (2, 'model_b', 'serving')")

    done = await command(address, monkeypatch, tmp_path, "dead-letters", "retry", "1")

    assert done.exit_code == 1
    assert "no model needs dead letter 1 any more" in done.output
    await owner.close()

"""The servers that tests get with `TEST_BACKEND=containers`."""

import asyncpg
import pytest

from deploy.local.kafka import serves
from tests import backends
from tests.containers.stack import docker


def of_image(image: str) -> set[str]:
    return set(docker("ps", "--all", "--quiet", "--filter", f"ancestor={image}").split())


async def test_postgresql_comes_in_a_container_and_is_gone_afterwards(engine: None) -> None:
    before = of_image(backends.POSTGRES_IMAGE)
    with backends.postgres() as dsn:
        assert len(of_image(backends.POSTGRES_IMAGE) - before) == 1
        connection = await asyncpg.connect(dsn)
        assert await connection.fetchval("SHOW server_version_num") >= "180000"
        assert await connection.fetchval("SHOW fsync") == "off"
        await connection.close()
    assert of_image(backends.POSTGRES_IMAGE) == before


async def test_kafka_comes_in_a_container_and_is_gone_afterwards(engine: None) -> None:
    before = of_image(backends.KAFKA_IMAGE)
    with backends.kafka() as servers:
        assert len(of_image(backends.KAFKA_IMAGE) - before) == 1
        assert servers.startswith("127.0.0.1:")
        assert await serves(servers)
    assert of_image(backends.KAFKA_IMAGE) == before


def test_what_fails_on_the_way_leaves_no_container(engine: None) -> None:
    before = of_image(backends.POSTGRES_IMAGE)
    with pytest.raises(ZeroDivisionError), backends.postgres():
        1 / 0  # noqa: B018 - a test that fails
    assert of_image(backends.POSTGRES_IMAGE) == before


def test_a_backend_that_nobody_knows_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_BACKEND", "cloud")
    with pytest.raises(ValueError, match="local or containers"):
        backends.wanted()

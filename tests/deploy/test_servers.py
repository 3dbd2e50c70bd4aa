"""PostgreSQL and Kafka's jars, as every test and the demo get them."""

import os
import shutil
from pathlib import Path

import asyncpg
import pytest

from deploy.local import databases, jars, ports, postgres
from deploy.local.postgres import Postgres
from tests.conftest import PASSWORD, MakeDatabase


async def test_a_database_keeps_its_rows_over_a_crash_and_asks_for_its_password(
    scratch: Path,
) -> None:
    [port] = ports.free_ports(1)
    server = Postgres(scratch / "crashing", port=port, password="s&cret /?")
    server.start()
    try:
        connection = await asyncpg.connect(server.dsn)
        await connection.execute("CREATE TABLE kept (id int); INSERT INTO kept VALUES (1)")
        server.kill()
        server.start()
        again = await asyncpg.connect(server.dsn)
        assert await again.fetchval("SELECT id FROM kept") == 1
        await again.close()
        connection.terminate()

        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(server.dsn, password="wrong")
    finally:
        server.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has folders that its servers can't reach")
def test_a_server_of_root_lives_where_its_user_can_reach_it(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    found = postgres.home(tmp_path / "postgres")
    try:
        assert found != tmp_path / "postgres"
        assert postgres.reachable(found, postgres.unprivileged_user())

        (found / "data").mkdir()
        assert postgres.home(tmp_path / "postgres") == found
        assert (found / "data").exists()

        shutil.rmtree(tmp_path / "postgres")
        postgres.home(tmp_path / "postgres")
        assert not (found / "data").exists(), "who removes the folder removes what it held"
    finally:
        shutil.rmtree(found)


async def test_making_a_services_databases_again_changes_nothing(
    database: MakeDatabase, postgres: str
) -> None:
    made = await database("widgets")
    superuser = await asyncpg.connect(postgres)
    try:
        for _ in range(2):
            await databases.create_roles(superuser, "widgets", password=PASSWORD)
            await databases.create_database(superuser, made.name, owner="widgets")
    finally:
        await superuser.close()

    service = await asyncpg.connect(made.dsn)
    assert await service.fetchval("SELECT count(*) FROM outbox") == 0
    await service.close()


async def test_a_service_is_not_let_into_anothers_database(database: MakeDatabase) -> None:
    mine, other = await database("widgets"), await database("gadgets")

    trespass = mine.dsn.replace(mine.name, other.name)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(trespass)


async def test_a_service_is_a_tenant_only_when_it_says_so(database: MakeDatabase) -> None:
    made = await database("widgets")
    service = await asyncpg.connect(made.dsn)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await service.execute("CREATE TABLE mine (id int)")
        await service.fetch("SELECT * FROM inbox")
        await service.execute("SET ROLE widgets_tenant")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await service.fetch("SELECT * FROM inbox")
    finally:
        await service.close()


@pytest.mark.parametrize("name", ["Clients", "a-b", "x; DROP TABLE y", "1st", ""])
async def test_a_name_that_is_none_makes_no_role(postgres: str, name: str) -> None:
    connection = await asyncpg.connect(postgres)
    try:
        with pytest.raises(ValueError, match="can't name a role"):
            await databases.create_roles(connection, name, password="x")
    finally:
        await connection.close()


def test_a_jar_that_was_changed_is_named(tmp_path: Path) -> None:
    (tmp_path / "one.jar").write_bytes(b"one")
    wanted = {"one.jar": jars.checksum_of(tmp_path / "one.jar")}
    jars.verify(tmp_path, wanted)

    (tmp_path / "one.jar").write_bytes(b"another")

    with pytest.raises(jars.WrongJarsError, match=r"one\.jar has SHA-512 .* but jars.sha512 says"):
        jars.verify(tmp_path, wanted)


def test_a_jar_too_many_or_too_few_is_named(tmp_path: Path) -> None:
    (tmp_path / "extra.jar").write_bytes(b"")

    with pytest.raises(
        jars.WrongJarsError, match=r"missing \['one.jar'\], not named \['extra.jar'"
    ):
        jars.verify(tmp_path, {"one.jar": "0" * 128})


def test_a_java_that_is_too_old_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "bin" / "java"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\" 2019-01-15' >&2\n")
    old.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))

    with pytest.raises(jars.JavaMissingError, match=r"Java 17 or newer, but .* version \"11"):
        jars.java()

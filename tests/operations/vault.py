"""Where backups of a bed's PostgreSQL are, made and brought back by the procedures' scripts."""

import os
import shutil
import signal
import subprocess
from asyncio import to_thread
from pathlib import Path

import asyncpg

from deploy.local import ports, processes
from deploy.local.postgres import SUPERUSER, installation, unprivileged_user
from deploy.local.settings import ROOT
from tests.faults.bed import Bed, until

SCRIPTS = ROOT / "deploy" / "operations"


class Vault:
    """A folder beside the server, which outlives the server's."""

    def __init__(self, bed: Bed) -> None:
        self._bed, self._user = bed, unprivileged_user()
        self.folder = bed.folder / "vault"
        self.folder.mkdir(exist_ok=True)
        if self._user:
            shutil.chown(self.folder, self._user)
        self.archive = self.folder / "archive"
        self._archiving: subprocess.Popen[bytes] | None = None

    async def keep_everything(self) -> None:
        """From here on nothing is committed that is not in the archive, too."""
        self._archiving = processes.start(
            [self._script("archive-wal.sh"), self.archive],
            log=self._bed.folder / "archive.log",
            cwd="/",
            env=self._environment(),
            user=self._user,
        )
        await self._tell("ALTER SYSTEM SET synchronous_standby_names = 'FIRST 1 (pg_receivewal)'")
        await self._tell("SELECT pg_reload_conf()")
        while not await self._tell(
            "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"
        ):
            assert self._archiving.poll() is None, (self._bed.folder / "archive.log").read_text()

    async def back_up(self, name: str) -> Path:
        """Copy the cluster while everything goes on."""
        await to_thread(self._run, "back-up.sh", self.folder / name)
        return self.folder / name

    def destroy(self) -> None:
        """The machine with the database burns down; the archive only sees it end."""
        self._bed.postgres.kill()
        self.stop()
        data = self._bed.postgres.folder / "data"
        while data.exists():  # what runs still may write a file between two looks
            shutil.rmtree(data, ignore_errors=True)

    async def restore(self, backup: Path, *, archive: bool) -> None:
        """Bring it back as the procedure says, and start it."""
        data, source = self._bed.postgres.folder / "data", self.archive if archive else "-"
        data.mkdir(mode=0o700)
        if self._user:
            shutil.chown(data, self._user)
        await to_thread(self._run, "restore.sh", backup, source, data)
        self._bed.postgres.launch()
        await until(self._bed.postgres.answers, "PostgreSQL answers")
        while await self._tell("SELECT pg_is_in_recovery()"):
            pass

    def stop(self) -> None:
        """Stop receiving, if it does."""
        if self._archiving is not None:
            processes.stop(self._archiving, ask=signal.SIGINT, grace=10)
            self._archiving = None

    async def _tell(self, statement: str) -> object:
        connection = await asyncpg.connect(self._bed.postgres.dsn)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    def _run(self, script: str, *arguments: object) -> None:
        done = subprocess.run(
            [str(each) for each in (self._script(script), *arguments)],
            env=self._environment(),
            cwd="/",
            user=self._user,
            extra_groups=[] if self._user else None,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, (done.stdout + done.stderr).decode()

    def _script(self, name: str) -> Path:
        """A script where PostgreSQL's user can read it, which may not be so of a checkout."""
        return Path(shutil.copy(SCRIPTS / name, self._bed.folder / name))

    def _environment(self) -> dict[str, str]:
        binaries = installation(self._user) / "bin"
        return {
            "PATH": f"{binaries}:{os.environ['PATH']}",
            "PGHOST": ports.LOOPBACK,
            "PGPORT": str(self._bed.postgres.port),
            "PGUSER": SUPERUSER,
        }

"""A folder of files and the database that they are imported into."""

from pathlib import Path
from typing import Any

from services.clients import store
from shared.chassis.clock import ManualClock
from shared.chassis.database import Pool
from shared.chassis.imports import Report
from tests.clients import portfolio
from tests.clients.portfolio import (
    Files,
)

TABLES = ("partners", "users", "team_members", "clients", "contacts", "subscriptions", "history")


class Importing:
    """A folder of files and the database that they are imported into."""

    def __init__(self, pool: Pool, folder: Path, clock: ManualClock) -> None:
        self.pool, self.folder, self.clock = pool, folder, clock

    async def bring(self, files: Files, *, dry_run: bool = False, strict: bool = False) -> Report:
        return await portfolio.bring(
            self.pool, self.folder, files, self.clock, dry_run=dry_run, strict=strict
        )

    async def state(self) -> list[str]:
        return [
            await self.pool.fetchval(
                f"SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {t} t"
            )
            for t in TABLES
        ]

    async def forget_events(self) -> None:
        await self.pool.execute("DELETE FROM outbox")

    async def client(self, client_id: Any) -> Any:
        async with self.pool.acquire() as tx:
            return await store.find_client(tx, client_id)


def counts(report: Report) -> dict[str, tuple[int, int, int, int]]:
    return {
        each.file.removesuffix(".csv"): (each.created, each.changed, each.unchanged, each.bad)
        for each in report.files
    }

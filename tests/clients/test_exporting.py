"""What is held of a partner, written out."""

import json
from pathlib import Path

import pytest

from shared.chassis.clock import ManualClock
from shared.chassis.database import Pool
from shared.chassis.exporting import differences, export
from tests.clients import portfolio
from tests.clients.portfolio import OURS, THEIRS


async def test_an_export_has_a_line_for_each_row_leaves_secrets_out_and_overwrites_nothing(
    pool: Pool, tmp_path: Path, clock: ManualClock
) -> None:
    await portfolio.bring(pool, tmp_path / "in", portfolio.two_partners(), clock)
    folder = tmp_path / "out"

    async with pool.acquire() as tx, tx.transaction(isolation="repeatable_read", readonly=True):
        secret = ["contacts.email"]
        written = await export(tx, "clients", OURS, folder, clock.now(), secret=secret)

    assert differences(folder) == []
    tables = {"partners", "users", "team_members", "clients", "contacts", "subscriptions"}
    assert {each.table for each in written} == {*tables, "history"}
    for each in written:
        lines = [json.loads(line) for line in (folder / each.file).read_text().splitlines()]
        query = f"SELECT count(*) FROM {each.table} WHERE partner_id = $1"
        assert len(lines) == each.rows == await pool.fetchval(query, OURS)
        assert {line["partner_id"] for line in lines} <= {str(OURS)}
        assert str(THEIRS) not in (folder / each.file).read_text()
    contacts = (folder / "contacts.jsonl").read_text().splitlines()
    assert contacts
    assert "email" not in json.loads(contacts[0])
    (folder / "contacts.jsonl").unlink()
    assert differences(folder) == ["contacts.jsonl is missing"]
    async with pool.acquire() as tx, tx.transaction():
        with pytest.raises(FileExistsError, match="is not empty"):
            await export(tx, "clients", OURS, folder, clock.now())

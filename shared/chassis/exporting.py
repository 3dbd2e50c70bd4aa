"""All that a service's database holds of one partner, written out for somebody else's machine."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from shared.chassis.database import Connection

FORMAT, MANIFEST = 1, "manifest.json"
_FETCHED = 1000


@dataclass(frozen=True, slots=True)
class Written:
    """A file of an export: a row of the table is a line of it, a JSON object by column."""

    file: str
    table: str
    rows: int
    sha256: str


async def export(
    tx: Connection,
    service: str,
    partner_id: UUID,
    folder: Path,
    at: datetime,
    *,
    secret: Sequence[str] = (),
    say: Callable[[str], None] = lambda _: None,
) -> list[Written]:
    """Write each table's rows of a partner into a file, and a manifest with their checksums.

    All tables with a ``partner_id`` are written, as of one moment: call it in a transaction that
    is REPEATABLE READ. ``secret`` names columns, ``table.column``, that leave no database. The
    rows pass through one by one, whatever their number. Raises FileExistsError where the folder
    holds something.
    """
    _require_empty(folder)
    written = []
    for table, columns in (await _tables(tx)).items():
        kept = [name for name in columns if f"{table}.{name}" not in secret]
        written.append(await _write(tx, table, kept, partner_id, folder))
        say(f"{table}: {written[-1].rows} rows")
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "service": service,
        "partner_id": str(partner_id),
        "exported_at": at.isoformat(),
        "files": [asdict(each) for each in written],
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    return written


def _require_empty(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty")


def differences(folder: Path) -> list[str]:
    """What of an export is not as its manifest says; nothing where it arrived whole."""
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    found = []
    for each in manifest["files"]:
        path = folder / each["file"]
        if not path.exists():
            found.append(f"{each['file']} is missing")
        else:
            with path.open("rb") as content:
                digest = hashlib.file_digest(content, "sha256").hexdigest()
            if digest != each["sha256"]:
                found.append(f"{each['file']} is not what was written")
    return found


async def _tables(tx: Connection) -> dict[str, list[str]]:
    """The tables with a partner's rows, and their columns."""
    rows = await tx.fetch(
        """
        SELECT c.relname AS table, array_agg(a.attname::text ORDER BY a.attnum) AS columns
          FROM pg_class c
          JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
           AND a.attgenerated = ''
         WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
           AND c.relname <> 'idempotency_keys'
           AND EXISTS (SELECT FROM pg_attribute p
                        WHERE p.attrelid = c.oid AND p.attname = 'partner_id'
                          AND p.atttypid = 'uuid'::regtype)
         GROUP BY c.relname
         ORDER BY c.relname
        """
    )
    return {row["table"]: row["columns"] for row in rows}


async def _write(
    tx: Connection, table: str, columns: Sequence[str], partner_id: UUID, folder: Path
) -> Written:
    listed = ", ".join(f'"{name}"' for name in columns)
    query = f"""
        SELECT row_to_json(told)::text
          FROM (SELECT {listed} FROM "{table}" WHERE partner_id = $1) AS told
    """  # noqa: S608 - names that the catalogue gave
    digest, count = hashlib.sha256(), 0
    name = f"{table}.jsonl"
    with (folder / name).open("wb") as file:
        async for row in tx.cursor(query, partner_id, prefetch=_FETCHED):
            line = row[0].encode() + b"\n"
            file.write(line)
            digest.update(line)
            count += 1
    return Written(name, table, count, digest.hexdigest())

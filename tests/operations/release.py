"""The next version: a copy of this tree in which two services write a column that is new."""

import shutil
from pathlib import Path

from deploy.local.settings import ROOT

MIGRATIONS = {
    "clients": (
        "0900_noted_by.sql",
        "ALTER TABLE history ADD COLUMN noted_by text;\n",
    ),
    "notifications": (
        "0900_sent_by.sql",
        "ALTER TABLE attempts ADD COLUMN sent_by text;\n",
    ),
}
# What the next version's code says instead: by file, then place, what is put in after it.
_CHANGES = {
    "services/clients/store/history.py": {
        "                             occurred_at": ", noted_by",
        "        SELECT told.*, $7, $8": ", 'next'",
    },
    "services/notifications/store/outcomes.py": {
        "(message_id, number, partner_id, token, handed_over_at": ", sent_by",
        "            SELECT message_id, number, partner_id, token, $13": ", 'next'",
    },
}


def make_next_version(folder: Path) -> Path:
    """Make it in a new folder. Fails where the code to be changed is no longer there."""
    skipped = shutil.ignore_patterns("__pycache__", "*.pyc")
    for name in ("services", "shared"):
        shutil.copytree(ROOT / name, folder / name, ignore=skipped)
    for service, (name, statement) in MIGRATIONS.items():
        (folder / "services" / service / "migrations" / name).write_text(statement)
    for file, changes in _CHANGES.items():
        path = folder / file
        text = path.read_text()
        for place, added in changes.items():
            assert text.count(place) == 1, f"{file} no longer says {place!r}"
            text = text.replace(place, place + added)
        path.write_text(text)
    return folder

"""Makes the sample portfolio of a system of containers: `sample.py FOLDER PEOPLE`."""

import argparse
import shutil
from pathlib import Path

from deploy.local.issuer import KEY_FILE
from deploy.sample import portfolio
from shared.chassis.clock import SystemClock

ALONE = ("partners.csv", "partner_users.csv", "hubspot_team.csv")


def make(folder: Path, people: Path) -> bool:
    """Write it to ``folder``/portfolio, unless it is there: its dates count from that day.

    Beside the folders of `deploy.sample` there is ``partners``, which is imported first. Who can
    sign in is told to the issuer by the file ``people``. Once that has started, which it does when
    all is imported, only the headers stay: else a second start would undo what people did since.
    Returns whether it was made.
    """
    made = folder / "portfolio"
    if made.exists():
        if (people.parent / KEY_FILE).exists():
            for each in made.glob("*/*.csv"):
                _keep_header(each)
        return False
    fresh = folder / "fresh"
    shutil.rmtree(fresh, ignore_errors=True)
    today = SystemClock().today("UTC")
    portfolio.write(fresh, seed=1, size=250, partners=3, today=today, spoil=0)
    (fresh / "partners").mkdir()
    for name in ALONE:
        shutil.copy(fresh / "clients" / name, fresh / "partners")
    shutil.copy(fresh / "people.json", people)
    fresh.rename(made)
    return True


def _keep_header(path: Path) -> None:
    with path.open(encoding="utf-8", newline="") as file:
        header = file.readline()
    path.write_text(header, encoding="utf-8")


def main() -> None:
    """Say whether it was made."""
    parser = argparse.ArgumentParser(prog="python -m deploy.containers.sample", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("people", type=Path)
    arguments = parser.parse_args()
    print("made" if make(arguments.folder, arguments.people) else "it was there")


if __name__ == "__main__":
    main()

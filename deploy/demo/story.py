"""What happens in the demonstration: a portfolio comes in, mail goes out, services end."""

import asyncio
import json
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
from rich.console import Console

from deploy.demo.doors import Doors, Person
from deploy.local.quiet import Quiet
from deploy.local.settings import ROOT, LocalSettings
from shared.chassis.clock import FileClock

QUIET_SECONDS = 120.0
SHIFT = "+8d"
PARTNERS_ALONE = ("partners.csv", "partner_users.csv", "hubspot_team.csv")


class Failed(Exception):  # noqa: N818 - says what happened
    """The demonstration did not go as it should. The text says where to look."""


class Story:
    """The steps, told once; what they left is in the folder ``sample``."""

    def __init__(self, settings: LocalSettings, console: Console) -> None:
        self._settings, self._console = settings, console
        self.folder = settings.folder / "sample"
        self.clock = FileClock(settings.clock_file)

    @property
    def _told(self) -> Path:
        return self.folder / "told.json"

    @property
    def was_told(self) -> bool:
        """Whether an earlier demonstration came to its end on these databases."""
        return self._told.exists()

    @property
    def sample(self) -> dict[str, Any]:
        """What the sample says of itself: partners, people, traps."""
        found: dict[str, Any] = json.loads((self.folder / "sample.json").read_text())
        return found

    @property
    def ended(self) -> dict[str, Any]:
        """The client whose services ended, and how many mails the partner had had about it."""
        found: dict[str, Any] = json.loads(self._told.read_text())
        return found

    async def tell(self) -> None:
        """Do everything in order. Raises Failed."""
        with self._step("Making a sample portfolio"):
            self._make()
        with self._step("Importing partners and their people"):
            self._import("clients", self.folder / "partners")
        # Before the clients: else their first messages would go out by another policy.
        with self._step("Importing renewal settings, owners and quotes"):
            self._import("renewals", self.folder / "renewals", RENEWALS_IMPORT_AHEAD="true")
        with self._step("Importing certifications, credited tiers and rates"):
            self._import("tiers", self.folder / "tiers")
        with self._step("Importing clients, contacts and subscriptions"):
            self._import("clients", self.folder / "clients")
        with self._step("Importing that some points of contact left"):
            self._import("clients", self.folder / "deactivated")
        with self._step("Sweeping what is due, and sending it"):
            self._run("renewals", "sweep")
            await self._quiet()
        with self._step("Importing terms that moved"):
            self._import("clients", self.folder / "moved")
            await self._quiet()
        ended = self._to_end
        client, partner = UUID(ended["client_id"]), UUID(ended["partner_id"])
        with self._step(f"Ending the services of {ended['name']}"):
            await self._end(client, partner)
            await self._quiet()
        before = await self._mails_about(client, partner)
        with self._step(f"Moving every clock by {SHIFT}, over the next stages"):
            self._shift()
            self._run("renewals", "sweep")
            self._run("tiers", "review")
            await self._quiet()
        after = await self._mails_about(client, partner)
        if before["partner"] != after["partner"]:
            raise Failed(f"The partner was told of {client} after its services ended: {after}")
        told = {
            "client": ended["name"],
            "told_before": before["partner"],
            "client_told_since": after["client"] - before["client"],
        }
        self._told.write_text(json.dumps(told))

    @property
    def _to_end(self) -> dict[str, Any]:
        """The client whose services end: the partner is told of it, until then."""
        wanted = set(self.sample["end_services"])
        found: dict[str, Any] = next(
            trap
            for trap in self.sample["traps"]
            if trap["client_id"] in wanted and trap["owner"] == "Partner"
        )
        return found

    @contextmanager
    def _step(self, what: str) -> Iterator[None]:
        begun = time.monotonic()
        with self._console.status(f"{what} ..."):
            yield
        self._console.print(f"  {what:<58} {time.monotonic() - begun:5.1f} s", highlight=False)

    def _make(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        today = self.clock.today("UTC").isoformat()
        self._command("-m", "deploy.sample", str(self.folder), "--today", today)
        alone = self.folder / "partners"
        alone.mkdir()
        for name in PARTNERS_ALONE:
            shutil.copy(self.folder / "clients" / name, alone)
        self._settings.people_file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(self.folder / "people.json", self._settings.people_file)

    def _import(self, service: str, folder: Path, **settings: str) -> None:
        self._run(service, "import", str(folder), **settings)

    def _run(self, service: str, *arguments: str, **settings: str) -> None:
        self._command("-m", f"services.{service}", *arguments, **settings)

    def _command(self, *arguments: str, **settings: str) -> None:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=self._settings.environment() | settings,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            told = " ".join(arguments)
            raise Failed(f"python {told} ended with {done.returncode}:\n{done.stdout[-4000:]}")

    def _shift(self) -> None:
        path = self._settings.clock_file
        fresh = path.with_suffix(".tmp")
        fresh.write_text(SHIFT)
        fresh.rename(path)

    async def _quiet(self) -> None:
        """Wait until nothing is on its way."""
        services = self._settings.services
        dsns = {name: self._settings.database(name).dsn for name in services}
        until, calm = time.monotonic() + QUIET_SECONDS, 0
        async with Quiet(self._settings.kafka_servers, dsns) as looking:
            while calm < 2:  # noqa: PLR2004 - twice in a row
                left = await looking.left(self.clock.now(), services)
                calm = 0 if left else calm + 1
                if left and time.monotonic() > until:
                    raise Failed(
                        f"After {QUIET_SECONDS:g} s there is still {', '.join(left)}. "
                        "make logs shows what the services say."
                    )
                await asyncio.sleep(0.2)

    async def _end(self, client: UUID, partner: UUID) -> None:
        async with Doors(self._settings) as doors:
            admin = await doors.admin_of(partner)
            current = await doors.get("clients", f"/clients/{client}", admin)
            answer = await doors.post(
                "clients",
                f"/clients/{client}/services/end",
                admin,
                {"reason": "The client works with another agency now.", "confirm": True},
                if_match=current.headers["ETag"],
            )
            _require(answer)

    async def _mails_about(self, client: UUID, partner: UUID) -> Counter[str]:
        """How many mails about a client went to anybody of the partner, and to the client."""
        async with Doors(self._settings) as doors:
            admin: Person = await doors.admin_of(partner)
            mails = await doors.all_of(
                "notifications", "/messages", admin, client_id=str(client), state="accepted"
            )
        told = Counter(mail["audience"] for mail in mails)
        told["partner"] += sum(mail["copied"] is not None for mail in mails)
        return told

    def shown_at(self) -> datetime:
        """What time it is for the services."""
        return self.clock.now()


def _require(answer: httpx2.Response) -> None:
    if answer.is_error:
        raise Failed(f"{answer.request.url} answered {answer.status_code}: {answer.text}")

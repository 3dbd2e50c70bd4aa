"""People who give commands while something is done to the system, as a careful program would."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from time import monotonic
from uuid import uuid4

import httpx2

from shared.contracts import ids
from tests import tokens
from tests.faults.bed import LASTS_SECONDS
from tests.faults.cohort import Cohort

TRY_AGAIN = {429, 502, 503, 504}


@dataclass(slots=True)
class People:
    """Give commands with a key of their own, and again until they are answered.

    ``ports`` tells, at each moment, where replicas of a service listen; each try asks the next.
    """

    ports: Callable[[str], Sequence[int]]
    done: int = 0
    tries: int = 0
    refused: list[str] = field(default_factory=list)
    _turn: "count[int]" = field(default_factory=count)

    async def end_services(self, cohort: Cohort, number: int) -> None:
        """End the services of a client of the cohort."""
        client = cohort.clients[number]
        body = {"reason": "They have a team of their own now.", "confirm": True}
        await self._give("clients", cohort, f"/clients/{client}/services/end", body)
        cohort.ended.append(client)

    async def decide(self, cohort: Cohort, number: int) -> None:
        """Decide the renewal of a client of the cohort."""
        start = cohort.start.isoformat()
        renewal = ids.renewal_id(cohort.clients[number], "renewal", start)
        path = f"/renewals/{renewal}/decision"
        await self._give("renewals", cohort, path, {"status": "renewed"})

    async def _give(self, service: str, cohort: Cohort, path: str, body: object) -> None:
        who = tokens.bearer(cohort.admin.user_id, cohort.partner, cohort.admin.role)
        headers = who | {"If-Match": '"1"', "Idempotency-Key": str(uuid4())}
        begun = monotonic()
        async with httpx2.AsyncClient(headers=headers, timeout=20) as client:
            while monotonic() - begun < LASTS_SECONDS:
                self.tries += 1
                listening = self.ports(service)
                with suppress(httpx2.TransportError):
                    port = listening[next(self._turn) % len(listening)]
                    answer = await client.post(f"http://127.0.0.1:{port}{path}", json=body)
                    if answer.status_code < 300:
                        self.done += 1
                        return
                    if answer.status_code not in TRY_AGAIN:
                        self.refused.append(f"{path}: {answer.status_code} {answer.text}")
                        return
                await asyncio.sleep(0.1)
        self.refused.append(f"{path}: not answered in {LASTS_SECONDS:g} s")

"""The services' HTTP doors, as a person of the sample uses them."""

from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import httpx2

from deploy.local.settings import LocalSettings


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of the sample, with a token."""

    name: str
    token: str


class Doors:
    """Calls to the services that run."""

    def __init__(self, settings: LocalSettings) -> None:
        self._settings = settings
        self._client = httpx2.AsyncClient(timeout=20.0)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._client.aclose()

    async def admin_of(self, partner: UUID) -> Person:
        """An admin of a partner, signed in."""
        people = (await self._client.get(f"{self._settings.issuer}/people")).json()
        chosen = next(
            each
            for each in people
            if each["partner_id"] == str(partner) and each["role"] == "admin"
        )
        answer = await self._client.get(
            f"{self._settings.issuer}/token", params={"person": chosen["id"]}
        )
        return Person(chosen["name"], answer.raise_for_status().json()["access_token"])

    async def get(self, service: str, path: str, person: Person, **query: str) -> httpx2.Response:
        """Ask a service. Raises httpx2.HTTPStatusError where it declines."""
        answer = await self._client.get(
            self._settings.service_url(service) + path, params=query, headers=_signed(person)
        )
        return answer.raise_for_status()

    async def post(
        self,
        service: str,
        path: str,
        person: Person,
        body: dict[str, Any],
        *,
        if_match: str,
    ) -> httpx2.Response:
        """Give a command; the answer may be a refusal."""
        return await self._client.post(
            self._settings.service_url(service) + path,
            json=body,
            headers=_signed(person) | {"If-Match": if_match},
        )

    async def all_of(
        self, service: str, path: str, person: Person, **query: str
    ) -> list[dict[str, Any]]:
        """Every item of a list, page by page."""
        items: list[dict[str, Any]] = []
        cursor: dict[str, str] = {}
        while True:
            page = (await self.get(service, path, person, **query, limit="200", **cursor)).json()
            items += page["items"]
            if page["next"] is None:
                return items
            cursor = {"cursor": page["next"]}

    async def mails(self) -> int:
        """How many mails the sink holds."""
        answer = await self._client.get(f"{self._settings.mail}/count")
        return int(answer.json()["count"])


def _signed(person: Person) -> dict[str, str]:
    return {"Authorization": f"Bearer {person.token}"}

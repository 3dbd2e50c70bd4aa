"""Somebody of the sample who uses the services' doors, patiently."""

import asyncio
from dataclasses import dataclass
from time import monotonic
from typing import Any, Self
from uuid import UUID, uuid4

import httpx2

from tests.containers.stack import Stack

PATIENCE_SECONDS = 300.0
LATER = (502, 503, 504)  # what an outage is answered with


@dataclass
class Visitor:
    """An admin of a partner, with a token of the demo's issuer."""

    stack: Stack
    http: httpx2.AsyncClient
    partner_id: UUID
    token: str

    @classmethod
    async def enter(cls, stack: Stack, http: httpx2.AsyncClient) -> Self:
        """Be the first admin there is."""
        people = (await http.get(f"{stack.url('issuer')}/people")).json()
        chosen = next(each for each in people if each["role"] == "admin")
        answer = await http.get(f"{stack.url('issuer')}/token", params={"person": chosen["id"]})
        token = answer.raise_for_status().json()["access_token"]
        return cls(stack, http, UUID(chosen["partner_id"]), token)

    async def ask(self, service: str, path: str, **query: str) -> httpx2.Response:
        """Read, however long the service or its database is away."""
        return await self._insist("GET", service, path, params=query)

    async def command(
        self, method: str, service: str, path: str, body: dict[str, Any], version: str = ""
    ) -> httpx2.Response:
        """Give a command once, however often it has to be said."""
        headers = {"Idempotency-Key": str(uuid4())} | ({"If-Match": version} if version else {})
        return await self._insist(method, service, path, json=body, headers=headers)

    async def every(self, service: str, path: str, **query: str) -> list[dict[str, Any]]:
        """All of a list."""
        items: list[dict[str, Any]] = []
        cursor: dict[str, str] = {}
        while True:
            page = (await self.ask(service, path, limit="200", **query, **cursor)).json()
            items += page["items"]
            if page["next"] is None:
                return items
            cursor = {"cursor": page["next"]}

    async def _insist(
        self,
        method: str,
        service: str,
        path: str,
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> httpx2.Response:
        begun = monotonic()
        signed = {"Authorization": f"Bearer {self.token}"} | (headers or {})
        while True:
            try:
                answer = await self.http.request(
                    method, self.stack.url(service) + path, headers=signed, **more
                )
                if answer.status_code not in LATER:
                    return answer.raise_for_status()
                told = answer.text
            except httpx2.TransportError as error:
                told = repr(error)
            assert monotonic() - begun < PATIENCE_SECONDS, f"{method} {service}{path}: {told}"
            await asyncio.sleep(0.25)

"""All services and the page behind real sockets, with an issuer at which a browser signs in."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from deploy.local import issuer, ports
from deploy.local.databases import Addresses
from shared.chassis.clock import ManualClock
from tests import tokens
from tests.journeys.system import SERVICES, System

EVERYTHING = (*SERVICES, "dashboard")
START_SECONDS = 30.0


class _Server(uvicorn.Server):
    """Serves in this process, whose signals are not its own."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them to the tests."""
        yield


@asynccontextmanager
async def answering(app: FastAPI, port: int) -> AsyncIterator[None]:
    """Answer on a port, as the command `serve` does; what the application does is up to others."""
    server = _Server(
        uvicorn.Config(
            app,
            host=ports.LOOPBACK,
            port=port,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            ws="none",
            timeout_graceful_shutdown=1,
        )
    )
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(START_SECONDS):
        while not server.started:
            assert not serving.done(), f"{app.title} did not start on port {port}"
            await asyncio.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        await serving


@dataclass(slots=True)
class Site(System):
    """The system, each service at an address of its own that it keeps over stops and starts."""

    taken: Mapping[str, int] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Where the page is."""
        return self.address("dashboard")

    def address(self, name: str) -> str:
        """Where a service is."""
        return f"http://{ports.LOOPBACK}:{self.taken[name]}"

    async def start(self, *names: str) -> None:
        """Start services (all, and the page, unless some are named)."""
        await System.start(self, *(names or EVERYTHING))

    @asynccontextmanager
    async def running(self, app: FastAPI) -> AsyncIterator[None]:
        """Run an application behind its socket."""
        port = self.taken[app.state.service]
        async with app.router.lifespan_context(app), answering(app, port):
            yield

    def settings_of(self, name: str) -> dict[str, object]:
        """What the page has to know of the others."""
        if name != "dashboard":
            return System.settings_of(self, name)
        return {
            "public_url": self.url,
            **{f"{service}_url": self.address(service) for service in SERVICES},
            "session_key": "k" * 32,
        }


@asynccontextmanager
async def site(
    kafka: str, databases: Mapping[str, Addresses], folder: Path, clock: ManualClock
) -> AsyncIterator[Site]:
    """Everything but the services, which are still to be started."""
    names = (*EVERYTHING, "issuer")
    smtp_port, *found = ports.free_ports(len(names) + 1)
    taken = dict(zip(names, found, strict=True))
    url = f"http://{ports.LOOPBACK}:{taken['issuer']}"
    async with AsyncExitStack() as stack:
        app = _issuer(folder / "issuer", url)
        await stack.enter_async_context(answering(app, taken["issuer"]))
        yield await stack.enter_async_context(
            Site(kafka, clock, databases, folder, smtp_port, issuer=url, taken=taken)
        )


async def bring_in(made: Site, files: Path) -> None:
    """Import a portfolio, and start what tells people of it once it is all there."""
    await made.start("clients", "renewals", "tiers", "dashboard")
    await made.import_files("clients", files / "clients")
    await asyncio.gather(
        made.import_files("renewals", files / "renewals"),
        made.import_files("tiers", files / "tiers"),
    )
    await made.quiet()
    await made.start("notifications")
    await made.quiet()


def _issuer(folder: Path, url: str) -> FastAPI:
    """The demo's issuer, with the key that the tests' tokens are signed with."""
    folder.mkdir()
    key = tokens.signing_key().as_dict(private=True)
    (folder / "issuer-key.json").write_text(json.dumps(key))
    return issuer.create_app(folder, issuer=url, audience=tokens.AUDIENCE, lifetime=8 * 3600)

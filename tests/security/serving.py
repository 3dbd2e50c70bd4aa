"""The services behind real sockets, in a thread of their own, so that tests can call and wait."""

import asyncio
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from threading import Thread
from typing import Any, TypeVar

import uvicorn
from fastapi import FastAPI

T = TypeVar("T")
START_SECONDS = 30.0


class Loop:
    """An event loop in another thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="services", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something there, and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def close(self) -> None:
        """End the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@asynccontextmanager
async def _answering(app: FastAPI) -> Any:
    """Serve as the command `serve` does, on a free port."""
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            host="127.0.0.1",
            port=0,
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            ws="none",
        )
    )
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(START_SECONDS):
        while not server.started:
            assert not serving.done(), f"{app.title} did not start"
            await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await serving


@contextmanager
def served(loop: Loop, apps: Mapping[str, FastAPI]) -> Iterator[dict[str, str]]:
    """Serve applications; gives their addresses."""
    stack = AsyncExitStack()

    async def start() -> dict[str, str]:
        return {
            name: await stack.enter_async_context(_answering(app)) for name, app in apps.items()
        }

    try:
        yield loop.run(start())
    finally:
        loop.run(stack.aclose())

"""A person at a browser, and everything that must not happen there."""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]  # none
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Error,
    Page,
    Request,
    Response,
    expect,
)

from tests.browser.portfolio import ADA, Somebody
from tests.browser.site import Site

Theme: TypeAlias = Literal["light", "dark"]
WAIT_MS = 20_000.0  # for what must come, on a slow machine
TOLD_VIOLATIONS = """
    addEventListener("securitypolicyviolation", (event) =>
        console.error("CSP", event.violatedDirective, event.blockedURI, event.sourceFile));
"""
AXE = Axe()
# `target-size` is off unless it is asked for; everything else is on.
AXE_OPTIONS: Final[dict[str, Any]] = {
    "resultTypes": ["violations"],
    "rules": {"target-size": {"enabled": True}},
}
COLOURS: Final = {"runOnly": ["color-contrast", "link-in-text-block"]}
BAD_STATUS = 400

expect.set_options(timeout=WAIT_MS)


@dataclass  # without slots: Playwright puts its handlers there
class Watch:
    """Remembers what a page said, threw, was refused or could not load."""

    problems: list[str] = field(default_factory=list)
    expected: list[re.Pattern[str]] = field(default_factory=list)

    def expect(self, pattern: str) -> None:
        """Let what matches pass: the test is about it."""
        self.expected.append(re.compile(pattern))

    def check(self) -> None:
        """Fail if anything happened that must not."""
        left = [
            each for each in self.problems if not any(known.search(each) for known in self.expected)
        ]
        assert not left, "\n".join(left)

    def follow(self, context: BrowserContext) -> None:
        """Watch every page of a context."""
        context.on("console", self._console)
        context.on("weberror", lambda error: self.problems.append(f"error: {error.error}"))
        context.on("requestfailed", self._failed)
        context.on("response", self._answered)

    def _console(self, message: ConsoleMessage) -> None:
        where = message.location.get("url", "")
        self.problems.append(f"console {message.type}: {message.text} ({where})")

    def _failed(self, request: Request) -> None:
        # A page that is left takes its stream and what it was just asking for with it.
        if request.failure != "net::ERR_ABORTED":
            self.problems.append(f"failed: {request.method} {request.url} ({request.failure})")

    def _answered(self, response: Response) -> None:
        if response.status >= BAD_STATUS:
            self.problems.append(
                f"answered {response.status}: {response.request.method} {response.url}"
            )


@dataclass(slots=True)
class Visits:
    """Opens browsers for people, each with a session of its own as the tests go on."""

    site: Site
    browser: Browser
    signed_in: dict[Somebody, Any]  # cookies by person, over all tests
    watch: Watch = field(default_factory=Watch)
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def open(
        self,
        path: str | None = "/dashboard",
        person: Somebody | None = ADA,
        *,
        theme: Theme = "light",
        size: tuple[int, int] = (1280, 800),
        javascript: bool = True,
        fresh: bool = False,
        **other: Any,
    ) -> Page:
        """Open a page as somebody. ``fresh`` signs in anew instead of using an earlier session."""
        if person and (fresh or person not in self.signed_in):
            async with self._context() as context:
                await sign_in(await context.new_page(), self.site, person)
                self.signed_in[person] = await context.storage_state()
        context = await self._stack.enter_async_context(
            self._context(
                storage_state=self.signed_in[person] if person else None,
                color_scheme=theme,
                viewport={"width": size[0], "height": size[1]},
                java_script_enabled=javascript,
                **other,
            )
        )
        page = await context.new_page()
        if path is not None:
            await page.goto(self.site.url + path)
        return page

    @asynccontextmanager
    async def _context(self, **how: Any) -> AsyncIterator[BrowserContext]:
        context = await self.browser.new_context(locale="en-GB", timezone_id="UTC", **how)
        context.set_default_timeout(WAIT_MS)
        await context.add_init_script(TOLD_VIOLATIONS)
        self.watch.follow(context)
        try:
            yield context
        finally:
            await context.close()

    async def close(self) -> None:
        """Close all of them."""
        await self._stack.aclose()


async def sign_in(page: Page, site: Site, person: Somebody, path: str = "/") -> None:
    """Come to the page as a stranger, be sent to the chooser, and be somebody."""
    await sign_in_as(page, site.url + path, person.name)


async def sign_in_as(page: Page, address: str, name: str) -> None:
    """`sign_in`, by a name."""
    await page.goto(address)
    await expect(page.get_by_role("heading", name="Who are you?")).to_be_visible()
    await page.get_by_role("link", name=f"Sign in as {name}").first.click()
    await expect(page.get_by_role("navigation", name="Main")).to_be_visible()


async def accessible(page: Page, within: str | None = None, **options: Any) -> None:
    """Fail with what axe finds on the page as it is now, or in what a selector finds there."""
    await _settled(page)
    if not await page.evaluate("'axe' in window"):  # half a megabyte to compile
        await page.evaluate(AXE.axe_script)
    violations = await page.evaluate(
        "async ([within, options]) => (await axe.run(within ?? document, options)).violations",
        [within, AXE_OPTIONS | options],
    )
    told = [
        f"{each['id']}: {each['help']}\n  {node['html'][:300]}\n  {node['failureSummary']}"
        for each in violations
        for node in each["nodes"]
    ]
    assert not told, f"{page.url}\n" + "\n".join(told)


async def accessible_in_both_themes(page: Page, within: str | None = None) -> None:
    """`accessible` in the light, and the colours in the dark: nothing else is different there."""
    await page.emulate_media(color_scheme="light")
    await accessible(page, within)
    await page.emulate_media(color_scheme="dark")
    await accessible(page, within, **COLOURS)


async def _settled(page: Page) -> None:
    """Let what moves come to rest: a colour that fades in has no contrast yet."""
    await page.evaluate(
        "Promise.all(document.getAnimations().map((each) => each.finished.catch(() => {})))"
    )


__all__ = ["Error", "Theme", "Visits", "Watch", "accessible", "accessible_in_both_themes"]

"""A fresh clone and one command: the page shows the sample, and its mails are in the catcher."""

import os
import shutil
from typing import Any

import asyncpg
import httpx2
from playwright.async_api import async_playwright

from tests.containers.people import Visitor
from tests.containers.quiet import calm
from tests.containers.stack import Stack

PEOPLE = 20  # the sample's people and contacts who are told of something, at least


async def test_one_command_in_a_fresh_clone_brings_everything_up(stack: Stack) -> None:
    states = stack.states()
    assert {each["ExitCode"] for each in states.values()} == {0}
    running = {name for name, each in states.items() if each["Running"]}
    assert {each["Health"]["Status"] for each in map(states.get, running) if each} == {"healthy"}
    assert len(running) == 10
    print(f"\n  up after {stack.seconds:.0f} s")  # noqa: T201


async def test_somebody_of_the_sample_signs_in_and_sees_the_clients(
    stack: Stack, visitor: Visitor
) -> None:
    clients = await visitor.every("clients", "/clients")
    program = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    assert program, "Chromium is missing. On Debian: apt-get install chromium-headless-shell"
    as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=as_root)
        page = await browser.new_page()
        page.set_default_timeout(60_000)
        await page.goto(stack.url("dashboard"))
        assert page.url.startswith(f"http://issuer.localhost:{stack.port('issuer')}/authorize?")
        await page.locator(f"a[href*='{await first_admin(stack)}']").click()
        await page.wait_for_url(f"{stack.url('dashboard')}/**")
        shown = await page.locator("body").inner_text()
        await browser.close()
    assert f"{len(clients)} clients" in shown
    first = min(each["domain"] for each in clients)
    assert first in shown


async def first_admin(stack: Stack) -> str:
    async with httpx2.AsyncClient() as http:
        people = (await http.get(f"{stack.url('issuer')}/people")).json()
    return str(next(each["id"] for each in people if each["role"] == "admin"))


async def test_whoever_had_to_be_told_was_told_once(stack: Stack, visitor: Visitor) -> None:
    await calm(stack)
    mails = await kept(visitor, stack)
    connection = await asyncpg.connect(stack.databases()["notifications"])
    accepted = await connection.fetchval("SELECT count(*) FROM messages WHERE state = 'accepted'")
    await connection.close()
    assert accepted > 200
    assert len(mails) == accepted
    assert len({each["message_id"] for each in mails}) == accepted, "a mail came twice"
    told = {address for each in mails for address in each["rcpt_to"]}
    assert len(told) > PEOPLE


async def kept(visitor: Visitor, stack: Stack) -> list[dict[str, Any]]:
    """What the catcher holds."""
    answer = await visitor.http.get(f"{stack.url('mail')}/messages", params={"limit": "100000"})
    found: list[dict[str, Any]] = answer.raise_for_status().json()
    return found


async def test_only_who_is_named_gives_tokens(stack: Stack, visitor: Visitor) -> None:
    """The issuer believes anybody, so it answers under its own name and this machine's alone."""
    elsewhere = {"Host": "partner-tools.example"}
    answer = await visitor.http.get(f"{stack.url('issuer')}/people", headers=elsewhere)
    assert answer.status_code == 400

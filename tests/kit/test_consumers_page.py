"""What docs/consumers.md says is so: each recipe prints what the page says, on a real Kafka."""

import asyncio
import os
import re
import shutil
import sys
from dataclasses import dataclass

import pytest

from shared.contracts import examples, majors, tiers, topics
from shared.contracts.fake.kafka import Access, publish
from tests.architecture.sources import ROOT

PAGE = (ROOT / "docs" / "consumers.md").read_text("utf-8")
FAKE = "python -m partner_tools_events.fake"


@dataclass(frozen=True)
class Recipe:
    """A command of the page, and what it is said to print."""

    command: str
    prints: str


def recipes() -> list[Recipe]:
    """In the order of the page."""
    found = []
    for block in re.findall(r"^```console\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL):
        for each in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, prints = each.partition("\n")
            found.append(Recipe(command, prints))
    return found


async def run(recipe: Recipe, servers: str) -> str:
    """Give a command to a shell, as a reader does."""
    command = recipe.command.replace(FAKE, f"{sys.executable} -m shared.contracts.fake")
    process = await asyncio.create_subprocess_exec(
        "bash", "-c", command,
        cwd=ROOT, env={"PATH": os.environ["PATH"], "KAFKA": servers},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    follows = asyncio.create_task(_say_now_and_then(servers)) if "-o end" in command else None
    async with asyncio.timeout(60):
        printed, _ = await process.communicate()
    if follows:
        follows.cancel()
        await asyncio.wait({follows})
    return printed.decode()


async def _say_now_and_then(servers: str) -> None:
    """Something happens while somebody follows."""
    golden = next(each for each in examples.events() if isinstance(each, tiers.TierCredited))
    while True:
        await asyncio.sleep(1)
        record = examples.record_of(golden)
        await publish(Access(servers=servers), iter([record]), rate=0, say=lambda _: None)


@pytest.mark.delivery
async def test_every_recipe_prints_what_the_page_says(fresh_topics: str) -> None:
    if shutil.which("kcat") is None:
        pytest.fail("kcat is not installed. On Debian: apt-get install kcat")
    all_of_them = recipes()

    assert len(all_of_them) >= 14
    for recipe in all_of_them:
        assert await run(recipe, fresh_topics) == recipe.prints, recipe.command


def test_the_page_promises_what_the_registry_keeps() -> None:
    for topic in topics.REGISTRY:
        if topic.kind == "dead-letters":
            continue
        assert topic.partitions == 12
        if topic.kind == "events":
            assert topic.config["retention.ms"] == "-1"
        else:
            assert topic.config["delete.retention.ms"] == str(7 * topics.DAY_MS)
        assert f"`{topic.owner}`" in PAGE
    for promise in ("12 partitions, for ever", "for ever", "there for 7 days or longer"):
        assert promise in PAGE
    assert PAGE.count(f"{majors.OVERLAP_DAYS} days") >= 2


def test_the_steps_of_a_second_version_lead_to_a_heading_of_the_page() -> None:
    [named] = re.findall(r'docs/consumers.md, "([^"]+)"', majors.steps(tiers.TierCredited))

    assert f"### {named}" in PAGE

"""Lists that are ready: given out again while nothing changed, and to nobody else."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import pytest
from markupsafe import escape

from deploy.local.databases import Addresses
from services.dashboard.api.ready import Notes, Shelf
from services.dashboard.store import clients as store
from services.dashboard.store import reading
from services.dashboard.views import rows
from shared.chassis.clock import ManualClock
from shared.chassis.database import Connection, Pool
from shared.contracts import clients
from tests.dashboard import portfolio
from tests.dashboard.looking import Sight, looking
from tests.dashboard.people import BRIGHTWATER, MEMBER, NORDLICHT, OTHER_ADMIN, named

LISTS = ("/dashboard", "/renewals", "/renewals/to-act-on")


@pytest.fixture
async def sight(filled: Pool, address: Addresses, clock: ManualClock) -> AsyncIterator[Sight]:
    async with looking(filled, address, clock) as made:
        yield made


def shelf(sight: Sight) -> Shelf:
    found: Shelf = sight.app.state.shelf
    return found


def renamed(name: str, *, version: int = 9) -> dict[str, list[clients.ClientSnapshot]]:
    known = named("harbor")
    snapshot = portfolio.client_snapshot(known, version=version)
    company = snapshot.company.model_copy(update={"name": name})
    return {clients.STATE: [snapshot.model_copy(update={"company": company})]}


@pytest.mark.parametrize("address_of", LISTS)
async def test_while_nothing_changes_the_same_list_is_given_out_again(
    sight: Sight, address_of: str
) -> None:
    first = await sight.read(address_of)
    kept = dict(shelf(sight)._kept)
    again = await sight.read(address_of)

    assert (len(kept), again) == (1, first)
    assert dict(shelf(sight)._kept) == kept


@pytest.mark.parametrize("address_of", LISTS)
async def test_what_changed_is_seen_by_the_next_who_asks(
    sight: Sight, filled: Pool, address_of: str
) -> None:
    assert "Another Name" not in await sight.read(address_of)

    await portfolio.tell(filled, renamed("Another Name & Co"))

    assert "Another Name &amp; Co" in await sight.read(address_of)


async def test_another_search_reads_neither_the_partner_nor_the_alerts_again(
    sight: Sight, filled: Pool
) -> None:
    await sight.read("/dashboard?q=har")
    # As if by nobody: what changes by a record or a command is marked.
    await filled.execute("UPDATE partners SET name = 'Nobody said so'")

    assert "Nobody said so" not in await sight.read("/dashboard?q=harb")
    await portfolio.tell(filled, renamed("Another Name"))
    assert "Nobody said so" in await sight.read("/dashboard?q=harbo")


async def test_what_there_is_to_filter_by_is_looked_for_again_once_something_changed(
    sight: Sight, filled: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[Connection] = []
    find = store.find_choices

    async def noting(tx: Connection) -> store.Choices:
        looks.append(tx)
        return await find(tx)

    monkeypatch.setattr(store, "find_choices", noting)
    monkeypatch.setattr("services.dashboard.api.clients.CHOICES_SECONDS", 0.0)

    for word in ("one", "two"):
        await sight.read(f"/dashboard?q={word}")
    assert len(looks) == 1
    await portfolio.tell(filled, renamed("Another Name"))
    await sight.read("/dashboard?q=three")
    assert len(looks) == 2


@pytest.mark.parametrize("path", ["/dashboard", "/renewals"])
@pytest.mark.parametrize(
    "typed", ["harbor", "a&<b>\"'", "100%", "%(word)s %s", "é “x” ö", " two  words ", "x" * 61]
)
async def test_a_search_reads_as_if_its_page_were_written_for_it_alone(
    sight: Sight, monkeypatch: pytest.MonkeyPatch, path: str, typed: str
) -> None:
    address_of, part = f"{path}?{urlencode({'q': typed})}", {"HX-Request": "true"}
    await sight.read(f"{path}?q=e", **part)
    filled = await sight.read(address_of, **part)
    shelf(sight)._kept.clear()
    monkeypatch.setattr(rows, "LONGEST_WORD", 0)

    assert filled == await sight.read(address_of, **part)
    assert f'name="q" value="{escape(typed)}"' in filled


@pytest.fixture
def entered(monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    """Whose rows the database was asked for."""
    asked: list[UUID] = []
    enter = reading.entered

    def noting(tx: Connection, partner_id: UUID, *rest: Any) -> Any:
        asked.append(partner_id)
        return enter(tx, partner_id, *rest)

    monkeypatch.setattr(reading, "entered", noting)
    return asked


async def searched(sight: Sight, path: str) -> None:
    """Look for something, so that the list is held."""
    await sight.read(f"{path}?q=none")


@pytest.mark.parametrize("path", ["/dashboard", "/renewals"])
async def test_who_searches_again_and_again_is_answered_without_the_database(
    sight: Sight, entered: list[UUID], path: str
) -> None:
    part = {"HX-Request": "true"}  # the whole page has the second in it in which it was made
    before = {word: await sight.read(f"{path}?q={word}", **part) for word in ("har", "e", "o a")}
    await searched(sight, path)
    shelf(sight)._kept.clear()
    entered.clear()

    assert {word: await sight.read(f"{path}?q={word}", **part) for word in before} == before
    assert not entered


@pytest.mark.parametrize("path", ["/dashboard", "/renewals"])
async def test_what_changed_is_found_by_the_next_who_searches(
    sight: Sight, filled: Pool, path: str
) -> None:
    await searched(sight, path)
    assert "harborlights" not in await sight.read(f"{path}?q=another+name")

    await portfolio.tell(filled, renamed("Another Name & Co"))

    assert "Another Name &amp; Co" in await sight.read(f"{path}?q=another+name")
    assert "Another Name &amp; Co" in await sight.read(f"{path}?q=another")


@pytest.mark.parametrize("path", ["/dashboard", "/renewals"])
async def test_nobody_finds_in_memory_what_is_somebody_elses(sight: Sight, path: str) -> None:
    other = await sight.by(OTHER_ADMIN, NORDLICHT)
    await searched(sight, path)
    await searched(other, path)

    assert "harborlights" in await sight.read(f"{path}?q=har")
    assert "harborlights" not in await other.read(f"{path}?q=har")
    assert len(shelf(sight).held._kept) == 2


@pytest.mark.parametrize(
    "address_of",
    [
        "/dashboard?q=e&sort=-mrr",
        "/dashboard?q=e&services=ended",
        "/dashboard?q=e&owner=partner",
        "/renewals?q=e&sort=client",
        "/renewals?q=e&status=renewed",
        "/renewals/to-act-on?q=e",
    ],
)
async def test_what_is_asked_beside_a_word_is_asked_of_the_database(
    sight: Sight, entered: list[UUID], address_of: str
) -> None:
    await searched(sight, "/dashboard")
    await searched(sight, "/renewals")
    entered.clear()
    await sight.read(address_of)

    assert entered == [BRIGHTWATER]


async def test_another_partners_change_leaves_the_list_ready(sight: Sight, filled: Pool) -> None:
    other = await sight.by(OTHER_ADMIN, NORDLICHT)
    await other.read("/dashboard")
    kept = dict(shelf(sight)._kept)

    await portfolio.tell(filled, renamed("Another Name"))

    await other.read("/dashboard")
    assert dict(shelf(sight)._kept) == kept


async def test_nobody_gets_the_list_of_somebody_else(sight: Sight) -> None:
    admins = await sight.read("/dashboard")
    members = await (await sight.by(MEMBER, role="member")).read("/dashboard")
    others = await (await sight.by(OTHER_ADMIN, NORDLICHT)).read("/dashboard")

    assert ("Partner admin" in admins, "Partner admin" in members) == (True, False)
    assert "harborlights" not in others
    assert len(shelf(sight)._kept) == 3


async def test_tomorrow_the_list_is_made_anew(sight: Sight, clock: ManualClock) -> None:
    today = await sight.read("/renewals/to-act-on")
    clock.set(clock.now() + timedelta(days=1))

    assert await sight.read("/renewals/to-act-on") != today


@pytest.mark.parametrize("query", ["panel=client:1", "told=ended:1", "columns=usage"])
async def test_what_depends_on_the_hour_or_changes_a_choice_is_never_kept(
    sight: Sight, query: str
) -> None:
    await sight.read(f"/dashboard?{query}")

    assert not shelf(sight)._kept


def test_what_nobody_asked_for_the_longest_makes_room() -> None:
    shelf = Shelf(most_bytes=10)
    shelf.keep("a", b"1234")
    shelf.keep("b", b"1234")
    assert shelf.find("a") == b"1234"
    shelf.keep("c", b"1234")

    assert [shelf.find(key) for key in "abc"] == [b"1234", None, b"1234"]
    shelf.keep("a", b"12")
    assert shelf.find("c") == b"1234"


def test_of_so_many_partners_is_anything_noted_and_of_those_that_were_read_last() -> None:
    notes = Notes[str](most=2)
    notes.keep(NORDLICHT, 1, "old")
    notes.keep(BRIGHTWATER, 1, "kept")
    notes.keep(NORDLICHT, 2, "new")
    notes.keep(OTHER_ADMIN, 1, "last")

    assert notes.find(BRIGHTWATER, 1) is None
    assert notes.find(NORDLICHT, 1) is None
    assert notes.find(NORDLICHT, 2) == "new"
    assert notes.find(OTHER_ADMIN, 1) == "last"


def test_notes_have_a_size_all_together() -> None:
    notes = Notes[str](10, len)
    notes.keep(NORDLICHT, 1, "12345")
    notes.keep(BRIGHTWATER, 1, "12345")
    assert notes.find(NORDLICHT, 1) == "12345"
    notes.keep(OTHER_ADMIN, 1, "1")

    assert notes.find(BRIGHTWATER, 1) is None
    assert notes.find(NORDLICHT, 1) == "12345"
    notes.keep(OTHER_ADMIN, 2, "12345678901")
    assert notes.find(OTHER_ADMIN, 2) is None

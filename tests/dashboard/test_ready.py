"""Lists that are ready: given out again while nothing changed, and to nobody else."""

from collections.abc import AsyncIterator
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from markupsafe import escape

from deploy.local.databases import Addresses
from services.dashboard.api.ready import Notes, Shelf
from services.dashboard.views import rows
from shared.chassis.clock import ManualClock
from shared.chassis.database import Pool
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

"""Commands that come twice, too late or in a row: keys, versions and pages."""

import asyncio
import contextlib
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.chassis.http import (
    Command,
    Cursor,
    Invalid,
    paging,
)
from shared.chassis.http.idempotency import forget_old_keys
from tests import tokens
from tests.chassis.gadgets.api import MakeGadget
from tests.chassis.gadgets.running import (
    ADMIN,
    BOB,
    THEIRS,
    Service,
    make,
)


async def test_nobody_overwrites_a_change_that_he_has_not_seen(service: Service) -> None:
    made = await make(service)
    where = f"/gadgets/{made.json()['id']}/name"

    async def rename(seen: str | None) -> httpx2.Response:
        headers = ADMIN | ({} if seen is None else {"If-Match": seen})
        return await service.http.put(where, json={"name": "new"}, headers=headers)

    assert made.headers["etag"] == '"1"'
    assert (await rename(None)).status_code == 428
    for malformed in ("1", 'W/"1"', '"one"', '"1', "*", '"99999999999999999999"', '""'):
        assert (await rename(malformed)).status_code == 422
    assert (await rename('"1"')).status_code == 200
    stale = await rename('"1"')
    assert (stale.status_code, stale.headers["etag"]) == (412, '"2"')


async def test_pages_follow_each_other_without_gap_or_repetition(service: Service) -> None:
    for number in range(7):
        await make(service, f"g{number}")
    for sort in ("name", "-name"):
        names: list[str] = []
        cursor: str | None = None
        while True:
            asked = {"limit": "3", "sort": sort} | ({"cursor": cursor} if cursor else {})
            answer = await service.http.get("/gadgets", params=asked, headers=ADMIN)
            page = answer.json()
            names += [item["name"] for item in page["items"]]
            cursor = page["next"]
            if cursor is None or sort == "-name":
                break
        assert names == ([f"g{n}" for n in range(7)] if sort == "name" else ["g6", "g5", "g4"])


async def test_a_cursor_that_is_not_ours_is_refused(service: Service) -> None:
    await make(service, "a")
    await make(service, "b")
    page = await service.http.get("/gadgets?limit=1", headers=ADMIN)
    good = page.json()["next"]
    for cursor in ("%%%", "e30", "WyJuYW1lIl0", good[:-3], "W1tbW1s", "ä", good + "&sort=-name"):
        answer = await service.http.get(f"/gadgets?cursor={cursor}", headers=ADMIN)
        assert answer.status_code == 422, cursor
        assert answer.json()["errors"][0]["field"] == "cursor"


async def test_a_command_sent_twice_is_done_once_and_answered_alike(service: Service) -> None:
    key = {"Idempotency-Key": "make-1"}
    first, second = await make(service, **key), await make(service, **key)
    assert (first.status_code, first.content) == (second.status_code, second.content)
    assert second.headers["etag"] == first.headers["etag"]
    assert second.headers["content-type"] == "application/json"
    assert second.headers["idempotency-replayed"] == "true"
    assert len(await service.sql("SELECT 1 FROM gadgets")) == 1


async def test_copies_of_a_command_at_the_same_time_are_one(service: Service) -> None:
    answers = await asyncio.gather(
        *(make(service, **{"Idempotency-Key": "same"}) for _ in range(6))
    )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert len(await service.sql("SELECT 1 FROM gadgets")) == 1


async def test_a_key_is_not_lent_to_another_command(service: Service) -> None:
    key = {"Idempotency-Key": "k"}
    await make(service, "a", **key)
    other = await make(service, "b", **key)
    assert (other.status_code, other.json()["errors"][0]["field"]) == (422, "Idempotency-Key")
    same = await service.http.post(
        "/gadgets", json={"name": "b"}, headers=tokens.bearer(BOB, THEIRS) | key
    )
    assert same.status_code == 201  # each partner has its own keys


async def test_a_command_that_was_refused_may_be_tried_again_with_its_key(
    service: Service,
) -> None:
    key = {"Idempotency-Key": "k"}
    assert (await make(service, "explode", **key)).status_code == 500
    assert (await make(service, "Cog", **key)).status_code == 201


async def test_a_key_is_forgotten_after_a_day(service: Service) -> None:
    await make(service, **{"Idempotency-Key": "old"})
    await service.sql("UPDATE idempotency_keys SET created_at = now() - interval '25 hours'")
    again = await make(service, **{"Idempotency-Key": "old"})
    assert "idempotency-replayed" not in again.headers
    await service.sql("UPDATE idempotency_keys SET created_at = now() - interval '25 hours'")
    assert await forget_old_keys(service.app.state.pool, service.app.state.clock) == 1
    assert await service.sql("SELECT 1 FROM idempotency_keys") == []


@pytest.mark.parametrize("key", ["", "x" * 201, "tab\there"])
async def test_a_key_that_is_none_is_refused(service: Service, key: str) -> None:
    answer = await make(service, **{"Idempotency-Key": key})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "Idempotency-Key")


@given(
    st.tuples(
        st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
        st.dates(),
        st.uuids(),
        st.integers(-(2**63), 2**63 - 1),
        st.decimals(
            allow_nan=False, allow_infinity=False, places=2, min_value=-(10**12), max_value=10**12
        ),
        st.datetimes(timezones=st.just(UTC)),
    )
)
def test_a_cursor_gives_back_what_was_put_in(values: tuple[Any, ...]) -> None:
    cursor = Cursor.encode(*values)
    assert Cursor.decode(cursor, str, date, UUID, int, Decimal, datetime) == values


@given(st.text(max_size=80))
def test_any_text_as_a_cursor_is_refused_or_read(text: str) -> None:
    with contextlib.suppress(Invalid):
        Cursor.decode(text, str, date)


def test_a_command_made_in_code_keeps_what_it_was_given() -> None:
    made = MakeGadget(
        name="Cog", price=Decimal("1.10"), made=date(2026, 1, 15), tags=("a", "b"), weight=3
    )
    assert (made.price, made.made, made.tags) == (Decimal("1.10"), date(2026, 1, 15), ("a", "b"))


def test_a_nested_command_is_as_strict_and_names_the_place() -> None:
    class Order(Command):
        gadgets: list[MakeGadget]
        by_name: dict[str, int]

    good = {"gadgets": [{"name": "x", "made": "2026-01-15"}], "by_name": {"a": 1}}
    assert Order.model_validate(good).gadgets[0].made == date(2026, 1, 15)
    bad = {"gadgets": [{"name": "x"}, {"name": "x", "weight": True}], "by_name": {"a\0": 1}}
    with pytest.raises(ValidationError) as wrong:
        Order.model_validate(bad)
    places = {".".join(map(str, each["loc"])) for each in wrong.value.errors()}
    assert places == {"gadgets.1.weight", "by_name"}


@pytest.mark.parametrize(
    ("kind", "written"),
    [
        (int, "9223372036854775808"),
        (int, "1.5"),
        (Decimal, "NaN"),
        (Decimal, "1e999999"),
        (Decimal, "x"),
        (datetime, "2026-01-15T12:00:00"),
        (date, "2026-02-30"),
        (UUID, "1"),
        (str, "a\0b"),
    ],
)
def test_a_cursor_holds_only_values_that_can_be_asked_for(kind: type, written: str) -> None:
    with pytest.raises(Invalid, match="cursor"):
        Cursor.decode(Cursor.encode(written), kind)


def test_an_order_that_a_list_does_not_have_cannot_be_its_default() -> None:
    with pytest.raises(ValueError, match="'price' is not among"):
        paging("name", default="price")

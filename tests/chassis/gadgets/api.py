"""What the gadgets service answers."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Response
from pydantic import Field
from starlette.exceptions import HTTPException

from shared.chassis.http import (
    AMember,
    AnAdmin,
    Command,
    IfMatch,
    Page,
    Paging,
    Router,
    Stale,
    TheCaller,
    Transaction,
    View,
    etag,
    paging,
)


class Refused(Exception):  # noqa: N818 - as the domains have it
    def __init__(self, field: str, reason: str, status: int = 422) -> None:
        super().__init__(reason)
        self.field, self.reason, self.status = field, reason, status


class MakeGadget(Command):
    name: Annotated[str, Field(min_length=1, max_length=50)]
    price: Decimal = Decimal(0)
    made: date | None = None
    tags: tuple[str, ...] = ()
    weight: int = 0


class Gadget(View):
    id: UUID
    name: str
    version: int


router = Router(prefix="/gadgets", tags=["gadgets"])


@router.post("", status_code=201)
async def make_gadget(
    wish: MakeGadget, caller: AMember, tx: Transaction, response: Response
) -> Gadget:
    if wish.name == "forbidden":
        raise Refused("name", "a name that is allowed", 409)
    row = await tx.fetchrow(
        "INSERT INTO gadgets (partner_id, name, weight) VALUES ($1, $2, $3) RETURNING *",
        caller.partner_id,
        wish.name,
        wish.weight,
    )
    if wish.name == "explode":
        raise RuntimeError("secret internals")
    assert row is not None
    etag(response, row["version"])
    return Gadget(id=row["id"], name=row["name"], version=row["version"])


@router.get("")
async def list_gadgets(
    paged: Annotated[Paging, Depends(paging("name", "weight", default="name"))], tx: Transaction
) -> Page[Gadget]:
    after = paged.after(str, UUID)
    rows = await tx.fetch(
        f"""
        SELECT * FROM gadgets WHERE $1::text IS NULL OR (name, id) > ($1, $2)
        ORDER BY name {"DESC" if paged.descending else ""}, id LIMIT $3
        """,
        *(after or (None, None)),
        paged.fetch,
    )
    return paged.page(
        rows,
        lambda row: (row["name"], row["id"]),
        lambda row: Gadget(id=row["id"], name=row["name"], version=row["version"]),
    )


@router.get("/{gadget}")
async def show_gadget(gadget: UUID, tx: Transaction, response: Response) -> Gadget:
    row = await tx.fetchrow("SELECT * FROM gadgets WHERE id = $1", gadget)
    if row is None:
        raise HTTPException(404)
    etag(response, row["version"])
    return Gadget(id=row["id"], name=row["name"], version=row["version"])


@router.put("/{gadget}/name")
async def rename_gadget(
    gadget: UUID, wish: MakeGadget, _: AnAdmin, seen: IfMatch, tx: Transaction
) -> Gadget:
    row = await tx.fetchrow("SELECT * FROM gadgets WHERE id = $1 FOR UPDATE", gadget)
    if row is None:
        raise HTTPException(404)
    if row["version"] != seen:
        raise Stale(row["version"])
    await tx.execute(
        "UPDATE gadgets SET name = $2, version = version + 1 WHERE id = $1", gadget, wish.name
    )
    return Gadget(id=gadget, name=wish.name, version=seen + 1)


@router.get("/by-number/{number}")
async def find_by_number(number: int, tx: Transaction) -> int:
    return int(await tx.fetchval("SELECT $1::bigint", number))


@router.get("/slow/{seconds}")
async def be_slow(seconds: float, tx: Transaction) -> int:
    await tx.execute("SELECT pg_sleep($1)", seconds)
    return 0


@router.get("/writes/in-a-read")
async def write_in_a_read(tx: Transaction, caller: TheCaller) -> int:
    await tx.execute("INSERT INTO gadgets (partner_id, name) VALUES ($1, 'x')", caller.partner_id)
    return 0


@router.get("/whoami/now")
async def whoami(tx: Transaction) -> dict[str, Any]:
    row = await tx.fetchrow(
        """
        SELECT current_user AS role, session_user AS login,
               current_setting('app.partner') AS partner
        """
    )
    return dict(row or {})

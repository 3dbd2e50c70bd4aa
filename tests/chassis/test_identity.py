"""Which tokens prove who calls, and which attacks do not."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from shared.chassis.clock import ManualClock
from shared.chassis.identity import KeysAway, Unauthenticated, Verifier
from tests import tokens

ANN, PARTNER = UUID(int=1), UUID(int=2)


def part(content: object) -> str:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


async def refused(token: str, verifier: Verifier | None = None) -> str:
    with pytest.raises(Unauthenticated) as reason:
        await (verifier or tokens.verifier()).verify(token)
    return str(reason.value)


async def test_a_good_token_says_who_calls_for_which_partner_as_what() -> None:
    caller = await tokens.verifier().verify(tokens.token(ANN, PARTNER, "member", name="Ann"))
    assert (caller.user_id, caller.partner_id) == (ANN, PARTNER)
    assert (caller.role, caller.name) == ("member", "Ann")


async def test_an_audience_may_be_one_of_several() -> None:
    several = tokens.token(ANN, PARTNER, aud=["other", tokens.AUDIENCE])
    assert (await tokens.verifier().verify(several)).user_id == ANN


async def test_a_token_need_not_say_from_when_it_holds() -> None:
    assert (await tokens.verifier().verify(tokens.token(ANN, PARTNER, nbf=None))).user_id == ANN


async def test_only_staff_may_choose_among_partners() -> None:
    choice = [str(PARTNER), str(ANN)]
    for role, may in (("staff", (PARTNER, ANN)), ("admin", ())):
        made = tokens.token(ANN, PARTNER, role, partner_ids=choice)  # type: ignore[arg-type]
        assert (await tokens.verifier().verify(made)).partner_ids == may


BAD_CLAIMS: list[tuple[dict[str, Any], str]] = [
    ({"iss": "https://evil.test"}, "`iss`"),
    ({"iss": [tokens.ISSUER]}, "`iss`"),
    ({"iss": None}, "`iss`"),
    ({"aud": "other"}, "`aud`"),
    ({"aud": ["other"]}, "`aud`"),
    ({"aud": {tokens.AUDIENCE: 1}}, "`aud`"),
    ({"aud": tokens.AUDIENCE + "x"}, "`aud`"),
    ({"aud": None}, "`aud`"),
    ({"exp": 1}, "expired"),
    ({"exp": None}, "`exp`"),
    ({"exp": "9999999999"}, "`exp`"),
    ({"exp": True}, "`exp`"),
    ({"exp": 1e300}, "`exp`"),
    ({"nbf": 9_999_999_999}, "not valid yet"),
    ({"nbf": "soon"}, "`nbf`"),
    ({"sub": None}, "`sub`"),
    ({"sub": "ann"}, "`sub`"),
    ({"sub": 7}, "`sub`"),
    ({"partner_id": None}, "`partner_id`"),
    ({"partner_id": [str(PARTNER)]}, "`partner_id`"),
    ({"role": None}, "`role`"),
    ({"role": "owner"}, "`role`"),
    ({"role": ["admin"]}, "`role`"),
    ({"role": "staff", "partner_ids": str(PARTNER)}, "`partner_ids`"),
    ({"role": "staff", "partner_ids": ["all"]}, "`partner_ids`"),
]


@pytest.mark.parametrize(("other", "reason"), BAD_CLAIMS, ids=[str(c[0]) for c in BAD_CLAIMS])
async def test_a_claim_that_is_not_right_is_refused(other: dict[str, Any], reason: str) -> None:
    told = await refused(tokens.token(ANN, PARTNER, **other))
    assert reason in told
    assert "eyJ" not in told


async def test_a_token_without_a_signature_is_none() -> None:
    claims = tokens.claims(ANN, PARTNER)
    for algorithm in ("none", "None", "NONE"):
        header = {"alg": algorithm, "kid": "tests"}
        assert "`alg`" in await refused(f"{part(header)}.{part(claims)}.")
    stripped = tokens.token(ANN, PARTNER).rpartition(".")[0]
    assert "signature" in await refused(stripped + ".")


async def test_the_public_key_is_no_secret_to_sign_with() -> None:
    claims = tokens.claims(ANN, PARTNER)
    public = tokens.signing_key().as_pem(private=False)
    for algorithm in ("HS256", "HS512"):
        header = {"alg": algorithm, "kid": "tests"}
        signed = f"{part(header)}.{part(claims)}"
        tag = hmac.new(public, signed.encode(), hashlib.sha256).digest()
        assert "`alg`" in await refused(f"{signed}.{part(tag)}")


async def test_a_stranger_cannot_bring_his_own_key() -> None:
    stranger = ECKey.generate_key("P-256", {"kid": "tests"})
    claims = tokens.claims(ANN, PARTNER)
    for more in ({}, {"jwk": stranger.as_dict(private=False)}, {"jku": "https://evil.test"}):
        header = {"alg": "ES256", "kid": "tests"} | more
        assert "signature" in await refused(jwt.encode(header, claims, stranger, ["ES256"]))


async def test_changed_claims_break_the_signature() -> None:
    head, _, tail = tokens.token(ANN, PARTNER, "member").split(".")
    assert "signature" in await refused(f"{head}.{part(tokens.claims(ANN, PARTNER))}.{tail}")


async def test_another_algorithm_than_the_keys_own_is_refused() -> None:
    _, claims, signature = tokens.token(ANN, PARTNER).split(".")
    forged = f"{part({'alg': 'RS256', 'kid': 'tests'})}.{claims}.{signature}"
    assert "signature" in await refused(forged)


async def test_a_huge_token_is_not_even_read() -> None:
    assert "longer than 8192" in await refused("a" * 8193)
    deep = base64.urlsafe_b64encode(b"[" * 6000).decode()
    assert "no token" in await refused(f"{deep}.a.b")


@pytest.mark.parametrize(
    "token",
    ["", "a", "a.b", "a.b.c", "..", "ä.ö.ü", f"{part([])}.a.b", f"{part({'alg': 'ES256'})}.a.b"],
)
async def test_what_is_no_token_is_refused(token: str) -> None:
    assert await refused(token)


@given(st.text(max_size=200), st.integers(0, 400))
async def test_a_damaged_token_never_breaks_the_verifier(noise: str, at: int) -> None:
    good = tokens.token(ANN, PARTNER)
    damaged = good[: at % len(good)] + noise + good[at % len(good) :]
    try:
        caller = await tokens.verifier().verify(damaged)
    except Unauthenticated:
        return
    assert caller.user_id == ANN  # only what does not change the token's bytes


class Issuer:
    """An issuer whose keys change, and that counts who asks."""

    def __init__(self) -> None:
        self.keys = [tokens.signing_key().as_dict(private=False)]
        self.asked = 0
        self.away = False

    async def fetch(self) -> Mapping[str, Any]:
        self.asked += 1
        if self.away:
            raise ValueError("no JSON")
        return {"keys": self.keys}


async def test_keys_are_asked_for_once_and_misses_are_kept_too() -> None:
    issuer, clock = Issuer(), ManualClock(datetime.now(UTC))  # noqa: TID251 - tokens live by it
    verifier = Verifier(tokens.ISSUER, tokens.AUDIENCE, issuer.fetch, clock=clock)
    good = tokens.token(ANN, PARTNER)
    await asyncio.gather(*(verifier.verify(good) for _ in range(20)))
    assert issuer.asked == 1

    new = ECKey.generate_key("P-256", {"kid": "new"})
    rotated = jwt.encode(
        {"alg": "ES256", "kid": "new"}, tokens.claims(ANN, PARTNER), new, ["ES256"]
    )
    for _ in range(20):
        assert "does not have" in await refused(rotated, verifier)
    assert issuer.asked == 1

    issuer.keys.append(new.as_dict(private=False))
    clock.advance(timedelta(seconds=31))
    assert (await verifier.verify(rotated)).user_id == ANN
    assert issuer.asked == 2


async def test_known_keys_outlive_an_issuer_that_is_away() -> None:
    issuer, clock = Issuer(), ManualClock(datetime.now(UTC))  # noqa: TID251
    verifier = Verifier(tokens.ISSUER, tokens.AUDIENCE, issuer.fetch, clock=clock)
    await verifier.verify(tokens.token(ANN, PARTNER))
    issuer.away = True
    clock.advance(timedelta(minutes=11))
    assert (await verifier.verify(tokens.token(ANN, PARTNER))).user_id == ANN
    assert issuer.asked == 2


async def test_without_any_keys_the_caller_is_not_blamed() -> None:
    issuer = Issuer()
    issuer.away = True
    verifier = Verifier(tokens.ISSUER, tokens.AUDIENCE, issuer.fetch)
    with pytest.raises(KeysAway):
        await verifier.verify(tokens.token(ANN, PARTNER))


async def test_only_public_keys_for_signatures_are_taken() -> None:
    issuer = Issuer()
    secret = OctKey.generate_key(256, {"kid": "oct"})
    strange = ECKey.generate_key("P-256", {"kid": "enc"})
    encrypting = strange.as_dict(private=False) | {"use": "enc"}
    issuer.keys += [secret.as_dict(), {"kty": "AKP", "kid": "new kind"}, encrypting]
    verifier = Verifier(tokens.ISSUER, tokens.AUDIENCE, issuer.fetch)
    claims = tokens.claims(ANN, PARTNER)
    assert (await verifier.verify(tokens.token(ANN, PARTNER))).user_id == ANN
    by_other_use = jwt.encode({"alg": "ES256", "kid": "enc"}, claims, strange, ["ES256"])
    assert "does not have" in await refused(by_other_use, verifier)


@asynccontextmanager
async def answering(status: int, body: bytes) -> AsyncIterator[str]:
    """A web server that gives one answer to everything."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/keys"


async def test_keys_are_fetched_from_the_issuers_address() -> None:
    key = RSAKey.generate_key(2048, {"kid": "rsa"})
    published = json.dumps({"keys": [key.as_dict(private=False)]}).encode()
    signed = jwt.encode({"alg": "RS256", "kid": "rsa"}, tokens.claims(ANN, PARTNER), key, ["RS256"])
    async with answering(200, published) as address:
        verifier = Verifier(tokens.ISSUER, tokens.AUDIENCE, address)
        assert (await verifier.verify(signed)).user_id == ANN


@pytest.mark.parametrize(
    ("status", "body"),
    [(500, b""), (200, b"<html>"), (200, b"[]"), (200, b'{"keys": [{"kty": "EC"}]}')],
)
async def test_what_is_no_key_set_is_as_good_as_none(status: int, body: bytes) -> None:
    async with answering(status, body) as address:
        verifier = Verifier(tokens.ISSUER, tokens.AUDIENCE, address)
        with pytest.raises(KeysAway):
            await verifier.verify(tokens.token(ANN, PARTNER))


async def test_an_issuer_with_one_key_need_not_name_it_and_one_with_two_must() -> None:
    first, second = (ECKey.generate_key("P-256", {"kid": kid}) for kid in ("a", "b"))
    unnamed = jwt.encode({"alg": "ES256"}, tokens.claims(ANN, PARTNER), first, ["ES256"])
    stranger = ECKey.generate_key("P-256")
    forged = jwt.encode({"alg": "ES256"}, tokens.claims(ANN, PARTNER), stranger, ["ES256"])

    def verifier(*keys: ECKey) -> Verifier:
        async def published() -> Mapping[str, Any]:
            return {"keys": [key.as_dict(private=False) for key in keys]}

        return Verifier(tokens.ISSUER, tokens.AUDIENCE, published)

    assert (await verifier(first).verify(unnamed)).user_id == ANN
    for known, token in (((first, second), unnamed), ((first,), forged)):
        with pytest.raises(Unauthenticated):
            await verifier(*known).verify(token)

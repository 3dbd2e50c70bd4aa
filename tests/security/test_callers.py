"""Who may call what: every operation, each role, and tokens that prove nothing."""

import base64
import hmac
import json
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from shared.chassis.identity import ROLES
from tests import tokens
from tests.security.operations import DESCRIBED, GUARDED, PROBES, SERVICES, Operation
from tests.security.world import World, request

# What only an admin may do: settle what holds for all, and end what a partner does for a client.
ADMINS_ONLY = (
    "/partner",
    "/users",
    "/settings",
    "/clients/{client_id}/services",
    "/clients/{client_id}/subscriptions",
    "/clients/{client_id}/relationship",
    "/messages",
    "/endpoints",
    "/deliveries",
)


def test_only_probes_answer_without_a_token() -> None:
    for service in SERVICES:
        open_to_all = {each.path for each in DESCRIBED[service] if each not in GUARDED}
        assert open_to_all == PROBES, service


@pytest.mark.parametrize("operation", GUARDED, ids=str)
def test_staff_only_read_and_settings_are_for_admins(operation: Operation) -> None:
    assert "admin" in operation.roles
    assert ("staff" in operation.roles) is not operation.changes
    admins = operation.changes and operation.path.startswith(ADMINS_ONLY)
    assert ("member" in operation.roles) is not admins


@pytest.mark.parametrize("operation", GUARDED, ids=str)
def test_each_role_may_do_what_the_operation_declares_and_no_more(
    world: World, operation: Operation
) -> None:
    for turn, role in enumerate(ROLES):
        asked = request(world, operation, world.asking, turn=10 + turn)
        before = world.checksums(operation.service, world.asking)

        answer = world.send(asked, world.asking, role)

        if role in operation.roles:
            assert answer.status_code not in {401, 403}, answer.text
        else:
            assert answer.status_code == 403, answer.text
            assert answer.headers["content-type"] == "application/problem+json"
            assert role in answer.json()["detail"]
            assert world.checksums(operation.service, world.asking) == before


def spoiled(world: World) -> dict[str, str | None]:
    """Tokens that prove nothing, by what is wrong with them."""
    user, partner = world.hidden.people["admin"], world.hidden.partner_id

    def made(**other: Any) -> str:
        return tokens.token(user, partner, **other)

    claims = tokens.claims(user, partner)
    stranger = ECKey.generate_key("P-256", {"kid": "tests", "use": "sig"})
    public = tokens.signing_key().as_pem(private=False)
    header, _, _ = made().split(".")
    body = made(role="admin").split(".")[1]
    return {
        "none": None,
        "no token at all": "abc",
        "another audience": made(aud="somebody-else"),
        "another issuer": made(iss="https://elsewhere.test"),
        "expired": made(exp=1_700_000_000),
        "not yet": made(nbf=4_000_000_000),
        "no partner": made(partner_id=None),
        "no role": made(role="root"),
        "a key of a stranger": jwt.encode(
            {"alg": "ES256", "kid": "tests"}, claims, stranger, ["ES256"]
        ),
        "the public key as a secret": by_hand({"alg": "HS256", "kid": "tests"}, body, public),
        "no signature": f"{header}.{body}.",
    }


def by_hand(header: dict[str, str], body: str, secret: bytes) -> str:
    """A token signed with a secret that no library would take for one."""
    first = base64.urlsafe_b64encode(json.dumps(header).encode()).decode().rstrip("=")
    signature = hmac.digest(secret, f"{first}.{body}".encode(), "sha256")
    return f"{first}.{body}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


@pytest.mark.parametrize("operation", GUARDED, ids=str)
def test_a_token_that_proves_nothing_opens_nothing(world: World, operation: Operation) -> None:
    asked = request(world, operation, world.hidden)
    before = world.checksums(operation.service, world.hidden)
    for wrong, token in spoiled(world).items():
        bearer = {"Authorization": f"Bearer {token}"} if token else {}

        answer = world.send(replace(asked, headers=asked.headers | bearer), None)

        assert answer.status_code == 401, f"{wrong}: {answer.text}"
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert answer.json()["detail"]
        assert not world.canaries.in_text(answer.text)
    assert world.checksums(operation.service, world.hidden) == before


@pytest.mark.parametrize(
    "operation", [each for each in DESCRIBED["clients"] if each.changes], ids=str
)
def test_a_deactivated_user_changes_nothing_however_long_the_token_is_good(
    world: World, operation: Operation
) -> None:
    found = world.get("clients", "/users", world.changing, status="deactivated")["items"]
    gone = replace(world.changing, people={"admin": UUID(found[0]["user_id"])})

    answer = world.send(request(world, operation, world.changing, turn=5), gone)

    assert answer.status_code == 403, answer.text
    assert "deactivated" in answer.json()["detail"]

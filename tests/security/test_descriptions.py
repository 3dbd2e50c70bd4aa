"""What each OpenAPI document promises, held against the running service by schemathesis.

Each run asks the same. `SCHEMATHESIS_EXAMPLES=200` asks more, `SCHEMATHESIS_SEED=…` other things.
"""

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import pytest

from tests.security.operations import DESCRIBED, SERVICES, Asked, NoValueError, Operation
from tests.security.world import FINDERS, Partner, World, version

if TYPE_CHECKING:  # it takes seconds to import, in each process that only looks for tests
    from schemathesis import Case, HookContext
    from schemathesis.config import SchemathesisConfig

EXAMPLES: Final = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "4"))
SEED: Final = int(os.environ.get("SCHEMATHESIS_SEED", "20260115"))
LONG_SECONDS = 3600
PRESENT: Final = '"1"'  # stands for the version that the thing has when the request is made

# What a schema cannot say of a value. A request that is refused for anything else was described
# as good and is not.
BY_RULE: Final = {
    "cursor": "the `next` of a page of this very list",
    "rule_set": "the name of a rule set that there is",
    "deadline_to": "not before deadline_from",
    "due_from": "a day that has others around it in every zone",
    "due_to": "as due_from",
    "on": "as due_from",
    "option_id": "an option of that very renewal",
    "notified_user_id": "an active user of the partner, where HubSpot is the owner",
    "point_of_contact_id": "an active user of the partner, where the partner is the owner",
    "default_point_of_contact_id": "an active user of the partner",
    "url": "https at a host that the operator allows, written in the one way that all read alike",
    "since": "there, where all is to be sent once more",
    "endpoint_id": "an endpoint that is active, where something is to be sent",
    "Idempotency-Key": "used for one request alone",
    "status": "renewed for a renewal, confirmed for an upgrade",
    "stages": "names of stages before the partner's horizon, one of them before the deadline",
    "time_zone": "a name in the IANA's database",
    "reason": "several lines, without other control characters",
    "email": "at most 64 characters before the @, and nothing that RFC 5321 has in quotes",
    "recipient_roles": "names of roles: small letters, digits and _",
    "mrr": "an amount with two places at most, where it is written as a number or a text",
    "term_start": "a day from 1990 to 2199",
    "term_end": "as term_start, and not before it",
    "sold_on": "as term_start, and not in the future",
    "period_end": "as term_start",
}


@dataclass
class Found:
    """What a run came to."""

    failures: dict[str, str] = field(default_factory=dict)
    answered: dict[str, set[int]] = field(default_factory=dict)


def configuration(world: World, service: str, by: Partner) -> "SchemathesisConfig":
    """Ids that there are, a token that is good, and a status that schemathesis does not know."""
    from schemathesis.config import SchemathesisConfig

    known = {"client_id": world.ids("client_id", by, {})[0]}
    ids = {name: world.ids(name, by, known) for name in FINDERS} | {"If-Match": [PRESENT]}
    return SchemathesisConfig.from_dict(
        {
            "seed": SEED,
            "base-url": world.addresses[service],
            "headers": by.bearer(),
            "continue-on-failure": True,
            "workers": 1,
            "cache": {"enabled": False},
            "dictionaries": {name: {"values": found} for name, found in ids.items()},
            "parameters": {name: {"dictionary": name, "probability": 0.8} for name in ids},
            "generation": {"max-examples": EXAMPLES, "no-shrink": True, "database": "none"},
            "checks": {"missing_required_header": {"expected-statuses": [422, 428]}},
        }
    )


@contextmanager
def present_versions(world: World, service: str, by: Partner) -> Iterator[None]:
    """Let most commands be about the thing as it is: no schema can say which version that is."""
    import schemathesis

    operations = {(each.method, each.path): each for each in DESCRIBED[service]}

    def before_call(_: "HookContext", case: "Case[Any]", kwargs: dict[str, Any]) -> None:
        operation = operations.get((case.method.lower(), case.path))
        if operation and case.headers.get("If-Match") == PRESENT:
            try:
                asked = Asked(operation, case.formatted_path)
                case.headers["If-Match"] = version(world, asked, by)
            except NoValueError:
                pass  # there is no such thing: the answer has to be 404

    schemathesis.hook(before_call)
    yield
    schemathesis.hooks.unregister(before_call)


@pytest.mark.timeout(LONG_SECONDS)
@pytest.mark.parametrize("service", SERVICES)
def test_a_service_answers_as_its_description_says(world: World, service: str) -> None:
    import schemathesis
    from schemathesis import engine

    # An admin whom the service has not heard of, so that no command can deactivate the caller.
    by = replace(world.fuzzed, people={"admin": UUID(int=SEED)})
    schema = schemathesis.openapi.from_dict(
        DESCRIBED[service][0].document, config=configuration(world, service, by)
    )
    found = Found()
    with present_versions(world, service, by):
        for event in engine.from_schema(schema).execute():
            look(world, event, found)

    assert not found.failures, "\n\n".join(found.failures.values())
    for operation in DESCRIBED[service]:
        label = f"{operation.method.upper()} {operation.path}"
        assert {status // 100 for status in found.answered[label]} >= wanted(operation), label


def wanted(operation: Operation) -> set[int]:
    """The kinds of answers without which an operation was not really tried."""
    return {2, 4} if operation.parameters("query") or operation.parameters("path") else {2}


def look(world: World, event: Any, found: Found) -> None:
    """Note what went wrong, each kind of it once."""
    from schemathesis.engine.events import FatalError, NonFatalError, ScenarioFinished

    if isinstance(event, NonFatalError):
        found.failures[repr(event.value)] = f"{event.label}: {event.value!r}"
    elif isinstance(event, FatalError):
        raise event.exception
    elif isinstance(event, ScenarioFinished):
        recorder = event.recorder
        for case_id, exchange in recorder.interactions.items():
            if exchange.response is None:
                continue
            label = recorder.cases[case_id].value.operation.label
            found.answered.setdefault(label, set()).add(exchange.response.status_code)
            text = exchange.response.content.decode("utf-8", "replace")
            sent = f"{exchange.request.uri} {exchange.request.body!r}"
            if leaked := world.canaries.in_text(text, but=sent):
                found.failures[label] = f"{label} told {leaked}"
            for check in recorder.checks.get(case_id, ()):
                if check.failure_info is None:
                    continue
                failure = check.failure_info.failure
                if not excused(check.name, failure.message, exchange.response):
                    found.failures[f"{label} {check.name} {failure.title}"] = (
                        f"{label}: {check.name}: {failure.message}\n"
                        f"{exchange.response.status_code} {text[:500]}\n"
                        f"{check.failure_info.code_sample[:1000]}"
                    )


def excused(check: str, message: str, answer: Any) -> bool:
    """Whether a check asks for what no schema can say, or what is lost on the way."""
    if check == "negative_data_rejection":  # false is a word like another, once it is in an address
        return bool(re.search(r"parameter `(kind|stage)` in query", message))
    if check != "positive_data_acceptance":
        return False
    if answer.status_code == 412:
        return True
    if answer.status_code != 422:
        return False
    errors = json.loads(answer.content)["errors"]
    return bool(errors) and all(each["field"] in BY_RULE or beyond_json(each) for each in errors)


def beyond_json(error: dict[str, Any]) -> bool:
    """Whether it is about 4.0, a whole number for JSON Schema alone, or about a NUL."""
    if error["reason"].endswith("a valid integer"):
        return bool(re.fullmatch(r"-?[0-9]+\.0|a very large number", str(error["value"])))
    return "no NUL character" in error["reason"]

"""A setting that is missing or wrong stops every service with a line that says what and why."""

import os
from functools import cache
from importlib import import_module
from typing import Any

import pytest

from deploy.local.settings import SERVICES
from shared.chassis.settings import ServiceSettings, load, variable

REQUIRED = {
    "database_url": "postgresql://nobody:hunter2@nowhere/nothing",
    "kafka_servers": "localhost:19092",
    "oidc_issuer": "https://id.example.com",
    "oidc_jwks_url": "https://id.example.com/keys",
    "session_key": "a secret that is long enough for it",
    "secrets_key": "a secret that is long enough for it",
}
WRONG = "\x01 wrong"
CHECKED = ("crm_link", "portal_link")  # by validators that a schema does not show


def settings_of(service: str) -> type[ServiceSettings]:
    found: type[ServiceSettings] = import_module(f"services.{service}.settings").Settings
    return found


@cache
def described(service: str) -> dict[str, Any]:
    found: dict[str, Any] = settings_of(service).model_json_schema(by_alias=False)["properties"]
    return found


def is_particular(service: str, field: str) -> bool:
    """Whether not every text will do."""
    schema = described(service)[field]
    [kind] = [each for each in schema.get("anyOf", [schema]) if each.get("type") != "null"]
    if kind.get("type") != "string":
        return True
    return bool({"pattern", "enum"} & set(kind)) or kind.get("minLength", 0) > len(WRONG)


CASES = [
    pytest.param(service, field, id=f"{service}-{field}")
    for service in SERVICES
    for field in settings_of(service).model_fields
    if is_particular(service, field) or field in CHECKED
]


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    known = {variable(settings_of(s), f) for s in SERVICES for f in settings_of(s).model_fields}
    for name in (known | {"SETTINGS_SECRETS_DIR"}) & set(os.environ):
        monkeypatch.delenv(name)
    return monkeypatch


def told(service: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    with pytest.raises(SystemExit) as ended:
        load(settings_of(service))
    assert ended.value.code == 2
    return capsys.readouterr().err.splitlines()


def give(environment: pytest.MonkeyPatch, service: str) -> dict[str, str]:
    """Set what the service cannot do without; gives it by field."""
    settings = settings_of(service)
    needed = {name for name, field in settings.model_fields.items() if field.is_required()}
    assert needed <= set(REQUIRED), needed
    for name in needed:
        environment.setenv(variable(settings, name), REQUIRED[name])
    return {name: REQUIRED[name] for name in needed}


@pytest.mark.parametrize("service", SERVICES)
def test_what_is_missing_is_said_with_what_it_is_for(
    service: str, environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = settings_of(service)
    needed = give(environment, service)
    load(settings)
    for name in needed:
        environment.delenv(variable(settings, name))
        [line] = told(service, capsys)
        meaning = str(settings.model_fields[name].description).rstrip(".")
        assert line.startswith(f"{variable(settings, name)} is not set: {meaning}")
        environment.setenv(variable(settings, name), needed[name])


@pytest.mark.parametrize(("service", "field"), CASES)
def test_what_is_wrong_is_said_with_what_would_be_right(
    service: str, field: str, environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = settings_of(service)
    give(environment, service)
    name = variable(settings, field)
    environment.setenv(name, WRONG)

    [line] = told(service, capsys)

    assert line.startswith(f"{name} "), line
    assert str(settings.model_fields[field].description).rstrip(".")[:40] in line
    if settings.model_fields[field].repr is False:
        assert "cannot be used" in line
        assert "wrong" not in line
    else:
        assert repr(WRONG) in line


def test_every_setting_says_what_it_is_for() -> None:
    for service in SERVICES:
        for name, field in settings_of(service).model_fields.items():
            assert field.description, f"{service}: {name}"
            assert len(field.description) > 10, f"{service}: {name}"

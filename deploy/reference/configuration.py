"""Every environment variable, from the classes that read them."""

import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

from deploy.local.settings import SERVICES, LocalSettings
from shared.chassis.settings import ServiceSettings, variable

HEAD = """# Configuration

Every environment variable, written from the settings classes by `make reference`; the tests
compare it with them. An empty variable counts as one that is not set. A variable that is missing
or wrong ends the process with exit code 2 and a line for each that says what it holds and what
would be right; what a secret holds is never said.

A secret, or any other variable, may instead be a file of the same name (in small letters) in the
folder that `SETTINGS_SECRETS_DIR` names, such as `/run/secrets/clients_database_url`. The
environment comes first. Images set `BUILD_VERSION` and `BUILD_REVISION`. Of spans,
`OTEL_RESOURCE_ATTRIBUTES` is read by OpenTelemetry's SDK itself.

In the first two tables `<SERVICE>` is the name of each service in capitals, such as `CLIENTS`.
"""
TABLE = """
| variable | meaning | default | unit | allowed | secret |
|---|---|---|---|---|---|
"""
_UNIT = re.compile(r"\b(seconds|hours|days)\b", re.IGNORECASE)


def page() -> str:
    """The whole page."""
    own = {name: _settings(name) for name in SERVICES}
    shared = list(ServiceSettings.model_fields)
    everywhere = [name for name in shared if ServiceSettings.model_fields[name].validation_alias]
    each = [name for name in shared if name not in everywhere]
    parts = [
        HEAD,
        "\n## The same for all services\n",
        TABLE,
        *_rows(ServiceSettings, everywhere),
        "\n## For each service, with its prefix\n",
        TABLE,
        *_rows(ServiceSettings, each, "<SERVICE>_"),
    ]
    for service, settings in own.items():
        names = [name for name in settings.model_fields if name not in shared]
        parts += [f"\n## {service.capitalize()}\n"]
        parts += [TABLE, *_rows(settings, names)] if names else ["\nNothing of its own.\n"]
    parts += [
        "\n## The local system (`make demo`)\n",
        TABLE,
        *_rows(LocalSettings, list(LocalSettings.model_fields)),
    ]
    return "".join(parts)


def _settings(service: str) -> type[ServiceSettings]:
    found: type[ServiceSettings] = import_module(f"services.{service}.settings").Settings
    return found


def _rows(settings: type[BaseSettings], names: list[str], prefix: str = "") -> Iterator[str]:
    described = settings.model_json_schema(by_alias=False)["properties"]
    for name in names:
        field = settings.model_fields[name]
        meaning = (field.description or "").rstrip(".") + "."
        if field.examples and "<" not in str(field.examples[0]):
            meaning += f" Such as `{field.examples[0]}`."
        elif field.examples:
            meaning += f" Made by `{str(field.examples[0]).strip('<>')}`."
        unit = _UNIT.search(meaning)
        cells = (
            f"`{prefix}{_variable(settings, name)}`",
            meaning,
            _default(field.default),
            unit[1].lower() if unit and "number" in str(described[name]) else "",
            _allowed(described[name]),
            "yes" if field.repr is False else "",
        )
        yield "| " + " | ".join(each.replace("|", "\\|") for each in cells) + " |\n"


def _variable(settings: type[BaseSettings], name: str) -> str:
    return variable(settings, name)  # type: ignore[arg-type]  # asks for nothing of a service


def _default(value: Any) -> str:
    if value is PydanticUndefined:
        return "**required**"
    if value is None or value == "":
        return "not set"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value:g}`" if isinstance(value, float) else f"`{_short(value)}`"


def _short(value: Any) -> str:
    text = str(value)
    root = str(LocalSettings.model_fields["folder"].default.parents[1])
    return text.removeprefix(f"{root}/")


def _allowed(schema: dict[str, Any]) -> str:
    """What a value has to be, from its JSON Schema."""
    kinds = [each for each in schema.get("anyOf", [schema]) if each.get("type") != "null"]
    [kind] = kinds
    if "enum" in kind:
        return ", ".join(f"`{each}`" for each in kind["enum"])
    if "const" in kind:
        return f"`{kind['const']}`"
    if kind.get("format") == "path":
        return "a path"
    if kind["type"] == "boolean":
        return "`true`, `false`"
    if kind["type"] in ("integer", "number"):
        return _range(kind)
    parts = []
    if "pattern" in kind:
        parts.append(f"`{kind['pattern']}`")
    if kind.get("minLength", 0) > 1:
        parts.append(f"at least {kind['minLength']} characters")
    if "maxLength" in kind:
        parts.append(f"at most {kind['maxLength']} characters")
    return ", ".join(parts)


def _range(kind: dict[str, Any]) -> str:
    what = "whole, " if kind["type"] == "integer" else ""
    low, above, high = (kind.get(key) for key in ("minimum", "exclusiveMinimum", "maximum"))
    least = f"{low:g}" if low is not None else f"more than {above:g}" if above is not None else ""
    if high is None:
        return f"{what}{least} or more" if low is not None else f"{what}{least}".rstrip(", ")
    return f"{what}{least} to {high:g}"

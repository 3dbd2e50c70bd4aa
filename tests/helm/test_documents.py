"""What the documents tell people to type is right for the chart as it is."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from deploy.helm import facts
from deploy.local.settings import SERVICES
from tests.helm import charting
from tests.helm.charting import CHART, ROOT, Object
from tests.helm.test_settings import files

pytestmark = pytest.mark.charts

GUIDE = ROOT / "docs" / "operations" / "kubernetes.md"
PAGES = (GUIDE, CHART / "README.md", CHART / "UPGRADING.md")


def blocks(page: Path, language: str) -> list[str]:
    """The blocks of a page that are in a language; of none for commands."""
    found = re.findall(
        r"^```(\w*)\n(.*?)^```$", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL
    )
    return [text for named, text in found if named == language]


@pytest.fixture(scope="module")
def documented(tmp_path_factory: pytest.TempPathFactory) -> tuple[Object, ...]:
    """What the values of the guide make, as the release `partner-tools`."""
    folder = tmp_path_factory.mktemp("values")
    [values] = blocks(GUIDE, "yaml")
    path = folder / "my-values.yaml"
    path.write_text(values)
    code, text = charting.run(
        "template partner-tools",
        *(str(CHART), "--namespace", "partner-tools", "-f", str(path)),
        *("--kube-version", charting.KUBERNETES[-1]),
    )
    assert code == 0, text
    return charting.read(text)


def made() -> set[tuple[str, str]]:
    """Each Secret that the guide makes, and each of its keys."""
    commands = "\n".join(blocks(GUIDE, ""))
    found = set()
    for name, rest in re.findall(r"create secret generic (\S+) (.*)", commands):
        for key in re.findall(r"--from-literal=([^=]+)=", rest):
            for service in SERVICES if "$service" in name else ("",):
                found.add(
                    (
                        name.replace("$service", service),
                        key.replace("${service^^}", service.upper()),
                    )
                )
        found |= {(name, key) for key in re.findall(r"--from-file=(\S+)", rest)}
    return found


def test_the_documented_values_render(documented: tuple[Object, ...]) -> None:
    objects = documented
    assert len(objects) > 40
    for each in objects:
        assert charting.complaints(charting.KUBERNETES[-1], each) == []
    replicas = {
        each["metadata"]["name"]: each["spec"]["replicas"]
        for each in charting.of_kind(objects, "Deployment")
    }
    assert {name for name, count in replicas.items() if count == 0} == {
        "partner-tools-notifications-sender"  # until the portfolio is looked at
    }


def test_the_secrets_that_are_made_are_those_that_the_chart_mounts(
    documented: tuple[Object, ...],
) -> None:
    mounted = {
        place
        for _, metadata, spec in charting.pods(documented)
        if metadata["labels"]["partner-tools/role"] != "test"
        for place in files(spec).values()
    }
    assert made() == mounted


def test_every_secret_that_there_can_be_is_documented() -> None:
    text = (CHART / "README.md").read_text("utf-8")
    for service in SERVICES:
        for each in facts.variables(service):
            if each.secret:
                general = each.name.replace(f"{service.upper()}_", "<SERVICE>_")
                assert f"`{each.name}`" in text or f"`{general}`" in text, each.name


def test_every_name_in_a_command_is_that_of_an_object(documented: tuple[Object, ...]) -> None:
    objects = documented
    names = {(each["kind"].lower(), each["metadata"]["name"]) for each in objects}
    told = re.findall(r"\b(deployment|service|job)/([a-z][a-z-]+)", GUIDE.read_text("utf-8"))
    assert told
    assert set(told) <= names
    roles = {each["metadata"]["labels"].get("partner-tools/role") for each in objects}
    assert {"main", "sender", "migrate"} <= roles


@pytest.mark.parametrize("page", PAGES, ids=lambda each: each.name)
def test_every_helm_command_and_option_exists(page: Path) -> None:
    commands = re.findall(r"^\s*helm (\w+)(.*)$", "\n".join(blocks(page, "")), re.MULTILINE)
    commands += re.findall(r"`helm (\w+)([^`]*)`", page.read_text("utf-8"))
    assert commands
    for command, rest in commands:
        if command == "diff":  # a plugin, and said to be one
            continue
        code, usage = charting.run(command, "--help")
        assert code == 0, command
        assert f"helm {command}" in usage
        for option in re.findall(r"--[a-z-]+", rest):
            assert f"{option} " in usage or f"{option}=" in usage, f"helm {command} {option}"
        for option in re.findall(r" (-[a-z]) ", rest):
            assert f"{option}, --" in usage, f"helm {command} {option}"


def names(schema: Any) -> set[str]:
    """Every name that the values may have, at any place."""
    if isinstance(schema, list):
        return {name for each in schema for name in names(each)}
    if not isinstance(schema, dict):
        return set()
    own = schema.get("properties")
    return (set(own) if isinstance(own, dict) else set()) | names(list(schema.values()))


def test_every_value_that_is_named_in_the_documents_is_one() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text("utf-8"))
    found = 0
    for page in (*PAGES, ROOT / "docs" / "operations" / "sizing.md"):
        for named in re.findall(r"`([a-z][A-Za-z]+(?:\.[A-Za-z_<>*]+)+)[`:]", page.read_text()):
            first, *rest = named.split(".")
            if first in schema["properties"]:
                unknown = {part for part in rest if part[0] not in "<*"} - names(schema)
                assert not unknown, f"{page.name}: {named}"
                found += 1
    assert found > 15

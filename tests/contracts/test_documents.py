"""The documents that are made of the contracts are sound, complete, and say what is published."""

import json
import re
from collections.abc import Callable
from copy import deepcopy
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it has none
import pytest

from shared.contracts import documents, examples, registry, schemas, topics
from shared.contracts.documents import REFERENCE, catalogue
from tests.contracts.conftest import Node

PLANNED = schemas.plan(list(examples.events()))
ENTRIES = catalogue.entries(PLANNED)
CHECK = jsonschema.Draft202012Validator.FORMAT_CHECKER
JUDGE = """
const { Parser } = require("@asyncapi/parser");
const { readFileSync } = require("fs");
Promise.all(process.argv.slice(1).map(async (path) => {
  const { document, diagnostics } = await new Parser().parse(readFileSync(path, "utf8"));
  return {
    version: document?.version(),
    channels: document?.channels().all().map((each) => each.address()),
    messages: document?.messages().all().map((each) => each.name()),
    found: diagnostics.map((each) => `${each.severity} ${each.path.join("/")}: ${each.message}`),
  };
})).then((judged) => console.log(JSON.stringify(judged)));
"""


def asyncapi() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((REFERENCE / "asyncapi.json").read_text("utf-8"))
    return found


def test_made_twice_the_documents_are_the_same_to_the_letter() -> None:
    again = documents.files(schemas.plan(list(examples.events())))

    assert again == documents.files(PLANNED)
    for path, text in again.items():
        assert path.read_text("utf-8") == text, f"{path.name}: run 'make contracts'"


@pytest.mark.parametrize("type_", PLANNED.schemas)
def test_every_field_has_a_meaning_and_a_value_that_shows_it(type_: str) -> None:
    schema = PLANNED.schemas[type_]
    for part in (schema, *schema["$defs"].values()):
        assert part["description"]
        for name, about in part["properties"].items():
            assert len(about["description"]) > 5, (type_, name)
            assert "$ref" in json.dumps(about) or about["examples"], (type_, name)


@pytest.mark.parametrize("type_", PLANNED.schemas)
def test_the_value_that_shows_a_field_is_one_that_it_may_hold(type_: str) -> None:
    schema = PLANNED.schemas[type_]
    for part in (schema, *schema["$defs"].values()):
        for about in part["properties"].values():
            for value in about.get("examples", ()):
                schema_of_field = about | {"$defs": schema["$defs"]}
                jsonschema.Draft202012Validator(schema_of_field, format_checker=CHECK).validate(
                    value
                )


def test_money_has_its_currency_beside_it() -> None:
    for schema in PLANNED.schemas.values():
        named = {name for part in _parts(schema) for name in part["properties"]}
        assert "currency" in named or not any("mrr" in name for name in named), schema["title"]


def test_asyncapi_agrees_with_the_3_0_meta_schema(node_modules: Path) -> None:
    path = node_modules / "@asyncapi/specs/schemas/3.0.0-without-$id.json"
    meta = json.loads(path.read_text("utf-8"))

    found = list(jsonschema.Draft7Validator(meta).iter_errors(asyncapi()))
    spoiled = asyncapi()
    spoiled["channels"]["clients.events.v1"]["bindings"]["kafka"]["partitions"] = "twelve"

    assert [f"{each.json_path}: {each.message[:200]}" for each in found] == []
    assert list(jsonschema.Draft7Validator(meta).iter_errors(spoiled))


SPOILT: list[tuple[str, Callable[[dict[str, Any]], object]]] = [
    ("address", lambda it: it["channels"]["tiers.state.v1"].update(address=7)),
    ("action", lambda it: it["operations"]["publish-tiers.state.v1"].update(action="say")),
    ("Headers", lambda it: it["components"]["schemas"].pop("Headers")),
]


def test_asyncapi_passes_its_own_parser_which_refuses_what_is_wrong(
    node: Node, tmp_path: Path
) -> None:
    paths = [REFERENCE / "asyncapi.json"]
    for told, spoil in SPOILT:
        spoiled = asyncapi()
        spoil(spoiled)
        paths.append(tmp_path / f"{told}.json")
        paths[-1].write_text(json.dumps(spoiled), "utf-8")

    run = node(JUDGE, *map(str, paths))

    assert run.returncode == 0, run.stderr
    judged, *refused = json.loads(run.stdout)
    assert [each for each in judged["found"] if each.startswith(("0 ", "1 "))] == []
    assert judged["version"] == "3.0.0"
    assert set(judged["channels"]) == {topic.name for topic in catalogue.told_topics()}
    assert set(judged["messages"]) == set(PLANNED.records)
    for (told, _), each in zip(SPOILT, refused, strict=True):
        assert any(line.startswith("0 ") and told in line for line in each["found"]), each


def test_asyncapi_says_of_each_topic_how_it_is_cut_keyed_and_kept() -> None:
    document = asyncapi()
    for topic in catalogue.told_topics():
        channel = document["channels"][topic.name]
        kafka = channel["bindings"]["kafka"]
        assert kafka["partitions"] == topic.partitions
        assert kafka["topicConfiguration"]["cleanup.policy"] == [topic.config["cleanup.policy"]]
        assert len(channel["messages"]) == len(registry.of_topic(topic.name)) + (
            topic.kind == "state"
        )
    assert not any("dead-letters" in name for name in document["channels"])
    for message in document["components"]["messages"].values():
        assert message["bindings"]["kafka"]["key"]["format"] == "uuid"
    assert document["servers"]["production"]["security"]


@pytest.mark.parametrize("type_", PLANNED.records)
def test_asyncapis_headers_and_values_fit_the_golden_record(type_: str) -> None:
    document, record = asyncapi(), PLANNED.records[type_]
    message = document["components"]["messages"][type_]
    for what, value in (("headers", record["headers"]), ("payload", record["value"])):
        schema = message[what] | {"components": document["components"]}
        jsonschema.Draft7Validator(schema, format_checker=CHECK).validate(value)
    other = deepcopy(record["headers"]) | {"ce_type": "clients.SomethingElse.v1"}
    schema = message["headers"] | {"components": document["components"]}
    assert not jsonschema.Draft7Validator(schema).is_valid(other)


def test_a_header_that_a_record_carries_is_explained_and_the_other_way_round() -> None:
    carried = {name for each in PLANNED.records.values() for name in each["headers"]}

    assert {name for name, _, _ in catalogue.HEADERS} == carried


def test_the_pages_name_every_topic_event_and_field() -> None:
    for name in ("events.md", "events.html"):
        page = (REFERENCE / name).read_text("utf-8")
        for entry in ENTRIES:
            assert entry.type in page
            for field in entry.fields:
                assert field.path in page
        for topic in topics.REGISTRY:
            assert (topic.name in page) is (topic.kind != "dead-letters")


class _Page(HTMLParser):
    """What a page is made of, and whether it nests as it should."""

    VOID = ("meta", "link")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loads: list[str] = []
        self.trouble: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name == "href" and tag == "a":
                self.links.append(value or "")
            if name in {"src", "srcset"} or (name == "href" and tag == "link"):
                self.loads.append(value or "")
            if name == "style" or name.startswith("on"):
                self.trouble.append(f"{tag} {name}")
        if tag in {"script", "style", "iframe", "object"}:
            self.trouble.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.trouble.append(f"/{tag}")


def test_the_page_needs_no_network_and_no_script_and_no_inline_style() -> None:
    page = _Page()
    page.feed((REFERENCE / "events.html").read_text("utf-8"))

    assert page.trouble == []
    assert page.open == []
    assert page.loads == ["events.css"]
    assert "url(" not in (REFERENCE / "events.css").read_text("utf-8")


def test_every_link_of_the_page_leads_to_a_place_on_it() -> None:
    page = _Page()
    page.feed((REFERENCE / "events.html").read_text("utf-8"))

    assert len(page.ids) == len(set(page.ids))
    assert {link.removeprefix("#") for link in page.links} <= set(page.ids)
    assert len(page.links) > len(ENTRIES)


CHECKED = """
import type { Erasure, EventRecord, Events, renewals } from "./events";

{values}
export function deadlines(record: EventRecord): string | null {
  // The type tells the value: no cast, and no field that is not there.
  switch (record.headers.ce_type) {
    case "renewals.RenewalDeadlineApproaching.v1":
      return (record.value as Events["renewals.RenewalDeadlineApproaching.v1"]).deadline;
    default:
      return null;
  }
}
export function end(record: Erasure): null { return record.value; }
export const owner: renewals.EffectiveOwner["owner"] = "partner";
// @ts-expect-error an owner is one of two
export const nobody: renewals.EffectiveOwner["owner"] = "nobody";
// @ts-expect-error money is a text
export const money: renewals.RenewalScheduled["current_mrr"] = 1125;
// @ts-expect-error what is always there cannot be left out
export const empty: renewals.RenewalSettled = { version: 1 };
"""


def test_the_typescript_types_take_every_golden_record_and_refuse_what_is_wrong(
    node: Node, node_modules: Path, tmp_path: Path
) -> None:
    (tmp_path / "events.d.ts").write_text((REFERENCE / "events.d.ts").read_text("utf-8"), "utf-8")
    values = "\n".join(
        f"export const record{n}: "
        f"{'Erasure' if each['value'] is None else f'EventRecord<{json.dumps(type_)}>'} = "
        f"{json.dumps(each)};"
        for n, (type_, each) in enumerate(PLANNED.records.items())
    )
    (tmp_path / "checked.ts").write_text(CHECKED.replace("{values}", values), "utf-8")
    compiler = str(node_modules / "typescript" / "lib" / "tsc.js")

    run = node(
        f"process.argv.splice(1, 0, 'tsc'); require({json.dumps(compiler)});",
        *("--noEmit", "--strict", "--lib", "es5", "--typeRoots", str(tmp_path)),
        "--exactOptionalPropertyTypes",
        str(tmp_path / "checked.ts"),
    )

    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-1000:]


def _parts(schema: dict[str, Any]) -> list[dict[str, Any]]:
    return [schema, *schema["$defs"].values()]


def test_no_document_names_a_place_of_this_machine() -> None:
    for path in REFERENCE.iterdir():
        assert not re.search(r"/(work|home|root|tmp)/", path.read_text("utf-8")), path.name

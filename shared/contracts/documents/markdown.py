"""The reference as Markdown."""

import json
from collections.abc import Iterator, Sequence

from shared.contracts.documents import catalogue
from shared.contracts.documents.catalogue import Entry


def render(entries: Sequence[Entry]) -> str:
    """Every topic, header, event and field on one page."""
    return "\n".join(_lines(entries)) + "\n"


def _lines(entries: Sequence[Entry]) -> Iterator[str]:
    yield from (
        "# The events",
        "",
        "Made by `make contracts` from `shared/contracts`; whatever is changed here is lost.",
        "What is promised, and how to start: [docs/consumers.md](../../../docs/consumers.md).",
        "",
        "## Topics",
        "",
        "| topic | what | key | partitions | kept |",
        "|---|---|---|---|---|",
    )
    for topic in catalogue.told_topics():
        key, kept = catalogue.keys(topic), catalogue.kept(topic)
        yield f"| `{topic.name}` | {topic.description} | {key} | {topic.partitions} | {kept} |"
    yield from ("", "## Headers", "", "| header | when | what |", "|---|---|---|")
    for name, when, what in catalogue.HEADERS:
        yield f"| `{name}` | {when} | {what} |"
    for topic in catalogue.told_topics():
        yield from ("", f"## {topic.name}", "", topic.description)
        for entry in entries:
            if entry.topic == topic.name:
                yield from _event(entry)


def _event(entry: Entry) -> Iterator[str]:
    yield from ("", f"### {entry.type}", "", entry.description, "")
    yield f"Key `{entry.key}`, subject `{entry.subject}`, revision {entry.revision}."
    if entry.fields:
        yield from (
            "",
            "| field | value | always there | meaning | example |",
            "|---|---|---|---|---|",
        )
    for field in entry.fields:
        always = "yes" if field.required else ""
        example = f"`{_cell(field.example)}`" if field.example else ""
        yield (
            f"| `{field.path}` | {_cell(field.kind)} | {always} "
            f"| {_cell(field.description)} | {example} |"
        )
    yield from ("", "<details><summary>A record, whole</summary>", "", "```json")
    yield json.dumps(entry.record, indent=2, ensure_ascii=False)
    yield from ("```", "", "</details>")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")

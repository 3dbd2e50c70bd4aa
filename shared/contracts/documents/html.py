"""The reference as one page of plain HTML: no script, no network, one style sheet beside it."""

import json
import re
from collections.abc import Iterator, Sequence
from html import escape

from shared.contracts.documents import catalogue
from shared.contracts.documents.catalogue import Entry


def render(entries: Sequence[Entry]) -> str:
    """The page; it opens from disk, and under a policy that allows no inline style or script."""
    return "\n".join(_lines(entries)) + "\n"


def _lines(entries: Sequence[Entry]) -> Iterator[str]:
    yield from (
        "<!doctype html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        "<title>Partner Tools: the events</title>",
        '<link rel="stylesheet" href="events.css">',
        "</head>",
        "<body>",
        '<a class="skip" href="#main">To the content</a>',
        "<header><h1>Partner Tools: the events</h1>",
        "<p>Delivered at least once, in order per key within a topic.",
        "Dedupe on <code>ce_source</code> and <code>ce_id</code>.",
        "Skip fields and types that you do not know.</p></header>",
    )
    yield from _contents(entries)
    yield '<main id="main">'
    yield from _topics()
    yield from _headers()
    for topic in catalogue.told_topics():
        yield f'<section id="{_anchor(topic.name)}"><h2>{topic.name}</h2>'
        yield f"<p>{_prose(topic.description)}</p>"
        for entry in entries:
            if entry.topic == topic.name:
                yield from _event(entry)
        yield "</section>"
    yield from ("</main>", "</body>", "</html>")


def _contents(entries: Sequence[Entry]) -> Iterator[str]:
    yield '<nav aria-label="Contents"><ul>'
    yield '<li><a href="#topics">Topics</a></li>'
    yield '<li><a href="#headers">Headers</a></li>'
    for topic in catalogue.told_topics():
        inner = "".join(
            f'<li><a href="#{each.anchor}">{each.type.partition(".")[2]}</a></li>'
            for each in entries
            if each.topic == topic.name
        )
        yield f'<li><a href="#{_anchor(topic.name)}">{topic.name}</a><ul>{inner}</ul></li>'
    yield "</ul></nav>"


def _topics() -> Iterator[str]:
    yield '<section id="topics"><h2>Topics</h2>'
    yield from _table(
        "Topics that you may read",
        ("topic", "what", "key", "partitions", "kept"),
        (
            (
                f'<a href="#{_anchor(topic.name)}"><code>{topic.name}</code></a>',
                _prose(topic.description),
                f"<code>{catalogue.keys(topic)}</code>",
                str(topic.partitions),
                catalogue.kept(topic),
            )
            for topic in catalogue.told_topics()
        ),
    )
    yield "</section>"


def _headers() -> Iterator[str]:
    yield '<section id="headers"><h2>Headers</h2>'
    yield from _table(
        "CloudEvents 1.0 in binary mode",
        ("header", "when", "what"),
        ((f"<code>{name}</code>", when, _prose(what)) for name, when, what in catalogue.HEADERS),
    )
    yield "</section>"


def _event(entry: Entry) -> Iterator[str]:
    yield f'<article id="{entry.anchor}"><h3>{entry.type}</h3>'
    yield f"<p>{_prose(entry.description)}</p>"
    yield (
        f"<p>Key <code>{entry.key}</code>, subject <code>{entry.subject}</code>, "
        f"revision {entry.revision}.</p>"
    )
    if entry.fields:
        yield from _table(
            f"Fields of {entry.type}",
            ("field", "value", "always there", "meaning", "example"),
            (
                (
                    f"<code>{field.path}</code>",
                    escape(field.kind),
                    "yes" if field.required else "",
                    _prose(field.description),
                    f"<code>{escape(field.example)}</code>" if field.example else "",
                )
                for field in entry.fields
            ),
        )
    whole = escape(json.dumps(entry.record, indent=1, ensure_ascii=False), quote=False)
    # Its line breaks as entities: one line of this file for each part of the page.
    code = whole.replace("\n", "&#10;")
    yield f"<details><summary>A record, whole</summary><pre><code>{code}</code></pre></details>"
    yield "</article>"


def _table(caption: str, names: Sequence[str], rows: "Iterator[tuple[str, ...]]") -> Iterator[str]:
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    body = "".join(
        f'<tr><th scope="row">{first}</th>{"".join(f"<td>{each}</td>" for each in rest)}</tr>'
        for first, *rest in rows
    )
    yield f'<div class="wide" role="region" tabindex="0" aria-label="{escape(caption)}">'
    yield f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead>"
    yield f"<tbody>{body}</tbody></table></div>"


def _anchor(name: str) -> str:
    return name.replace(".", "-")


def _prose(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text, quote=False))

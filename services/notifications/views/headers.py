"""Header lines that cannot be broken: encoded, folded, and refused where they are not safe."""

import re
from base64 import b64encode
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache

from services.notifications.domain import usable

WIDTH = 76
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_CHUNK = 42  # bytes of UTF-8 in an encoded word, so that the word stays below 75 characters


class UnsafeError(ValueError):
    """A value that could end a header and begin another."""


def refuse_unsafe(value: str) -> str:
    """The value, unless it has a control character (CR, LF and NUL among them)."""
    found = _UNSAFE.search(value)
    if found:
        raise UnsafeError(f"a header has no {found[0]!r} (at character {found.start()})")
    return value


def text(name: str, value: str) -> str:
    """A header with free text, as RFC 2047 and RFC 5322 have it."""
    refuse_unsafe(value)
    if value.isascii() and "=?" not in value:
        return _folded(f"{name}: {value}")
    return f"{name}: " + encoded(value)


def address(name: str, person: str, mailbox: str) -> str:
    """A header with one mailbox. Raises UnsafeError for an address outside the allow-list."""
    if not usable(mailbox):
        raise UnsafeError(f"{name} needs a plain address")
    refuse_unsafe(person)
    if not person:
        return f"{name}: {mailbox}"
    if person.isascii() and "=?" not in person:
        quoted = person.replace("\\", "\\\\").replace('"', '\\"')
        return f'{name}: "{quoted}"\r\n <{mailbox}>'
    return f"{name}: {encoded(person)}\r\n <{mailbox}>"


@lru_cache(maxsize=64)  # the mails of a batch are written at one instant
def date(at: datetime) -> str:
    """The Date header."""
    return f"Date: {format_datetime(at)}"


def encoded(value: str) -> str:
    """Encoded words (RFC 2047), cut between characters and folded."""
    words, held = [], b""
    for character in value:
        piece = character.encode("utf-8", "replace")
        if len(held) + len(piece) > _CHUNK:
            words.append(held)
            held = b""
        held += piece
    words.append(held)
    return "\r\n ".join(f"=?utf-8?b?{b64encode(word).decode()}?=" for word in words)


def _folded(line: str) -> str:
    if len(line) <= WIDTH:
        return line
    lines, held = [], ""
    for word in line.split(" "):
        if held.strip() and len(held) + 1 + len(word) > WIDTH:
            lines.append(held)
            held = ""
            word = " " + word  # noqa: PLW2901 - a continuation line begins with a space
            held = word
        else:
            held = f"{held} {word}" if held else word
    lines.append(held)
    return "\r\n".join(lines)

"""Mail on disk: one file with every message, and an index that says where each lies."""

import errno
import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from pathlib import Path

from pydantic_core import to_json

_FOLDED = re.compile(rb"\r?\n[ \t]+")
_KEPT = (b"subject", b"to", b"cc", b"message-id", b"list-id")


@dataclass(frozen=True, slots=True)
class Mail:
    """What is known of a message without opening it.

    ``received_at`` is an ISO instant in UTC; ``rcpt_to`` is the envelope's, so it has those of
    a blind copy too; ``start`` and ``size`` are bytes in the file.
    """

    id: int
    received_at: str
    mail_from: str
    rcpt_to: list[str]
    subject: str
    to: str
    cc: str
    message_id: str
    list_id: str
    start: int
    size: int


@dataclass(frozen=True, slots=True)
class Filter:
    """Which messages are meant. What is not given matches all; addresses compare without case."""

    to: str | None = None  # one of the recipients of the envelope
    subject: str | None = None  # a part of it
    message_id: str | None = None
    list_id: str | None = None  # a part of it
    after: int = 0  # ids greater than this

    def matches(self, mail: Mail) -> bool:
        """Whether the message is meant."""
        return (
            mail.id > self.after
            and (self.to is None or self.to.lower() in map(str.lower, mail.rcpt_to))
            and (self.subject is None or self.subject.lower() in mail.subject.lower())
            and (self.message_id is None or self.message_id == mail.message_id)
            and (self.list_id is None or self.list_id.lower() in mail.list_id.lower())
        )


class Mailbox:
    """All that was accepted. A message is on disk before `keep` returns, and is never changed."""

    def __init__(self, folder: Path) -> None:
        """Open a folder, made if missing, with what it holds from before."""
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._mails: dict[int, Mail] = {mail.id: mail for mail in self._read_index()}
        self._next = max(self._mails, default=0) + 1
        # A file for each message, as Maildir has it, costs more than all else that is done here.
        self._index = _open(folder / "index.jsonl")
        self._content = _open(folder / "messages.eml")
        self._end = os.fstat(self._content).st_size

    def close(self) -> None:
        """Nothing can be kept any more."""
        os.close(self._index)
        os.close(self._content)

    def keep(self, content: bytes, *, at: str, mail_from: str, rcpt_to: Sequence[str]) -> Mail:
        """Write a message down. It counts from the moment it is in the index."""
        headers = _headers(content)
        mail = Mail(
            id=self._next,
            received_at=at,
            mail_from=mail_from,
            rcpt_to=list(rcpt_to),
            subject=_text(headers[b"subject"]),
            to=_text(headers[b"to"]),
            cc=_text(headers[b"cc"]),
            message_id=_text(headers[b"message-id"]),
            list_id=_text(headers[b"list-id"]),
            start=self._end,
            size=len(content),
        )
        self._next += 1
        self._end += os.write(self._content, content)
        if self._end - mail.start < mail.size:
            raise OSError(errno.ENOSPC, "the message was not written whole")
        os.write(self._index, to_json(mail) + b"\n")
        self._mails[mail.id] = mail
        return mail

    def list(self, wanted: Filter) -> Iterator[Mail]:
        """The messages meant, in the order in which they came."""
        return (mail for mail in tuple(self._mails.values()) if wanted.matches(mail))

    def find(self, mail_id: int) -> Mail | None:
        """One message, or None."""
        return self._mails.get(mail_id)

    def raw(self, mail_id: int) -> bytes:
        """A message as it came. Raises KeyError for an id that there is not."""
        mail = self._mails[mail_id]
        return os.pread(self._content, mail.size, mail.start)

    def clear(self) -> int:
        """Forget everything; returns how many there were. Ids go on from where they were."""
        count = len(self._mails)
        os.ftruncate(self._index, 0)
        os.ftruncate(self._content, 0)
        self._end = 0
        self._mails.clear()
        return count

    def _read_index(self) -> Iterator[Mail]:
        path = self._folder / "index.jsonl"
        if not path.exists():
            return
        content = path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):  # a crash within the line: that mail was never accepted
            os.truncate(path, len(whole))
        for line in whole.splitlines():
            yield Mail(**json.loads(line))


def parse(content: bytes) -> EmailMessage:
    """A message with its headers decoded and its parts apart."""
    return message_from_bytes(content, policy=policy.default)


def body(message: EmailMessage, kind: str) -> str | None:
    """The text (``plain``) or the page (``html``) of a message, or None."""
    part = message.get_body((kind,))
    return None if part is None else str(part.get_content())


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)


def _headers(content: bytes) -> dict[bytes, bytes]:
    """The few headers that the index keeps. The email package takes ten times as long."""
    head = _FOLDED.sub(b" ", re.split(rb"\r?\n\r?\n", content, maxsplit=1)[0])
    found = dict.fromkeys(_KEPT, b"")
    for line in head.splitlines():
        name, _, value = line.partition(b":")
        if (name := name.strip().lower()) in found:
            found[name] = value.strip()
    return found


def _text(value: bytes) -> str:
    text = value.decode("utf-8", "replace")
    return str(make_header(decode_header(text))) if "=?" in text else text

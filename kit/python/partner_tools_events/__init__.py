"""The events of Partner Tools: what they hold, and how to read each of them once.

The modules beside this one hold the events of each owner: ``clients``, ``renewals``,
``notifications``, ``tiers``. ``registry`` finds them by type, ``topics`` describes the topics.
"""

from . import clients, notifications, registry, renewals, tiers, topics
from .consumer.bootstrap import bootstrap
from .consumer.once import Cursor, Seen, SeenTable, Versions
from .consumer.reading import Broken, Erased, Message, Reader, Skipped, Told
from .event import Data, Event, Snapshot
from .headers import Attributes, UnreadableError, decode
from .record import Record, of_lines

__all__ = [
    "Attributes",
    "Broken",
    "Cursor",
    "Data",
    "Erased",
    "Event",
    "Message",
    "Reader",
    "Record",
    "Seen",
    "SeenTable",
    "Skipped",
    "Snapshot",
    "Told",
    "UnreadableError",
    "Versions",
    "bootstrap",
    "clients",
    "decode",
    "notifications",
    "of_lines",
    "registry",
    "renewals",
    "tiers",
    "topics",
]

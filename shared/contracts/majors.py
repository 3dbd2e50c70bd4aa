"""How a contract breaks on purpose: a second version beside the first, step by step."""

import inspect
import re
from textwrap import dedent

from shared.contracts import registry
from shared.contracts.event import Event

OVERLAP_DAYS = 90


def next_type(event: type[Event]) -> str:
    """The type of the version after all that are declared."""
    name, _, _ = event.TYPE.rpartition(".v")
    numbers = [int(each.rpartition(".v")[2]) for each in registry.BY_TYPE if _names(each) == name]
    return f"{name}.v{max(numbers) + 1}"


def _names(type_: str) -> str:
    return type_.rpartition(".v")[0]


def declaration(event: type[Event]) -> str:
    """The class to begin with: the same fields, under the next name."""
    type_ = next_type(event)
    name = type_.split(".")[1] + "V" + type_.rpartition(".v")[2]
    source = dedent(inspect.getsource(event))
    source = re.sub(rf"^class {event.__name__}\b", f"class {name}", source)
    return source.replace(f'"{event.TYPE}"', f'"{type_}"')


def steps(event: type[Event]) -> str:
    """What to do, in order, and what each step is for."""
    owner, type_ = registry.owner_of(event), next_type(event)
    return f"""\
{event.TYPE} stays as it is, and {type_} is said beside it.

1. Declare it in shared/contracts/{owner}.py, and change what has to change there and only there:

{_indented(declaration(event))}
2. Add one of it to shared/contracts/examples/{owner}.py, with the others in said().
3. Run 'make contracts': it publishes revision 1 of {type_}; {event.TYPE} has no difference.
4. Where the {owner} service records {event.TYPE}, record both, in the same outbox.record:
   outbox.record(tx, old, new). Each has an id of its own; readers register one of the two, and
   skip the other as a type that they do not know.
5. Move our own handlers over, one service at a time. A service that has moved starts with what is
   new to it: it has heard the other version of everything before.
6. Tell the consumers: docs/consumers.md, "What changes are announced". Both are said for at least
   {OVERLAP_DAYS} days.
7. Then stop recording {event.TYPE}. Its class and its schemas stay: the topic keeps its records,
   and whoever reads from the beginning meets them.
"""


def _indented(source: str) -> str:
    return "".join(f"    {line}".rstrip() + "\n" for line in source.splitlines())

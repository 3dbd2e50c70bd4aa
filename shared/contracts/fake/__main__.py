"""Tell a made-up story of a portfolio, as events: to a Kafka, to a file, or to the terminal.

The same seed tells the same story, record by record. With the switches, what may really happen
happens to it: copies, other orders among keys, replays, types and versions that you do not know.
A consumer that ends with the same state with and without them is right.
"""

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from ..record import Record
from .kafka import Access, RefusedError, prepare, publish, telling_failures
from .mishaps import Mishaps
from .story import Story

EXAMPLES = """\
examples:
  %(prog)s --events 20                          twenty records, to the terminal
  %(prog)s --seed 7 --file story.jsonl          a thousand, to a file
  %(prog)s --servers 127.0.0.1:9092 --create-topics --endless --rate 50
  %(prog)s --servers 127.0.0.1:9092 --append --duplicates 0.1 --reorder 0.3 --replays 0.002 \\
      --unknown 0.02 --next-versions 0.05
"""


def _share(text: str) -> float:
    share = float(text)
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError(f"{text} is no share; expected 0 to 1")
    return share


def _parser() -> argparse.ArgumentParser:
    package = (__package__ or "").strip()
    parser = argparse.ArgumentParser(
        prog=f"python -m {package}",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    story = parser.add_argument_group("the story")
    story.add_argument("--seed", type=int, default=1, help="which story (default 1)")
    story.add_argument("--partners", type=int, default=2, help="how many partners (default 2)")
    story.add_argument("--clients", type=int, default=20, help="how many clients (default 20)")
    much = story.add_mutually_exclusive_group()
    much.add_argument("--events", type=int, default=1000, help="how many records (default 1000)")
    much.add_argument("--endless", action="store_true", help="until you stop it")
    where = parser.add_argument_group("where it goes")
    where.add_argument("--servers", help="a Kafka, such as 127.0.0.1:9092")
    where.add_argument("--file", type=Path, help="a file of JSON lines: topic, key, headers, value")
    where.add_argument("--create-topics", action="store_true", help="make the topics if missing")
    where.add_argument("--append", action="store_true", help="write though topics hold records")
    where.add_argument("--rate", type=float, default=0, help="at most so many a second (0: all)")
    how = parser.add_argument_group("how Kafka is reached")
    how.add_argument("--username", help="sign in; the password is read from KAFKA_PASSWORD")
    how.add_argument("--mechanism", default="SCRAM-SHA-512", help="(default SCRAM-SHA-512)")
    how.add_argument("--tls", action="store_true", help="encrypt")
    how.add_argument("--ca-file", help="who vouches for the brokers")
    mishaps = parser.add_argument_group("what happens to it: a share of the records, 0 to 1")
    for name, what in (
        ("duplicates", "the last few of a key come again"),
        ("reorder", "records overtake those of other keys and topics, never of their own"),
        ("replays", "a range of facts comes again, whole, with the same ids"),
        ("unknown", "events of types that are not invented yet"),
        ("next-versions", "newer revisions with more fields; the next major version beside"),
    ):
        mishaps.add_argument(f"--{name}", type=_share, default=0.0, metavar="SHARE", help=what)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Return 0 where the whole story was told, 1 where Kafka is not as it has to be."""
    given = _parser().parse_args(arguments)
    mishaps = Mishaps(
        given.duplicates,
        given.reorder,
        given.replays,
        given.unknown,
        given.next_versions,
        given.seed,
    )
    story = Story(given.seed, partners=given.partners, clients=given.clients)
    records: Iterator[Record] = mishaps.on(story.records())
    if not given.endless:
        records = islice(records, given.events)
    try:
        if given.file:
            records = _kept(records, given.file)
        if given.servers:
            count = asyncio.run(_to_kafka(given, records))
        else:
            count = _to_terminal(records, quiet=bool(given.file))
    except RefusedError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    except BrokenPipeError:  # whoever listened has heard enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    print(f"{count} records told, seed {given.seed}.", file=sys.stderr)
    return 0


async def _to_kafka(given: argparse.Namespace, records: Iterator[Record]) -> int:
    access = Access(
        servers=given.servers,
        username=given.username,
        password=os.environ.get("KAFKA_PASSWORD"),
        mechanism=given.mechanism,
        tls=given.tls,
        ca_file=given.ca_file,
    )
    with telling_failures(access):
        await prepare(access, create=given.create_topics, append=given.append)
        return await publish(access, records, rate=given.rate, say=_progress)


def _progress(count: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{count} records", end="", file=sys.stderr, flush=True)


def _kept(records: Iterator[Record], path: Path) -> Iterator[Record]:
    """Write each record to a file on its way."""
    with path.open("w", encoding="utf-8") as file:
        for record in records:
            file.write(record.line() + "\n")
            yield record


def _to_terminal(records: Iterator[Record], *, quiet: bool) -> int:
    count = 0
    for record in records:
        count += 1
        if not quiet:
            print(record.line())
    return count


if __name__ == "__main__":
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what fails is told in a line
    sys.exit(main())

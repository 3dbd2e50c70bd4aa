"""The command line: list the contracts, publish their schemas, refuse what breaks a reader."""

import argparse
import sys

from shared.contracts import registry, topics


def main(arguments: list[str] | None = None) -> int:
    """Return 0 if all is well, 1 if a check failed."""
    parser = argparse.ArgumentParser(prog="python -m shared.contracts", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="every topic and event")
    publish = commands.add_parser("schemas", help="write the published schemas and examples")
    publish.add_argument("--check", action="store_true", help="write nothing; 1 if they differ")
    given = parser.parse_args(arguments)
    return _list() if given.command == "list" else _schemas(check=given.check)


def _list() -> int:
    for topic in topics.REGISTRY:
        kept = ", ".join(f"{name}={value}" for name, value in topic.config.items())
        print(f"{topic.name}  ({topic.partitions} partitions, {kept})\n  {topic.description}")
        for event in registry.of_topic(topic.name):
            first = (event.__doc__ or "").partition("\n")[0]
            print(f"    {event.TYPE}  by {event.KEY}: {first}")
    return 0


def _schemas(*, check: bool) -> int:
    from shared.contracts import examples, schemas

    planned = schemas.plan(list(examples.events()))
    wrong = registry.problems() + planned.breaches
    if wrong:
        print("\n".join(wrong), file=sys.stderr)
        print(
            "A change that breaks a reader is a new event: declare a class with the next number "
            "in its TYPE, say both for a time, and let the readers move over.",
            file=sys.stderr,
        )
        return 1
    drift = planned.drift()
    if check and drift:
        names = ", ".join(path.name for path in drift)
        print(
            f"Not as declared: {names}. Run 'python -m shared.contracts schemas' and commit.",
            file=sys.stderr,
        )
        return 1
    schemas.write(planned, print)
    print(f"{len(registry.EVENTS)} events published, nothing broken.")
    return 0


if __name__ == "__main__":
    sys.exit(main())

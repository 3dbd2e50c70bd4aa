"""The command line: list the contracts, publish them, refuse what breaks a reader."""

import argparse
import sys

from shared.contracts import registry, topics


def main(arguments: list[str] | None = None) -> int:
    """Return 0 if all is well, 1 if a check failed."""
    parser = argparse.ArgumentParser(prog="python -m shared.contracts", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="every topic and event")
    publish = commands.add_parser(
        "publish", help="write schemas, golden records and all documents made of them"
    )
    publish.add_argument("--check", action="store_true", help="write nothing; 1 if they differ")
    major = commands.add_parser(
        "new-major", help="the steps of a deliberate break: a second version beside the first"
    )
    major.add_argument("type", metavar="TYPE", help="such as clients.ServicesEnded.v1")
    given = parser.parse_args(arguments)
    if given.command == "list":
        return _list()
    if given.command == "new-major":
        return _new_major(given.type)
    return _publish(check=given.check)


def _list() -> int:
    for topic in topics.REGISTRY:
        kept = ", ".join(f"{name}={value}" for name, value in topic.config.items())
        print(f"{topic.name}  ({topic.partitions} partitions, {kept})\n  {topic.description}")
        for event in registry.of_topic(topic.name):
            first = (event.__doc__ or "").partition("\n")[0]
            print(f"    {event.TYPE}  by {event.KEY}: {first}")
    return 0


def _publish(*, check: bool) -> int:
    from shared.contracts import documents, examples, schemas

    planned = schemas.plan(list(examples.events()))
    wrong = registry.problems() + planned.breaches
    if wrong:
        print("\n".join(wrong), file=sys.stderr)
        types = sorted({each.partition(":")[0] for each in planned.breaches})
        for type_ in (each for each in types if each in registry.BY_TYPE):
            print(
                f"If the break is meant, it is a second version beside the first: "
                f"'python -m shared.contracts new-major {type_}' says the steps.",
                file=sys.stderr,
            )
        return 1
    planned.files.update(documents.files(planned))
    drift = planned.drift()
    if check and drift:
        names = ", ".join(path.name for path in drift)
        print(f"Not as declared: {names}. Run 'make contracts' and commit.", file=sys.stderr)
        return 1
    schemas.write(planned, print)
    print(f"{len(registry.EVENTS)} events published, nothing broken.")
    return 0


def _new_major(type_: str) -> int:
    from shared.contracts import majors

    event = registry.BY_TYPE.get(type_)
    if event is None:
        print(f"There is no event {type_!r}. 'list' names all.", file=sys.stderr)
        return 1
    print(majors.steps(event))
    return 0


if __name__ == "__main__":
    sys.exit(main())

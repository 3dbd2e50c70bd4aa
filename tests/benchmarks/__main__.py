"""Runs the benchmarks, shows them, and writes build/benchmarks.json."""

import argparse
import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from time import perf_counter

from rich.console import Console

from tests.benchmarks import b1_sweep, b2_relay, b3_mail, b5_page, import_clients
from tests.benchmarks.ground import ROOT, Ground, ground, write_json
from tests.benchmarks.oracle import VoidError
from tests.benchmarks.result import LIMIT_MIB, Result, show

QUICK = bool(os.environ.get("QUICK"))
REPEATS = 2 if QUICK else 3
NEEDED = {"B1": 8_000.0, "B2": 12_000.0, "B3": 800.0, "B5": 60.0, "IMPORT": 5_000.0}
USUAL = "B1,B2,B3" if QUICK else ",".join(NEEDED)


def _benchmarks() -> dict[str, Callable[[Ground], Awaitable[Result]]]:
    size = int(os.environ.get("N") or 0)
    return {
        "B1": lambda on: b1_sweep.run(on, size=size or 1_000_000, repeats=REPEATS),
        "B2": lambda on: b2_relay.run(
            on, events=size or (100_000 if QUICK else 500_000), repeats=REPEATS
        ),
        "B3": lambda on: b3_mail.run(
            on, events=size or (10_000 if QUICK else 50_000), repeats=REPEATS
        ),
        "B5": lambda on: b5_page.run(on, size=size or 100_000, repeats=REPEATS),
        "IMPORT": lambda on: import_clients.run(on, size=size or 100_000, repeats=REPEATS),
    }


async def main() -> int:
    """Return 0 if every figure that is needed was reached, 1 if not, 2 for a void run."""
    console = Console()
    all_of_them = _benchmarks()
    wanted = (os.environ.get("B") or USUAL).upper().split(",")
    if unknown := set(wanted) - set(all_of_them):
        console.print(f"B={','.join(sorted(unknown))}: there are {', '.join(all_of_them)}")
        return 2
    results: list[Result] = []
    began = perf_counter()
    with console.status("") as status:
        for name in wanted:
            status.update(f"{name} … ({perf_counter() - began:.0f} s)")
            # Servers of its own: a service hears whatever another benchmark left in the topics.
            async with ground() as on:
                try:
                    result = await all_of_them[name](on)
                except VoidError as error:
                    console.print(f"{name} is void: {error}")
                    return 2
                result.needed, result.rss_mib = NEEDED[name], dict(on.peaks)
                results.append(result)
    show(console, results)
    path = ROOT / "build" / "benchmarks.json"
    write_json(path, [result.as_dict() for result in results])
    console.print(f"{perf_counter() - began:.0f} s; written to {path.relative_to(ROOT)}")
    heavy = [
        f"{service} took {peak:.0f} MiB in {result.name}; at most {LIMIT_MIB} are allowed"
        for result in results
        for service, peak in result.rss_mib.items()
        if peak > LIMIT_MIB
    ]
    slow = [
        f"{result.name} needs {result.needed:,.0f} {result.unit}"
        for result in results
        if not result.as_dict()["holds"]
    ]
    for line in heavy + slow:
        console.print(line)
    return 1 if heavy or slow else 0


if __name__ == "__main__":
    argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description=__doc__,
        epilog="Settings, as of make bench: QUICK=1 for B1 to B3 in less than 3 minutes; B=B1,B3 "
        "for some (B5 is the page, IMPORT the portfolio); N=100000 for another size.",
    ).parse_args()
    sys.exit(asyncio.run(main()))

"""Writes what is derived: the page of settings, the dashboards; of metrics, where services run."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from deploy.local.settings import ROOT, LocalSettings
from deploy.reference import configuration, dashboards, metrics

METRICS = ROOT / "docs" / "operations" / "metrics.md"
DASHBOARDS = ROOT / "deploy" / "observability" / "grafana" / "dashboards"


def main() -> int:
    """Return 0; with --check 1 where a file is not as it would be written."""
    parser = argparse.ArgumentParser(prog="python -m deploy.reference", description=__doc__)
    parser.add_argument("what", nargs="?", choices=["metrics"], help="of the system that runs")
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    asked = parser.parse_args()
    stale = 0
    for path, text in _running() if asked.what else derived():
        if path.exists() and path.read_text() == text:
            continue
        where = path.relative_to(ROOT)
        if asked.check:
            stale = 1
            print(f"{where} is not what it would be written as; `make reference` writes it")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            print(f"wrote {where}")
    return stale


def derived() -> Iterator[tuple[Path, str]]:
    """Each file that follows from the code alone, and its text."""
    yield ROOT / "docs" / "configuration.md", configuration.page()
    for name, dashboard in dashboards.ALL.items():
        yield DASHBOARDS / f"{name}.json", dashboard.to_json()


def _running() -> Iterator[tuple[Path, str]]:
    settings = LocalSettings()
    services = {name: settings.service_url(name) for name in settings.services}
    yield METRICS, metrics.page(metrics.scrape(services), services)


if __name__ == "__main__":
    sys.exit(main())

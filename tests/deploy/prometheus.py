"""A real Prometheus on the local system, told what deploy/observability tells it."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
import yaml

from deploy.local import ports
from deploy.local.settings import ROOT, LocalSettings

OBSERVABILITY = ROOT / "deploy" / "observability"
SCRAPES = 4  # a rate needs two


def program(name: str) -> str:
    """Where a program of Debian's package prometheus is; without it the test fails."""
    if found := shutil.which(name):
        return found
    pytest.fail(f"{name} is not installed. On Debian: apt-get install prometheus")


class Prometheus:
    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, path: str, **query: str) -> Any:
        address = f"{self.url}/api/v1/{path}?{urlencode(query)}"
        with urlopen(address, timeout=30) as answer:  # noqa: S310 - loopback
            told = json.load(answer)
        assert told["status"] == "success", told
        return told["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("query", query=expression)["result"]
        return found

    def until(self, expression: str, least: float, seconds: float = 60.0) -> None:
        until = monotonic() + seconds
        while True:
            try:
                found = self.query(expression)
            except URLError:
                found = []
            if found and float(found[0]["value"][1]) >= least:
                return
            assert monotonic() < until, f"{expression}: {found}"
            sleep(0.2)


@contextmanager
def watching(settings: LocalSettings, folder: Path) -> Iterator[Prometheus]:
    """Scrape the services each second, by the configuration as it is but for where they are."""
    told = yaml.safe_load((OBSERVABILITY / "prometheus.yml").read_text())
    told["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    told["rule_files"] = [str(OBSERVABILITY / "alerts.yml")]
    for each in told["scrape_configs"]:
        port = settings.service_port(each["job_name"])
        each["static_configs"] = [{"targets": [f"{ports.LOOPBACK}:{port}"]}]
    folder.mkdir()
    (folder / "prometheus.yml").write_text(yaml.safe_dump(told))
    [port] = ports.free_ports(1)
    process = subprocess.Popen(
        [
            program("prometheus"),
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={ports.LOOPBACK}:{port}",
            "--log.level=warn",
        ]
    )
    try:
        made = Prometheus(f"http://{ports.LOOPBACK}:{port}")
        made.until("min(count_over_time(build_info[1m]))", SCRAPES)
        made.until("count(count by (job) (up))", len(told["scrape_configs"]))
        yield made
    finally:
        process.terminate()
        process.wait(timeout=30)

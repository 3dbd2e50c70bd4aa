"""Alerts, runbooks and dashboards: what they ask for is there, and what they say can be done."""

import json
import re
import subprocess
from importlib import import_module
from itertools import chain
from pathlib import Path

import typer
import yaml

from deploy.local.settings import ROOT, SERVICES
from deploy.reference import dashboards, metrics
from deploy.reference.__main__ import METRICS, derived
from tests.deploy import prometheus, queries

RUNBOOKS = ROOT / "docs" / "runbooks"
SECTIONS = (
    "**What it means.**",
    "**Who is hurt, and from when.**",
    "## Look here first",
    "## Likely causes, and what mends them",
    "## Over when",
)


def promtool(*arguments: str) -> None:
    done = subprocess.run(
        [prometheus.program("promtool"), *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_fires_when_it_should_and_stays_quiet_when_it_should_not() -> None:
    promtool("check", "rules", str(queries.ALERTS))
    promtool("test", "rules", str(queries.ALERTS_TEST))


def test_what_prometheus_is_told_is_valid(tmp_path: Path) -> None:
    folder = ROOT / "deploy" / "observability"
    told = (folder / "prometheus.yml").read_text()
    mine = tmp_path / "prometheus.yml"
    mine.write_text(told.replace("/etc/prometheus/alerts.yml", str(queries.ALERTS)))
    promtool("check", "config", str(mine))
    jobs = {each["job_name"] for each in yaml.safe_load(told)["scrape_configs"]}
    assert jobs == set(SERVICES)


def test_every_query_of_the_dashboards_can_be_parsed(tmp_path: Path) -> None:
    rules = [
        {"record": f"q{number}", "expr": query}
        for number, (_, query) in enumerate(queries.of_dashboards())
    ]
    path = tmp_path / "queries.yml"
    path.write_text(json.dumps({"groups": [{"name": "all", "rules": rules}]}))
    promtool("check", "rules", "--lint=none", str(path))


def test_each_alert_has_a_test_that_it_fires_and_one_that_it_stays_quiet() -> None:
    names = [each["name"] for each in yaml.safe_load(queries.ALERTS_TEST.read_text())["tests"]]
    alerts = [rule["alert"] for rule in queries.rules()]
    assert len(alerts) > 20
    for alert in alerts:
        assert [n for n in names if n.startswith(f"{alert} fires when")], alert
        assert [n for n in names if n.startswith(f"{alert} stays quiet where")], alert


def test_every_query_names_metrics_and_labels_that_the_services_show() -> None:
    known = {
        name: metric.labels
        for metric in metrics.read(METRICS.read_text())
        for name in metric.exposed
    }
    asked = [(rule["alert"], rule["expr"]) for rule in queries.rules()]
    everything = list(chain(asked, queries.of_dashboards()))
    assert len(everything) > 70
    for where, query in everything:
        found = queries.series(query)
        assert found, query
        labels = {"job", "instance"}
        for name, chosen in found.items():
            if name in queries.OF_PROMETHEUS:
                continue
            assert name in known, f"{where}: no service shows {name}"
            assert chosen <= known[name] | {"job", "instance"}, f"{where}: {name} {chosen}"
            labels |= known[name]
        assert queries.grouped(query) <= labels, f"{where}: {query}"


def test_what_a_query_names_is_found_in_it() -> None:
    query = 'sum by (job, le) (rate(a_bucket{x="{y}",z!~"b"}[5m])) / on (job) max(c) > 0 and d == 1'
    assert queries.series(query) == {"a_bucket": {"x", "z"}, "c": set(), "d": set()}
    assert queries.grouped(query) == {"job", "le"}


def test_each_alert_says_what_is_wrong_how_bad_it_is_and_where_to_read_on() -> None:
    for rule in queries.rules():
        assert rule["labels"]["severity"] in ("critical", "warning"), rule["alert"]
        assert rule["annotations"]["summary"].endswith("."), rule["alert"]
        assert rule["annotations"]["description"], rule["alert"]
        assert queries.runbook(rule).is_file(), rule["annotations"]["runbook_url"]


def test_each_runbook_says_what_it_means_where_to_look_and_when_it_is_over() -> None:
    alerts = {queries.runbook(rule): rule["alert"] for rule in queries.rules()}
    pages = set(RUNBOOKS.glob("*.md")) - {RUNBOOKS / "README.md"}
    assert set(alerts) == pages
    for path, alert in alerts.items():
        text = path.read_text()
        places = [text.find(section) for section in SECTIONS]
        assert f"Alert `{alert}`." in text, path
        assert -1 not in places, path
        assert places == sorted(places), path
        assert "docker compose" in text, path
        assert "kubectl" in text, path
        for linked in re.findall(r"\]\(([\w/.-]+)\)", text):
            assert (path.parent / linked).exists(), f"{path}: {linked}"


def test_every_command_in_a_runbook_is_one_that_there_is() -> None:
    commands = {service: set(names(service)) for service in SERVICES}
    found = 0
    for path in RUNBOOKS.glob("*.md"):
        for service, said in re.findall(
            r"python -m services\.(\w+) ([a-z][a-z -]*)", path.read_text()
        ):
            found += 1
            words = said.split()
            there = {" ".join(words[:1]), " ".join(words[:2])} & commands[service]
            assert there, f"{path.name}: python -m services.{service} {said}"
    assert found > 20


def names(service: str) -> list[str]:
    """The commands of a service: with those of its groups."""
    app = typer.main.get_command(import_module(f"services.{service}.__main__").app)
    found = []
    for name, command in app.commands.items():  # type: ignore[attr-defined]
        found += [f"{name} {each}" for each in getattr(command, "commands", {})] or [name]
    return found


def test_every_metric_in_a_runbook_is_one_that_there_is() -> None:
    known = {name for m in metrics.read(METRICS.read_text()) for name in m.exposed}
    known |= {name.removesuffix("_total") for name in known}
    shown = re.compile(
        r"\b((?:message|inbox|outbox|relay_s|job_|http_re|webhook|renewal_st|database_)\w*"
        r"_(?:total|seconds|bucket|count|rows|up|connections|stopped|waiting))\b"
    )
    for path in RUNBOOKS.glob("*.md"):
        for name in shown.findall(path.read_text()):
            assert name in known, f"{path.name}: {name}"


def test_what_is_derived_from_the_code_is_as_it_would_be_written() -> None:
    for path, text in derived():
        assert path.read_text() == text, f"{path}: make reference writes it"


def test_no_two_panels_of_a_dashboard_are_in_each_others_way() -> None:
    uids = [dashboard.uid for dashboard in dashboards.ALL.values()]
    assert len(set(uids)) == len(uids)
    for dashboard in dashboards.ALL.values():
        cells: set[tuple[int, int]] = set()
        for panel in json.loads(dashboard.to_json())["panels"]:
            at = panel["gridPos"]
            own = {
                (x, y)
                for x in range(at["x"], at["x"] + at["w"])
                for y in range(at["y"], at["y"] + at["h"])
            }
            assert not own & cells, panel["title"]
            assert at["x"] + at["w"] <= 24
            cells |= own

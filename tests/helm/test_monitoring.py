"""Figures, alerts and dashboards reach the cluster as they are."""

import json
import shutil
from pathlib import Path

import pytest

from tests.helm import charting

pytestmark = pytest.mark.charts

ON = {name: {"enabled": True} for name in ("podMonitor", "rules", "dashboards")}
RULES = """\
groups:
  - name: relay
    rules:
      - alert: OutboxOld
        expr: max by (job) (outbox_oldest_age_seconds) > 60
        for: 5m
        labels: {severity: warning}
        annotations:
          summary: "{{ $labels.job }} has waited {{ $value | humanizeDuration }}."
"""
DASHBOARD = {"title": "Relay {{job}}", "panels": [{"title": "a\\nb: #c", "legend": "{{ job }}"}]}


def packed(folder: Path, files: dict[str, str]) -> tuple[charting.Object, ...]:
    """What a copy of the chart makes that has these files to carry, and no other."""
    chart = folder / "partner-tools"
    shutil.copytree(charting.CHART, chart)
    observability = chart / "files" / "observability"
    shutil.rmtree(observability, ignore_errors=True)
    for name, text in files.items():
        path = observability / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    code, text = charting.run(
        "template demo",
        *(str(chart), "--namespace", "renewals", "--kube-version", charting.KUBERNETES[-1]),
        *("-f", str(charting.example("small"))),
        values={"monitoring": ON},
    )
    assert code == 0, text
    return charting.read(text)


def test_alerts_and_dashboards_arrive_letter_by_letter(tmp_path: Path) -> None:
    shown = json.dumps(DASHBOARD, indent=2)
    files = {"alerts.yml": RULES, "grafana/relay_lag.json": shown, "notes.txt": "not one"}
    objects = packed(tmp_path, files)
    [rule] = charting.of_kind(objects, "PrometheusRule")
    [wanted] = charting.read(RULES)
    assert rule["spec"] == wanted
    [dashboard] = charting.of_kind(objects, "ConfigMap")
    assert json.loads(dashboard["data"]["relay_lag.json"]) == DASHBOARD
    assert dashboard["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert dashboard["metadata"]["name"] == "demo-partner-tools-dashboard-relay-lag"
    for each in (rule, dashboard):
        assert charting.complaints(charting.KUBERNETES[-1], each) == []


def test_where_there_is_nothing_to_carry_nothing_is_made(tmp_path: Path) -> None:
    objects = packed(tmp_path, {})
    assert charting.of_kind(objects, "PrometheusRule", "ConfigMap") == []
    assert len(charting.of_kind(objects, "PodMonitor")) == 1


def test_every_dashboard_that_is_carried_fits_into_an_object() -> None:
    objects = charting.rendered("large")
    carried = (charting.CHART / "files" / "observability").glob("grafana/*.json")
    dashboards = [
        each
        for each in charting.of_kind(objects, "ConfigMap")
        if "grafana_dashboard" in each["metadata"].get("labels", {})
    ]
    assert len(dashboards) == len(list(carried))
    for each in dashboards:
        assert len(json.dumps(each)) < 1_000_000  # what an object may be


@pytest.mark.parametrize("name", ["large", "strimzi-cnpg"])
def test_every_pod_that_serves_is_scraped_and_no_job_is(name: str) -> None:
    objects = charting.rendered(name)
    [monitor] = charting.of_kind(objects, "PodMonitor")
    spec = monitor["spec"]
    assert spec["jobLabel"] == "app.kubernetes.io/component"  # so `job` is the service
    [endpoint] = spec["podMetricsEndpoints"]
    assert (endpoint["port"], endpoint["path"]) == ("http", "/metrics")
    wanted = spec["selector"]["matchLabels"].items()
    [expression] = spec["selector"]["matchExpressions"]
    assert expression["operator"] == "Exists"
    scraped = {
        what.partition(" ")[0]
        for what, metadata, _ in charting.pods(objects)
        if wanted <= metadata["labels"].items() and expression["key"] in metadata["labels"]
    }
    assert scraped == {"Deployment"}
    for what, metadata, _ in charting.pods(objects):
        served = what.startswith("Deployment")
        assert (expression["key"] in metadata["labels"]) is served, what

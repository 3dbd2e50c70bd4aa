"""What a query of Prometheus names: its metrics with the labels that it looks at."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from deploy.local.settings import ROOT
from deploy.reference import dashboards

ALERTS = ROOT / "deploy" / "observability" / "alerts.yml"
ALERTS_TEST = ROOT / "deploy" / "observability" / "alerts_test.yml"
# What Grafana puts in place of its variables.
VARIABLES = {"$__rate_interval": "15s", "$job": ".*"}
OF_PROMETHEUS = {"up", "ALERTS"}
_WORDS = {"and", "or", "unless", "by", "without", "on", "group_left", "ignoring", "offset", "bool"}
_SERIES = re.compile(r"\b([a-zA-Z_:][\w:]*)\b(?!\s*\()\s*(\{[^}]*\})?")
_GROUPED = re.compile(r"\b(?:by|on|group_left)\s*\(([^)]*)\)")


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(ALERTS.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def of_dashboards() -> Iterator[tuple[str, str]]:
    """Each query with the dashboard that it is in, as Prometheus gets it."""
    for name, dashboard in dashboards.ALL.items():
        for query in dashboard.queries:
            yield name, resolved(query)


def resolved(query: str) -> str:
    for variable, value in VARIABLES.items():
        query = query.replace(variable, value)
    assert "$" not in query, query
    return query


def series(query: str) -> dict[str, set[str]]:
    """The metrics of a query, each with the labels that it is chosen by."""
    bare = _GROUPED.sub(" ", query)
    bare = re.sub(r"\[[^\]]*\]", " ", bare)
    found: dict[str, set[str]] = {}
    for name, where in _SERIES.findall(re.sub(r'"[^"]*"', '""', bare)):
        if name not in _WORDS and not re.fullmatch(r"inf|nan", name, re.IGNORECASE):
            found.setdefault(name, set()).update(re.findall(r"(\w+)\s*[=!]", where))
    return found


def grouped(query: str) -> set[str]:
    """The labels by which a query groups or joins."""
    return {
        label.strip()
        for labels in _GROUPED.findall(query)
        for label in labels.split(",")
        if label.strip()
    }


def runbook(rule: dict[str, Any]) -> Path:
    return ROOT / str(rule["annotations"]["runbook_url"])

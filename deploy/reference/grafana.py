"""How a dashboard is said, in rows of panels with queries; and the JSON that Grafana reads."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

DATASOURCE = {"type": "prometheus", "uid": "prometheus"}
WIDTH = 24  # columns of Grafana's grid
Unit: TypeAlias = Literal["s", "short", "reqps", "percentunit", "bytes", "none"]


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: ``queries`` are (expression, legend); from ``bad`` on a figure is red."""

    title: str
    queries: Sequence[tuple[str, str]]
    unit: Unit = "short"
    kind: Literal["stat", "timeseries", "table"] = "timeseries"
    bad: float | None = None
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A dashboard; ``by_job`` lets who looks choose among the services."""

    uid: str
    title: str
    rows: Sequence[tuple[str, Sequence[Panel]]]
    by_job: bool = False

    @property
    def queries(self) -> Iterator[str]:
        """Every query in it."""
        for _, panels in self.rows:
            for panel in panels:
                yield from (query for query, _ in panel.queries)

    def to_json(self) -> str:
        """As Grafana reads it from a file."""
        return (
            json.dumps(
                {
                    "uid": self.uid,
                    "title": self.title,
                    "tags": ["partner-tools"],
                    "timezone": "browser",
                    "schemaVersion": 39,
                    "refresh": "30s",
                    "time": {"from": "now-6h", "to": "now"},
                    "templating": {"list": [_JOB] if self.by_job else []},
                    "panels": list(self._panels()),
                },
                indent=1,
            )
            + "\n"
        )

    def _panels(self) -> Iterator[dict[str, Any]]:
        number, y = 0, 0
        for title, panels in self.rows:
            number += 1
            yield {
                "id": number,
                "type": "row",
                "title": title,
                "collapsed": False,
                "gridPos": {"x": 0, "y": y, "w": WIDTH, "h": 1},
                "panels": [],
            }
            y += 1
            wide = WIDTH // len(panels)
            high = 4 if all(panel.kind == "stat" for panel in panels) else 8
            for place, panel in enumerate(panels):
                number += 1
                where = {"x": place * wide, "y": y, "w": wide, "h": high}
                yield _panel(number, panel, where)
            y += high


def _panel(number: int, panel: Panel, where: dict[str, int]) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if panel.bad is not None:
        steps.append({"color": "red", "value": panel.bad})
    instant = panel.kind != "timeseries"
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.meaning,
        "datasource": DATASOURCE,
        "gridPos": where,
        "fieldConfig": {
            "defaults": {
                "unit": panel.unit,
                "min": 0,
                "thresholds": {"mode": "absolute", "steps": steps},
            },
            "overrides": [],
        },
        "options": _OPTIONS[panel.kind],
        "targets": [
            {
                "refId": chr(ord("A") + place),
                "datasource": DATASOURCE,
                "expr": query,
                "legendFormat": legend,
                "instant": instant,
                "range": not instant,
                "format": "table" if panel.kind == "table" else "time_series",
            }
            for place, (query, legend) in enumerate(panel.queries)
        ],
    }


_OPTIONS: dict[str, dict[str, Any]] = {
    "stat": {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "background"},
    "timeseries": {"legend": {"displayMode": "list"}, "tooltip": {"mode": "multi"}},
    "table": {"showHeader": True},
}
_JOB = {
    "name": "job",
    "label": "Service",
    "type": "query",
    "datasource": DATASOURCE,
    "query": "label_values(build_info, job)",
    "refresh": 2,
    "includeAll": True,
    "allValue": ".*",
    "multi": True,
    "current": {"text": "All", "value": "$__all"},
}

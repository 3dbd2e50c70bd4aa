"""What of the chart follows from code and documents is what they say now."""

import json
import shutil
from pathlib import Path

import pytest

from deploy.helm import __main__ as making
from deploy.helm import facts, schema
from deploy.local.settings import SERVICES


def test_the_chart_knows_the_services_as_they_are_now() -> None:
    stale = [path for path, text in making.made().items() if path.read_text("utf-8") != text]
    assert stale == [], "run `make chart`"
    assert making.stale() == [], "run `make chart`"


@pytest.mark.parametrize("service", SERVICES)
def test_every_setting_has_its_place_in_the_values_and_no_other_name_has_one(
    service: str,
) -> None:
    held = json.loads((making.CHART / "values.schema.json").read_text("utf-8"))["$defs"]
    settings = held[f"{service}Settings"]
    assert set(settings["properties"]) == {each.name for each in facts.variables(service)}
    assert settings["additionalProperties"] is False
    secret = {each.name for each in facts.variables(service) if each.secret}
    open_to_values = {name for name, each in settings["properties"].items() if "const" not in each}
    assert not secret & open_to_values
    assert secret <= set(held[f"{service}Secrets"]["properties"])


def test_alerts_and_dashboards_are_packed_as_they_are_and_old_ones_are_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chart, source = tmp_path / "chart", tmp_path / "observability"
    shutil.copytree(making.CHART, chart)
    shutil.rmtree(chart / making.PACKED, ignore_errors=True)
    monkeypatch.setattr(making, "CHART", chart)
    monkeypatch.setattr(making, "OBSERVABILITY", source)

    assert making.packed() == []  # nothing to pack is no error
    (source / "grafana").mkdir(parents=True)
    (source / "alerts.yml").write_text("groups: []\n")
    (source / "grafana" / "relay.json").write_text("{}\n")
    (source / "grafana" / "notes.txt").write_text("not one")
    made = {path.relative_to(chart) for path in making.made() if chart in path.parents}
    assert {making.PACKED / "alerts.yml", making.PACKED / "grafana" / "relay.json"} < made
    assert making.PACKED / "grafana" / "notes.txt" not in made

    old = chart / making.PACKED / "grafana" / "old.json"
    old.parent.mkdir(parents=True)
    old.write_text("{}")
    assert making.stale() == [old]


def test_definitions_that_are_made_replace_those_that_were_made() -> None:
    names = set(schema.definitions())
    assert all(making._is_made(name) for name in names)
    held = json.loads((making.CHART / "values.schema.json").read_text("utf-8"))["$defs"]
    by_hand = set(held) - names
    assert not [name for name in by_hand if making._is_made(name)]
    assert {"pod", "service", "role"} <= by_hand

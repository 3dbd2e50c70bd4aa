"""The table of sizes follows from what was measured, and the example from the table."""

import re

import pytest

from deploy.helm import sizing
from deploy.helm.__main__ import SIZING
from deploy.local.settings import SERVICES
from services.dashboard.handlers import INBOXES
from services.dashboard.jobs import projecting
from tests.helm import charting

pytestmark = pytest.mark.charts


def workloads(name: str) -> dict[str, charting.Object]:
    """The Deployments of an example, by `service.role`."""
    return {
        ".".join(
            each["metadata"]["labels"][label]
            for label in ("app.kubernetes.io/component", "partner-tools/role")
        ): each["spec"]
        for each in charting.of_kind(charting.rendered(name), "Deployment")
    }


def test_the_large_example_has_what_the_formula_says() -> None:
    found = workloads("large")
    needs = sizing.needs(sizing.LARGE)
    assert len(needs) == 4
    for role, need in needs.items():
        spec = found[role]
        [container] = spec["template"]["spec"]["containers"]
        assert spec["replicas"] == need.processes, role
        assert container["resources"] == sizing.resources(need.cpu), role
    plain = sizing.resources(sizing.LEAST_MILLICORES)
    for role in set(found) - set(needs):
        [container] = found[role]["template"]["spec"]["containers"]
        assert container["resources"] == plain, role


def test_the_small_example_has_what_the_formula_says() -> None:
    assert {(n.processes, n.cpu) for n in sizing.needs(sizing.SMALL).values()} == {(2, 100)}
    for role, spec in workloads("small").items():
        [container] = spec["template"]["spec"]["containers"]
        assert spec["replicas"] == sizing.LEAST_PROCESSES, role
        assert container["resources"] == sizing.resources(sizing.LEAST_MILLICORES), role


def test_the_arithmetic_is_that_of_the_document() -> None:
    need = sizing.needs(1_000_000)["notifications.sender"]
    # 1,000,000 clients × 7 messages / 365 days × 5 within 300 s, twice that, of 850 each.
    assert round(need.wanted) == 320
    assert need.processes == 2
    assert need.cpu == 400  # 320 × 2 / 850 / 2 = 0.376 cores
    assert sizing.memory() == (160, 256)  # 125 × 1.25 and × 2, in steps of 32
    table = re.search(r"\| `notifications.sender` \|.*", SIZING.read_text("utf-8"))
    assert table
    assert "| 320/s: 2 × 400m |" in table[0]


def test_every_measured_figure_is_in_the_document() -> None:
    text = SIZING.read_text("utf-8")
    measured = [need.measured for need in sizing.needs(1).values()] + [sizing.IMPORT_CLIENTS]
    for figure in measured:
        assert f"{figure:,} " in text
    assert f"{sizing.PROCESS_MIB} MiB" in text
    assert "2 shared cores with everything on one machine" in text


def test_what_the_dashboards_consumers_hold_is_what_they_are_counted_with() -> None:
    assert len(INBOXES) + projecting._CONNECTIONS == sizing.PROJECTION


def test_the_large_example_leaves_postgresql_enough_connections() -> None:
    objects = charting.rendered("large")
    most = {
        each["spec"]["scaleTargetRef"]["name"]: each["spec"].get("maxReplicas")
        or each["spec"]["maxReplicaCount"]
        for each in charting.of_kind(objects, "HorizontalPodAutoscaler", "ScaledObject")
    }
    for service in SERVICES:
        total = 0
        for role, spec in workloads("large").items():
            if role.startswith(f"{service}."):
                told = charting.environment(spec["template"]["spec"])
                pool = int(told.get(f"{service.upper()}_DATABASE_POOL", 10))
                processes = (
                    spec.get("replicas")
                    or most[
                        f"demo-partner-tools-{service}"
                        + ("" if role.endswith(".main") else f"-{role.partition('.')[2]}")
                    ]
                )
                total += sizing.connections(role, processes, pool)
        assert 0 < total <= sizing.CONNECTIONS, (service, total)

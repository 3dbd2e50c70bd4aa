"""Each pod reaches what it needs, is reached by who needs it, and nothing else."""

from itertools import product

import pytest

from tests.helm import charting, network
from tests.helm.network import Actor

pytestmark = pytest.mark.charts

PORTS = [
    (53, "UDP"),
    *((p, "TCP") for p in (22, 53, 80, 443, 465, 587, 4318, 5432, 8000, 8443, 9092, 9093)),
]
OUTSIDE = (
    Actor("dns", "10.96.0.10", "kube-system", {"k8s-app": "kube-dns"}),
    Actor("postgresql", "10.244.9.1", "data", {"app": "postgresql"}),
    Actor("kafka", "10.244.9.2", "data", {"app": "kafka"}),
    Actor("another database", "10.244.9.3", "data", {"app": "other"}),
    Actor("collector", "10.244.9.4", "monitoring", {"app": "otel-collector"}),
    Actor("prometheus", "10.244.9.5", "monitoring", {"app": "prometheus"}),
    Actor("ingress", "10.244.9.6", "ingress", {"app": "proxy"}),
    Actor("neighbour", "10.244.9.7", network.NAMESPACE, {"app": "somebody"}),
    Actor("stranger", "10.244.9.8", "default", {"app": "somebody"}),
    Actor("issuer", "203.0.113.10"),
    Actor("mail relay", "203.0.113.25"),
    Actor("receiver", "93.184.216.34"),
    Actor("receiver by IPv6", "2606:2800:220:1::1"),
    Actor("private", "192.168.1.1"),
    Actor("metadata", "169.254.169.254"),
    Actor("private by IPv6", "fd00::1"),
)
PUBLIC = ("issuer", "mail relay", "receiver", "receiver by IPv6")

# What each role needs beside names, the database and the collector of traces.
NEEDS = {
    "http": {("issuer", 443)},
    "consumers": {("kafka", 9093)},
    "relay": {("kafka", 9093)},
    "sender": {("kafka", 9093), ("mail relay", 465)},
    "courier": {(name, port) for name in PUBLIC for port in (443, 8443)},
    "sweep": set(),
    "days": set(),
    "upkeep": set(),
}
ANSWERING = {
    "clients": "clients/main",  # its relay is apart, so http is what is left
    "renewals": "renewals/http",
    "notifications": "notifications/http",
    "tiers": "tiers/http",
    "dashboard": "dashboard/http",
    "webhooks": "webhooks/http",
}
NAMES = {("dns", 53)}


def expected() -> set[tuple[str, str, int]]:
    """Who needs whom in the large example, and at which port."""
    found = set()
    for pod in network.of_release(charting.rendered("large")):
        role = pod.name.rpartition("/")[2]
        if role == "migrate":
            needed = NAMES | {("postgresql", 5432)}
        elif role == "topics":
            needed = NAMES | {("kafka", 9093)}
        elif role == "test":
            needed = NAMES | {(name, 8000) for name in ANSWERING.values()}
        else:
            needed = NAMES | {("postgresql", 5432), ("collector", 4318)}
            needed |= NEEDS["http" if role == "main" else role]
            found.add(("prometheus", pod.name, 8000))
            found.add(("collector", pod.name, 8000))  # it is in the namespace of Prometheus
        if pod.name == ANSWERING["dashboard"]:
            needed |= {(ANSWERING[each], 8000) for each in ("clients", "renewals", "tiers")}
        found |= {(pod.name, name, port) for name, port in needed}
    found |= {("ingress", ANSWERING[each], 8000) for each in ("clients", "dashboard")}
    return found


def test_everybody_reaches_exactly_who_is_needed() -> None:
    objects = charting.rendered("large")
    policies = charting.of_kind(objects, "NetworkPolicy")
    ours = network.of_release(objects)
    everybody = [*ours, *OUTSIDE]
    assert len(ours) > 25
    found = {
        (source.name, target.name, port)
        for source, target, (port, protocol) in product(everybody, everybody, PORTS)
        if source is not target
        and (source in ours or target in ours)
        and network.may(policies, source, target, port, protocol)
    }
    assert found - expected() == set(), "may, and does not need to"
    assert expected() - found == set(), "needs to, and may not"


def test_without_the_policies_everybody_would_reach_everybody() -> None:
    one, other, *_ = network.of_release(charting.rendered("large"))
    assert network.may([], one, other, 22, "TCP")
    assert network.may([], OUTSIDE[-1], one, 8000, "TCP")


def test_together_a_service_has_what_its_roles_need_and_mail_is_notifications_alone() -> None:
    objects = charting.rendered("small")
    policies = charting.of_kind(objects, "NetworkPolicy")
    ours = {each.name: each for each in network.of_release(objects)}
    anywhere = next(each for each in OUTSIDE if each.name == "private")
    assert {
        name for name, pod in ours.items() if network.may(policies, pod, anywhere, 587, "TCP")
    } == {"notifications/main"}
    assert {
        name for name, pod in ours.items() if network.may(policies, pod, anywhere, 5432, "TCP")
    } == {f"{service}/{role}" for service in ANSWERING for role in ("main", "migrate")}
    assert not any(network.may(policies, pod, anywhere, 22, "TCP") for pod in ours.values())


def test_a_courier_stays_out_of_networks_that_are_said_to_be_ones_own() -> None:
    own = Actor("own", "93.184.216.34")
    closed = charting.rendered("large", {"networkPolicy": {"notPublic": ["93.184.0.0/16"]}})
    for objects, reaches in ((charting.rendered("large"), True), (closed, False)):
        [courier] = [e for e in network.of_release(objects) if e.name == "webhooks/courier"]
        policies = charting.of_kind(objects, "NetworkPolicy")
        assert network.may(policies, courier, own, 443, "TCP") is reaches


def test_policies_can_be_left_to_somebody_else() -> None:
    objects = charting.rendered(values={"networkPolicy": {"enabled": False}})
    assert charting.of_kind(objects, "NetworkPolicy") == []

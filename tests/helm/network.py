"""Who may talk to whom, computed from NetworkPolicies as Kubernetes defines them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any

from tests.helm import charting
from tests.helm.charting import Object

NAMESPACE = "renewals"


@dataclass(frozen=True)
class Actor:
    """A pod, or somebody outside the cluster (without a namespace), at an address."""

    name: str
    address: str
    namespace: str | None = None
    labels: dict[str, str] = field(default_factory=dict, hash=False)
    ports: dict[str, int] = field(default_factory=dict, hash=False)


def of_release(objects: tuple[Object, ...]) -> list[Actor]:
    """The pods of the release, by service and role: `renewals/sweep`."""
    found = {}
    for number, (_, metadata, spec) in enumerate(charting.pods(objects), 1):
        labels = metadata["labels"]
        service = labels.get("app.kubernetes.io/component")
        role = labels["partner-tools/role"]
        name = "/".join(filter(None, (service, role)))
        named = {
            port["name"]: port["containerPort"]
            for container in spec["containers"]
            for port in container.get("ports", ())
        }
        found[name] = Actor(name, f"10.244.0.{number}", NAMESPACE, labels, named)
    return list(found.values())


def may(policies: Iterable[Object], source: Actor, target: Actor, port: int, protocol: str) -> bool:
    """Whether a connection comes to be: let out at one end, and in at the other."""
    policies = list(policies)
    return _lets(policies, "Egress", source, target, (target, port, protocol)) and _lets(
        policies, "Ingress", target, source, (target, port, protocol)
    )


def _lets(
    policies: list[Object], way: str, here: Actor, there: Actor, at: tuple[Actor, int, str]
) -> bool:
    applying = [
        each["spec"]
        for each in policies
        if here.namespace == each["metadata"]["namespace"]
        and way in each["spec"]["policyTypes"]
        and selects(each["spec"]["podSelector"], here.labels)
    ]
    if not applying:
        return True
    peers = "to" if way == "Egress" else "from"
    return any(
        _is_at(rule.get("ports"), *at) and _is_peer(rule.get(peers), there, here)
        for spec in applying
        for rule in spec.get(way.lower()) or ()
    )


def _is_at(ports: list[Object] | None, target: Actor, port: int, protocol: str) -> bool:
    if not ports:
        return True
    return any(
        each.get("protocol", "TCP") == protocol
        and target.ports.get(each["port"], each["port"]) == port
        for each in ports
    )


def _is_peer(peers: list[Object] | None, actor: Actor, here: Actor) -> bool:
    if not peers:
        return True
    return any(_matches(peer, actor, here) for peer in peers)


def _matches(peer: Object, actor: Actor, here: Actor) -> bool:
    if block := peer.get("ipBlock"):
        address = ip_address(actor.address)
        return _is_in(address, block["cidr"]) and not any(
            _is_in(address, each) for each in block.get("except", ())
        )
    if actor.namespace is None:
        return False
    spaces = peer.get("namespaceSelector")
    if spaces is None:
        in_space = actor.namespace == here.namespace
    else:
        in_space = selects(spaces, {"kubernetes.io/metadata.name": actor.namespace})
    return in_space and selects(peer.get("podSelector", {}), actor.labels)


def _is_in(address: Any, cidr: str) -> bool:
    network = ip_network(cidr)
    return address.version == network.version and address in network


def selects(selector: Object, labels: dict[str, str]) -> bool:
    """Whether a selector finds something with these labels; an empty one finds everything."""
    assert set(selector) <= {"matchLabels"}, "no policy of ours has others"
    return bool(selector.get("matchLabels", {}).items() <= labels.items())

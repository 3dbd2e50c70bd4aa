"""Where an endpoint may be: what its address may say, and what that may resolve to."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

from services.webhooks.domain.refusals import Refused

# What is not in here is refused rather than understood: no two readers may differ about it.
_URL: Final = re.compile(
    r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9.-]{1,253})(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?(?P<query>\?[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?"
)
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME: Final = re.compile(rf"(?:{_LABEL}\.)+(?=[a-z0-9-]*[a-z]){_LABEL}")
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1"})
_PORTS: Final = {"https": 443, "http": 80}

# Addresses that are public by the letter, at least for some versions of Python, and lead inside or
# nowhere all the same.
_INSIDE: Final = (
    IPv4Network("168.63.129.16/32"),  # a cloud's own services for each of its machines
    IPv4Network("192.0.0.0/24"),  # protocols' own
    IPv4Network("192.88.99.0/24"),  # relays of 6to4
    IPv6Network("2001::/23"),  # protocols' own: Teredo and others
    IPv6Network("2002::/16"),  # 6to4
    IPv6Network("3fff::/20"),  # documentation
)
_NAT64: Final = IPv6Network("64:ff9b::/96")
_UNICAST: Final = IPv6Network("2000::/3")  # all of IPv6 that is given to anybody


@dataclass(frozen=True, slots=True)
class Reach:
    """How far endpoints may be: names with all below them, ports, and this very machine."""

    hosts: tuple[str, ...] = ()
    ports: frozenset[int] = frozenset({443})
    loopback: bool = False


def allowed(url: str, reach: Reach) -> str:
    """The address as it is kept. Raises Refused with what would be right."""
    found = _URL.fullmatch(url)
    if found is None:
        raise Refused(
            "url",
            "an address such as https://hooks.example.com/renewals: a name without user and "
            "password, no fragment, and other signs only as %XX",
            url,
        )
    scheme, host = found["scheme"], found["host"].lower()
    port = int(found["port"] or _PORTS[scheme])
    if not (reach.loopback and host in _LOOPBACK):
        _require_public(url, scheme, host, port, reach)
    elif not 0 < port < 65536:  # noqa: PLR2004 - what TCP has
        raise Refused("url", "a port that there is", url)
    shown = "" if port == _PORTS[scheme] else f":{port}"
    return f"{scheme}://{host}{shown}{found['path'] or '/'}{found['query'] or ''}"


def _require_public(url: str, scheme: str, host: str, port: int, reach: Reach) -> None:
    if scheme != "https":
        raise Refused("url", "https", url)
    if not _NAME.fullmatch(host):
        raise Refused("url", "the name of a host, and no address of a machine", url)
    if not any(host == each or host.endswith(f".{each}") for each in reach.hosts):
        raise Refused("url", "a host that the operator allows", url)
    if port not in reach.ports:
        raise Refused("url", f"one of the ports {sorted(reach.ports)}", url)


def may_connect(host: str, addresses: Iterable[str], reach: Reach) -> bool:
    """Whether all that a name resolved to may be connected to."""
    found = [ip_address(each.partition("%")[0]) for each in addresses]
    if host in _LOOPBACK:
        return reach.loopback and bool(found) and all(each.is_loopback for each in found)
    return bool(found) and all(_is_public(each) for each in found)


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address):
        if address in _NAT64:
            return _is_public(IPv4Address(int(address) & 0xFFFF_FFFF))
        if address.ipv4_mapped is not None:
            return _is_public(address.ipv4_mapped)
        if address not in _UNICAST:
            return False
    return (
        address.is_global
        and not (address.is_multicast or address.is_reserved or address.is_unspecified)
        and not any(address in each for each in _INSIDE if each.version == address.version)
    )

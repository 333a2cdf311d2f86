"""Which addresses are the public internet's, whatever form they are written in."""

import ipaddress
from collections.abc import Iterable, Iterator
from typing import TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
NAT64_LOCAL = ipaddress.IPv6Network("64:ff9b:1::/48")
RELAYS = ipaddress.IPv4Network("192.88.99.0/24")
"""Of 6to4, given up (RFC 7526)."""
COMPATIBLE = ipaddress.IPv6Network("::/96")
"""Of old, an IPv4 address in the last four bytes (RFC 4291, 2.5.5.1)."""


def is_public(address: Address, allowed: Iterable[Network] = ()) -> bool:
    """With every IPv4 address that is wrapped in it. `allowed` are let through as they stand."""
    if any(address.version == network.version and address in network for network in allowed):
        return True
    return all(_is_public(one) for one in [address, *_wrapped(address)])


def _is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped or address in NAT64:
            return True  # what is wrapped in it is asked
        if address in NAT64_LOCAL or address in COMPATIBLE or address.is_site_local:
            return False
    if address.version == 4 and address in RELAYS:
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _wrapped(address: Address) -> Iterator[ipaddress.IPv4Address]:
    """Addresses that a gateway or the system itself would take out of it."""
    if not isinstance(address, ipaddress.IPv6Address):
        return
    if address.ipv4_mapped:
        yield address.ipv4_mapped
    if address.sixtofour:
        yield address.sixtofour
    if address.teredo:
        yield from address.teredo
    if address in NAT64:
        yield ipaddress.IPv4Address(address.packed[-4:])


def networks_of(text: str | None) -> list[Network]:
    """Of `10.1.2.0/24, fd00::/8`. Raises ValueError."""
    return [ipaddress.ip_network(one.strip()) for one in (text or "").split(",") if one.strip()]

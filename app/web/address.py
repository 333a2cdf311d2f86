"""Where a request comes from: the peer itself, or who a trusted proxy says it came from."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from litestar.types import Scope

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def address_of(scope: Scope) -> str | None:
    """None where the peer has none (a Unix socket).

    The state's `trusted_networks` are those of the proxies that are believed.
    """
    trusted = scope["app"].state["trusted_networks"]
    if not trusted:
        client = scope.get("client")
        return client[0] if client else None
    address = client_address(scope, trusted)
    return None if address is None else str(address)


def client_address(scope: Scope, trusted: Sequence[Network]) -> Address | None:
    """`X-Forwarded-For` is read from its end, as far as proxies that are trusted wrote it."""
    client = scope.get("client")
    address = parse_address(client[0]) if client else None
    for said in reversed(_forwarded(scope)):
        before = parse_address(said)
        if before is None or not _is_in(address, trusted):
            break
        address = before
    return address


def _is_in(address: Address | None, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks if address is not None)


def _forwarded(scope: Scope) -> list[str]:
    lines = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
    return [part for line in lines for part in line.decode("latin-1").split(",")]


def parse_address(text: str) -> Address | None:
    """As proxies write it: perhaps in brackets, with a port or a zone."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]  # with a port
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address

"""The address that `serve` listens on."""

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from app.errors import StartError


@contextmanager
def held(host: str, port: int) -> Iterator[tuple[str, int]]:
    """Take the address for ourselves before anything starts; port 0 becomes a free one.

    Workers listen on sockets of their own beside this one, which never does. It keeps the port
    from a second service: one bound with SO_REUSEPORT would get a part of our requests.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise StartError(f"The host {host} is not known: choose another --host.") from error
    with _bound(family, address, host, port) as taken:
        ip, number = taken.getsockname()[:2]
        if sys.platform.startswith("linux"):
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        else:
            taken.close()  # elsewhere granian's one listener needs the port for itself
        yield str(ip), int(number)


def base_url(host: str, port: int) -> str:
    """Where a client on this machine finds the service; wildcards are no addresses to call."""
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def _bound(family: int, address: tuple[object, ...], host: str, port: int) -> socket.socket:
    """To ourselves alone; only where connections of an earlier run still end, beside those."""
    taken = socket.socket(family, socket.SOCK_STREAM)
    try:
        try:
            taken.bind(address)
        except OSError:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind(address)
    except OSError as error:
        taken.close()
        raise _refusal(error, host, port) from error
    return taken


def _refusal(error: OSError, host: str, port: int) -> StartError:
    if isinstance(error, PermissionError):
        return StartError(f"Port {port} is for root only: choose another --port.")
    return StartError(
        f"Port {port} on {host} cannot be had ({error.strerror}): "
        "stop what uses it, or choose another --port."
    )

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
    with socket.socket(family, socket.SOCK_STREAM) as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _bind(taken, address, host, port)
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


def _bind(taken: socket.socket, address: tuple[object, ...], host: str, port: int) -> None:
    try:
        taken.bind(address)
    except PermissionError as error:
        raise StartError(f"Port {port} is for root only: choose another --port.") from error
    except OSError as error:
        raise StartError(
            f"Port {port} on {host} cannot be had ({error.strerror}): "
            "stop what uses it, or choose another --port."
        ) from error

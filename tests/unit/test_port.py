"""The address that `serve` listens on."""

import socket

import pytest

from app.cli.port import base_url, held
from app.errors import StartError


def test_port_0_becomes_a_free_one() -> None:
    with held("127.0.0.1", 0) as (address, port):
        assert address == "127.0.0.1"
        assert port > 0


def test_a_held_port_is_for_our_workers_alone() -> None:
    with held("127.0.0.1", 0) as (_, port):
        with pytest.raises(StartError, match=f"Port {port}"), held("127.0.0.1", port):
            pass
        with socket.socket() as worker:
            worker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            worker.bind(("127.0.0.1", port))
            worker.listen()


def test_an_unknown_host_is_said() -> None:
    with pytest.raises(StartError, match="not known"), held("no.such.host.invalid", 0):
        pass


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:1"),
        ("0.0.0.0", "http://127.0.0.1:1"),
        ("::1", "http://[::1]:1"),
        ("::", "http://[::1]:1"),
    ],
)
def test_a_base_url_can_be_called(host: str, url: str) -> None:
    assert base_url(host, 1) == url

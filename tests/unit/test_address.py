"""Where a request comes from, and who is believed about it."""

from typing import Any

import pytest

from app.config import read_config
from app.errors import StartError
from app.web.address import client_address

PROXIES = "10.0.0.0/8, 2001:db8::/32"


def seen(peer: str | None, *forwarded: str, trusted: str = PROXIES) -> str | None:
    scope: Any = {
        "client": (peer, 1) if peer else None,
        "headers": [(b"x-forwarded-for", line.encode()) for line in forwarded],
    }
    networks = read_config({"BACKSTORY_TRUSTED_PROXIES": trusted}).trusted_networks
    found = client_address(scope, networks)
    return str(found) if found else None


def test_a_stranger_s_word_counts_for_nothing() -> None:
    assert seen("1.2.3.4", "5.6.7.8") == "1.2.3.4"
    assert seen("10.0.0.1", "5.6.7.8", trusted="") == "10.0.0.1"
    assert seen(None, "5.6.7.8") is None


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        (["5.6.7.8"], "5.6.7.8"),
        (["9.9.9.9, 5.6.7.8"], "5.6.7.8"),  # the first is the client's own invention
        (["9.9.9.9", "5.6.7.8, 10.3.2.1"], "5.6.7.8"),
        (["5.6.7.8:4711"], "5.6.7.8"),
        (["[2001:db9::1]:4711, 2001:db8::5"], "2001:db9::1"),
        (["::ffff:5.6.7.8"], "5.6.7.8"),
        (["fe80::1%eth0"], "fe80::1"),
        (["10.9.9.9, 10.8.8.8"], "10.9.9.9"),
        (["5.6.7.8, unknown"], "10.0.0.1"),
        ([""], "10.0.0.1"),
    ],
)
def test_a_proxy_s_word_counts_as_far_as_it_wrote_it(forwarded: list[str], address: str) -> None:
    assert seen("10.0.0.1", *forwarded) == address


def test_what_is_no_network_ends_the_start() -> None:
    with pytest.raises(StartError, match="BACKSTORY_TRUSTED_PROXIES"):
        read_config({"BACKSTORY_TRUSTED_PROXIES": "10.0.0.1/8"})

"""The running service that a command speaks to: its address and a key."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import click
import msgspec
import stamina

from app.cli.data_dir import read_credentials
from app.errors import StartError

CONNECT_SECONDS_MAX = 10.0
READ_SECONDS_MAX = 300.0
ATTEMPTS = 8
UNAVAILABLE = 503

Command = TypeVar("Command", bound=Callable[..., None])


class Target(msgspec.Struct, frozen=True):
    base_url: str
    key: str

    @property
    def root_url(self) -> str:
        return self.base_url.removesuffix("/v1")


class Refused(StartError):
    """The service answered that it will not do this."""


class Busy(Exception):
    """The service cannot do this now."""


def with_target(command: Command) -> Command:
    """Options of a command that speaks to a running service."""
    options = (
        click.option("--url", envvar="BACKSTORY_URL", help="The service, as http://host:8642/v1."),
        click.option("--key", envvar="BACKSTORY_KEY", help="An API key of its.  [the admin key]"),
        click.option(
            "--data-dir",
            type=click.Path(path_type=Path),
            default=Path("data"),
            help="Where both are read where they are not given.  [./data]",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def find_target(url: str | None, key: str | None, data_dir: Path) -> Target:
    """Raises StartError."""
    if url and key:
        return Target(_with_version(url), key)
    found = read_credentials(data_dir)
    if found is None:
        raise StartError(
            f"{data_dir / 'credentials.json'} cannot be read: name the data directory of the "
            "service by --data-dir, or the service by --url and --key."
        )
    return Target(_with_version(url or found.base_url), key or found.admin_key)


def _with_version(url: str) -> str:
    """Also where the service's root is named."""
    base = url.rstrip("/")
    return base if base.endswith("/v1") else f"{base}/v1"


@asynccontextmanager
async def connected(target: Target) -> AsyncIterator[aiohttp.ClientSession]:
    timeout = aiohttp.ClientTimeout(
        total=None, sock_connect=CONNECT_SECONDS_MAX, sock_read=READ_SECONDS_MAX
    )
    headers = {"Authorization": f"Bearer {target.key}"}
    stamina.instrumentation.set_on_retry_hooks([])  # its log lines would break the bar
    async with aiohttp.ClientSession(headers=headers, timeout=timeout) as http:
        yield http


AWAY = (aiohttp.ClientError, asyncio.TimeoutError, Busy)
"""How it shows that the service is away, or cannot answer now."""

again_if_away = stamina.retry(on=AWAY, attempts=ATTEMPTS, timeout=None)
"""For a call that may be made again."""


async def check(answer: aiohttp.ClientResponse) -> None:
    """Raises Refused, or Busy where it is worth another try."""
    if answer.status < 400:
        return
    if answer.status >= UNAVAILABLE:
        raise Busy
    raise Refused(_reason(await answer.read()) or f"The service answered {answer.status}.")


def _reason(raw: bytes) -> str | None:
    try:
        body: Mapping[str, Any] = msgspec.json.decode(raw)
        return str(body["error"]["message"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return None

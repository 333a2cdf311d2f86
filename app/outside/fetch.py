"""Fetching what a client's URL names: the one way by which Backstory calls a foreign host.

The name is looked up once, every address that it has must be public, and the connection goes to an
address that was checked: a name that means another host the next time (DNS rebinding) gains
nothing. Redirects are followed by hand, each as if it were the first URL.
"""

import asyncio
import ipaddress
import re
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import aiohttp
import msgspec
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from app.config import Config
from app.errors import StartError
from app.outside.addresses import Network, is_public, networks_of

REDIRECTS_MAX = 3
URL_LENGTH_MAX = 8192
REDIRECTS = {301, 302, 303, 307, 308}
AT_ONCE_MAX = 16
PIECE_BYTES = 2**16
ENDS_IN_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)\.?", re.IGNORECASE)
"""Such a host is an address or nothing (WHATWG URL, 4.5.1): a system reads `127.1` as one."""


class Refused(Exception):
    """What may not be fetched, or could not be. The message tells a client nothing of what is
    there: it must not learn which private hosts answer."""


class _CheckedResolver(AbstractResolver):
    """Gives only addresses that may be called; one that may not spoils the name."""

    def __init__(self, resolver: AbstractResolver, allowed: Sequence[Network]) -> None:
        self._resolver = resolver
        self._allowed = allowed

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        for one in found:
            if not is_public(ipaddress.ip_address(one["host"].partition("%")[0]), self._allowed):
                raise Refused("The URL's host is not a public one.")
        return found

    async def close(self) -> None:
        await self._resolver.close()


class Fetched(msgspec.Struct, frozen=True):
    media_type: str
    data: bytes


class Fetcher:
    """Made by `open_fetcher`."""

    def __init__(
        self, session: aiohttp.ClientSession, allowed: Sequence[Network], seconds_max: float
    ) -> None:
        self._session = session
        self._allowed = allowed
        self._seconds_max = seconds_max
        self._at_once = asyncio.Semaphore(AT_ONCE_MAX)

    async def fetch(self, url: str, *, media_type: str, bytes_max: int) -> Fetched:
        """The body of the answer, which must be of that type (`image/`). Raises Refused."""
        try:
            async with asyncio.timeout(self._seconds_max), self._at_once:
                return await self._fetch(self._checked(url), media_type, bytes_max)
        except TimeoutError:
            raise Refused("The URL could not be fetched in time.") from None
        except (aiohttp.ClientError, OSError, ValueError):
            raise Refused("The URL could not be fetched.") from None

    async def _fetch(self, url: URL, media_type: str, bytes_max: int) -> Fetched:
        for _ in range(REDIRECTS_MAX + 1):
            async with self._session.get(url, allow_redirects=False) as answer:
                if answer.status in REDIRECTS:
                    target = answer.headers.get("Location", "")
                    url = self._checked(str(url.join(URL(target))))
                    continue
                return await _read(answer, media_type, bytes_max)
        raise Refused(f"The URL redirects more than {REDIRECTS_MAX} times.")

    def _checked(self, text: str) -> URL:
        """What the URL itself tells; names are checked when they are looked up."""
        if len(text) > URL_LENGTH_MAX:
            raise Refused(f"The URL is longer than {URL_LENGTH_MAX} characters.")
        url = URL(text)
        if url.scheme not in ("http", "https") or not url.host:
            raise Refused("The URL must begin with http:// or https:// and name a host.")
        if url.user is not None or url.password is not None:
            raise Refused("The URL must hold no user and no password.")
        literal = _literal(url.host)
        if literal is None and ENDS_IN_NUMBER.fullmatch(url.host):
            raise Refused("The URL's host is no address as they are written.")
        if literal and not is_public(literal, self._allowed):
            raise Refused("The URL's host is not a public one.")
        return url


def _literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An address that is written out, and so is not looked up."""
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None


async def _read(answer: aiohttp.ClientResponse, media_type: str, bytes_max: int) -> Fetched:
    if answer.status != 200:
        raise Refused(f"The URL was answered with status {answer.status}.")
    if not answer.content_type.startswith(media_type):
        raise Refused(f"What the URL names is not of type {media_type}…")
    if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Refused("What the URL names came compressed.")
    data = bytearray()
    async for piece in answer.content.iter_chunked(PIECE_BYTES):
        data += piece
        if len(data) > bytes_max:
            raise Refused(f"What the URL names is larger than {bytes_max} bytes.")
    return Fetched(answer.content_type, bytes(data))


@asynccontextmanager
async def open_fetcher(
    config: Config, resolver: AbstractResolver | None = None
) -> AsyncIterator[Fetcher]:
    """The resolver is the system's, unless a test brings its own. Raises StartError."""
    try:
        allowed = networks_of(config.fetch_networks_allowed)
    except ValueError as error:
        raise StartError(f"BACKSTORY_FETCH_NETWORKS_ALLOWED: {error}.") from None
    checked = _CheckedResolver(resolver or aiohttp.ThreadedResolver(), allowed)
    connector = aiohttp.TCPConnector(resolver=checked, use_dns_cache=False, force_close=True)
    session = aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        headers={"Accept-Encoding": "identity", "User-Agent": "Backstory"},
        timeout=aiohttp.ClientTimeout(total=config.fetch_timeout_seconds),
    )
    async with session:
        yield Fetcher(session, allowed, config.fetch_timeout_seconds)

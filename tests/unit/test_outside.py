"""The guard of calls to foreign hosts, against those who want it to call its own."""

import ipaddress
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from app.config import Config
from app.errors import StartError
from app.outside.addresses import is_public
from app.outside.fetch import REDIRECTS_MAX, Fetcher, Refused, open_fetcher

PRIVATE = [
    *("127.0.0.1", "127.1.2.3", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255"),
    *("192.168.1.1", "169.254.169.254", "100.64.0.1", "192.0.0.1", "192.0.2.1", "198.18.0.1"),
    *("198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.88.99.1"),
    *("::", "::1", "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:10.0.0.1"),
    *("::ffff:169.254.169.254", "64:ff9b::127.0.0.1", "64:ff9b::a00:1", "64:ff9b:1::1"),
    *("2002:7f00:1::", "2002:a9fe:a9fe::1", "2001:0:7f00:1::1", "2001::1", "fe80::1", "fec0::1"),
    *("fc00::1", "fd12:3456::1", "ff02::1", "2001:db8::1", "100::1"),
]
PUBLIC = ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
HOSTILE = [
    # Written out, in every form that some program takes
    *(
        "http://127.0.0.1/",
        "http://127.1/",
        "http://1.2/",
        "http://8.8.2056/",
        "http://x.0x7f/",
        "http://9.9.9.9.9/",
        "http://127.0.1/",
        "http://2130706433/",
    ),
    *(
        "http://0x7f000001/",
        "http://0x7f.0x0.0x0.0x1/",
        "http://0177.0.0.1/",
        "http://017700000001/",
    ),
    *(
        "http://0/",
        "http://0.0.0.0/",
        "http://[::1]/",
        "http://[::]/",
        "http://[::ffff:127.0.0.1]/",
    ),
    *("http://[::ffff:7f00:1]/", "http://[0:0:0:0:0:0:0:1]/", "http://[::127.0.0.1]/"),
    *(
        "http://[64:ff9b::7f00:1]/",
        "http://[2002:7f00:1::]/",
        "http://[fe80::1]/",
        "http://[fd00::1]/",
    ),
    *("http://[::1%25lo]/", "http://169.254.169.254/latest/meta-data/", "http://10.0.0.1/"),
    *("http://192.168.0.1:8080/", "http://172.16.0.1/", "http://100.100.100.200/"),
    *("http://127。0。0。1/", "http://①②⑦.0.0.1/", "http://127.0.0.1./", "https://127.0.0.1/"),
    # Names that lead inside
    *("http://localhost/", "http://LOCALHOST./", "http://localhost.localdomain/"),
    *("http://metadata.internal/", "http://both.example/", "http://inside.example/"),
    # Credentials, and hosts that hide behind them
    *("http://user@example.com/", "http://:secret@example.com/", "http://example.com@127.0.0.1/"),
    *("http://example.com:80@127.0.0.1/", "http://127.0.0.1#@example.com/", "http://\\@127.0.0.1/"),
    # Other schemes, and no URL at all
    *("file:///etc/passwd", "ftp://example.com/", "gopher://127.0.0.1:6379/_INFO", "//127.0.0.1/"),
    *("http:///etc/passwd", "http://", "http:127.0.0.1", "jar:http://example.com!/", "unix:/run/x"),
    *("http://[/", "http://example.com:99999/", "http://exa mple.com/", "http://a" + "b" * 9000),
]


class Names(AbstractResolver):
    """The addresses of names, one list a look-up; of others what the system's resolver says."""

    def __init__(self, **names: list[list[str]]) -> None:
        self.asked: list[str] = []
        self._names = {name.replace("_", "."): iter(found) for name, found in names.items()}
        self._system = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        self.asked.append(host)
        if host not in self._names:
            return await self._system.resolve(host, port, family)
        return [
            ResolveResult(
                hostname=host, host=address, port=port, family=_family(address), proto=0, flags=0
            )
            for address in next(self._names[host])
        ]

    async def close(self) -> None:
        await self._system.close()


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


class Site:
    """A server on loopback that counts who comes."""

    def __init__(self) -> None:
        self.visits: list[str] = []
        self.port = 0
        self.other_port = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.visits.append(request.path)
        assert "Cookie" not in request.headers
        assert "Authorization" not in request.headers
        match request.path:
            case "/image":
                return web.Response(body=b"png", content_type="image/png")
            case "/text":
                return web.Response(text="secret")
            case "/large":
                return web.Response(body=b"x" * 5_000, content_type="image/png")
            case "/zipped":
                headers = {"Content-Encoding": "gzip"}
                return web.Response(body=b"x", content_type="image/png", headers=headers)
            case "/loop":
                raise web.HTTPFound("/loop")
            case "/missing":
                raise web.HTTPNotFound
        raise web.HTTPFound(request.query["to"])


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """On 127.0.0.1, which the tests let through, and on 127.0.0.2, which they do not."""
    made = Site()
    application = web.Application()
    application.router.add_get("/{path:.*}", made.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    for host in ("127.0.0.1", "127.0.0.2"):
        await web.TCPSite(runner, host, made.port).start()
        made.port = runner.addresses[0][1]
    yield made
    await runner.cleanup()


@asynccontextmanager
async def fetching(names: Names | None = None, **config: str) -> AsyncIterator[Fetcher]:
    allowed = {"fetch_networks_allowed": "127.0.0.1/32"} | config
    async with open_fetcher(Config(**allowed), names or Names()) as fetcher:  # type: ignore[arg-type]
        yield fetcher


async def refused(fetcher: Fetcher, url: str) -> str:
    with pytest.raises(Refused) as caught:
        await fetcher.fetch(url, media_type="image/", bytes_max=1_000)
    return str(caught.value)


@pytest.fixture
def nothing_called(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    called: list[object] = []

    async def connect(*arguments: object, **_: object) -> None:
        called.append(arguments)
        raise OSError

    monkeypatch.setattr("aiohappyeyeballs.start_connection", connect)
    yield
    assert called == []


@pytest.mark.parametrize("text", PRIVATE)
def test_what_is_not_public(text: str) -> None:
    assert not is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", PUBLIC)
def test_what_is_public(text: str) -> None:
    assert is_public(ipaddress.ip_address(text))


@pytest.mark.usefixtures("nothing_called")
@pytest.mark.parametrize("url", HOSTILE)
async def test_a_hostile_url_is_refused_before_anything_is_called(url: str) -> None:
    names = Names(
        metadata_internal=[["169.254.169.254"]],
        both_example=[["93.184.216.34", "10.0.0.1"]],
        inside_example=[["::ffff:10.0.0.1"]],
        example_com=[["93.184.216.34"]] * 2,
    )
    names._names["localhost.localdomain"] = iter([["127.0.0.1"]])
    async with open_fetcher(Config(), names) as fetcher:
        message = await refused(fetcher, url)
    assert "127.0.0.1" not in message


async def test_what_is_public_is_fetched_by_the_address_that_was_checked(site: Site) -> None:
    """The name means another host the next time it is asked: it is not asked again."""
    names = Names(images_example=[["127.0.0.1"], ["127.0.0.2"]])
    async with fetching(names) as fetcher:
        url = f"http://images.example:{site.port}"
        fetched = await fetcher.fetch(f"{url}/image", media_type="image/", bytes_max=1_000)
        assert (fetched.media_type, fetched.data) == ("image/png", b"png")
        assert names.asked == ["images.example"]
        await refused(fetcher, f"{url}/image")
    assert site.visits == ["/image"]


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.2:{port}/image",
        "http://[::ffff:127.0.0.2]:{port}/image",
        "//127.0.0.2:{port}/image",
        "http://2130706434:{port}/image",
        "http://user:password@127.0.0.1:{port}/image",
        "file:///etc/passwd",
        "http://inside.example:{port}/image",
        "",
    ],
)
async def test_a_redirect_leads_nowhere_else(site: Site, target: str) -> None:
    names = Names(inside_example=[["127.0.0.2"]])
    async with fetching(names) as fetcher:
        to = f"http://127.0.0.1:{site.port}/to?to={target.format(port=site.port)}"
        await refused(fetcher, to)
    assert "/image" not in site.visits


async def test_a_redirect_to_what_is_public_is_followed(site: Site) -> None:
    async with fetching() as fetcher:
        url = f"http://127.0.0.1:{site.port}"
        fetched = await fetcher.fetch(f"{url}/to?to=/image", media_type="image/", bytes_max=9)
        assert fetched.data == b"png"
        await refused(fetcher, f"{url}/loop")
    assert site.visits.count("/loop") == REDIRECTS_MAX + 1


@pytest.mark.parametrize("path", ["text", "large", "zipped", "missing"])
async def test_what_is_no_image_of_that_size(site: Site, path: str) -> None:
    async with fetching() as fetcher:
        message = await refused(fetcher, f"http://127.0.0.1:{site.port}/{path}")
    assert "secret" not in message


async def test_who_does_not_answer_is_left() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with open_fetcher(
            Config(fetch_networks_allowed="127.0.0.1", fetch_timeout_seconds=0.05)
        ) as fetcher:
            message = await refused(fetcher, f"http://127.0.0.1:{silent.getsockname()[1]}/")
    assert message == "The URL could not be fetched in time."


async def test_a_network_that_is_none_ends_the_start() -> None:
    with pytest.raises(StartError, match="FETCH_NETWORKS_ALLOWED"):
        async with open_fetcher(Config(fetch_networks_allowed="10.0.0.0/8, here")):
            pass

"""Images that a client names by URL: to the engine as they are, or fetched, or refused."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from tests.support.api import Api
from tests.support.engine import FakeEngine
from tests.support.heard import heard_once, something
from tests.support.images import data_url, image, saying, shown
from tests.support.rows import new_key, new_project
from tests.support.service import Service
from tests.support.settings import set_own

HIDDEN = "http://127.0.0.2:9/a.png"


class Site:
    def __init__(self, url: str, picture: bytes) -> None:
        self.url = url
        self.picture = picture
        self.visits = 0


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    made = Site("", image())

    async def answer(request: web.Request) -> web.Response:
        made.visits += 1
        text = request.path == "/text"
        return web.Response(body=made.picture, content_type="text/html" if text else "image/jpeg")

    application = web.Application()
    application.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


@pytest.fixture
async def own(backstory: Service, api: Api) -> Api:
    scopes = ("engine", "settings")
    return api.with_key(await new_key(backstory, *scopes, project=await new_project(backstory)))


async def test_the_engine_gets_the_url_by_default(
    own: Api, site: Site, shared_engine: FakeEngine
) -> None:
    said = something()
    await own.respond(saying(said, shown(f"{site.url}/a.png")))
    part = heard_once(shared_engine, said)["input"][0]["content"][1]
    assert part["image_url"] == f"{site.url}/a.png"
    assert site.visits == 0


async def test_it_is_fetched_once_and_kept(own: Api, site: Site, shared_engine: FakeEngine) -> None:
    await set_own(own, {"image_urls": "fetch"})
    said = something()
    first = await own.respond(saying(said, shown(f"{site.url}/a.png"), shown(f"{site.url}/b.png")))
    parts = heard_once(shared_engine, said)["input"][0]["content"][1:]
    assert [part["image_url"] for part in parts] == [data_url(site.picture)] * 2
    again = something()
    await own.respond(again, previous_response_id=first["id"])
    parts = heard_once(shared_engine, again)["input"][0]["content"][1:]
    assert [part["image_url"] for part in parts] == [data_url(site.picture)] * 2
    assert site.visits == 2


@pytest.mark.parametrize("way", ["fetch", "refuse"])
async def test_what_may_not_be_fetched_is_refused(own: Api, site: Site, way: str) -> None:
    await set_own(own, {"image_urls": way})
    urls = [HIDDEN, f"{site.url}/text", f"{site.url}/text#a.png"]
    for url in [*urls, f"{site.url}/a.png"] if way == "refuse" else urls:
        reply = await own.create(saying(something(), shown(url)))
        assert (reply.status, reply.error["code"]) == (400, "invalid_image_url"), url
        assert reply.error["param"] == "input[0].content[1].image_url"
    assert site.visits == (2 if way == "fetch" else 0)


async def test_more_than_a_request_may_hold_is_refused(own: Api, site: Site) -> None:
    await set_own(own, {"image_urls": "fetch"})
    site.picture += bytes(9 * 2**20)
    reply = await own.create(saying(something(), *[shown(f"{site.url}/{n}") for n in range(3)]))
    assert (reply.status, reply.error["code"]) == (400, "invalid_image_url")

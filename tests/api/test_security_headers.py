"""What every answer tells browsers and caches; and that our own page still runs under it."""

from pathlib import Path

import pytest

from tests.support.api import Api
from tests.support.browser import open_page
from tests.support.files import uploaded
from tests.support.heard import something
from tests.support.images import image
from tests.support.service import Service

PATHS = [
    "/docs",
    "/openapi.json",
    "/health/live",
    "/v1/models",
    "/v1/nothing",
    "/nothing",
    "/docsx",
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("known", [True, False])
async def test_every_answer_has_them(api: Api, path: str, known: bool) -> None:
    speaker = api if known else api.with_key(None)
    for method in ("GET", "POST", "OPTIONS"):
        headers = (await speaker.send(method, path)).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert "script-src" not in headers["Content-Security-Policy"] or path == "/docs"
        assert "Cache-Control" in headers


async def test_what_is_somebodys_is_kept_by_no_cache(api: Api) -> None:
    response = await api.respond(something())
    reply = await api.get(f"/v1/responses/{response['id']}")
    assert reply.headers["Cache-Control"] == "no-store"
    put = await api.send("PUT", "/v1/settings/cached", 1)
    assert put.headers["Cache-Control"] == "private, no-cache"
    async with api.streaming(something()) as answer:
        assert answer.headers.getall("Cache-Control") == ["no-cache, no-transform"]
    file = await uploaded(api, image())
    content = await api.get(f"/v1/files/{file['id']}/content")
    assert content.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert content.headers["Content-Disposition"].startswith("attachment")


async def test_the_docs_are_shown(backstory: Service, tmp_path: Path) -> None:
    async with open_page(tmp_path / "profile") as page:
        await page.open(f"{backstory.root_url}/docs")
        shown = "document.querySelector('rapi-doc').shadowRoot.textContent"
        await page.until(f"{shown}.includes('/v1/responses')")
        await page.screenshot(tmp_path / "docs.png")
        assert page.complaints == []

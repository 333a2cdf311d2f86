"""The page of docs/identity.md as it is printed there, in a browser, from another origin."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from tests.support.accounts import PASSWORD, Accounts, open_accounts, some_email
from tests.support.browser import Page, open_page
from tests.support.service import Service, free_port

DOCS = Path(__file__).parents[2] / "docs" / "identity.md"
SAID = "document.getElementById('said').textContent"
IN_THE_ROOM = "!document.getElementById('room').hidden"
AT_THE_DOOR = "!document.getElementById('door').hidden"


def printed_page(service: Service, publishable_key: str) -> str:
    [page] = re.findall(r"```html\n(.*?)```", DOCS.read_text(), re.DOTALL)
    for placeholder, real in (
        ("https://backstory.example.com", service.root_url),
        ("bs_pk_…", publishable_key),
    ):
        assert page.count(placeholder) == 1
        page = page.replace(placeholder, real)
    return str(page)


@asynccontextmanager
async def serving(text: str) -> AsyncIterator[int]:
    """A server of pages, on a port of its own: that is another origin."""

    async def page(_: web.Request) -> web.Response:
        return web.Response(text=text, content_type="text/html")

    app = web.Application()
    app.router.add_get("/", page)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield port
    finally:
        await runner.cleanup()


async def enter(page: Page, button: str, email: str, password: str = PASSWORD) -> None:
    await page.fill("email", email)
    await page.fill("password", password)
    await page.click(f"button[value={button}]")


async def ask(page: Page, question: str) -> None:
    await page.fill("question", question)
    await page.click("#room button")
    await page.until(f"{SAID} === 'You said: {question}'")


async def test_signing_up_asking_and_leaving(backstory: Service, tmp_path: Path) -> None:
    async with open_accounts(backstory) as accounts, open_page(tmp_path / "profile") as page:
        assert accounts.page.key is not None
        async with serving(printed_page(backstory, accounts.page.key)) as port:
            await accounts.set(cors_origins=[f"http://127.0.0.1:{port}"])
            await page.open(f"http://127.0.0.1:{port}/")
            await _use(page, some_email(), tmp_path)
            assert page.complaints == []
            await _from_a_foreign_origin(page, accounts, port)


async def _use(page: Page, email: str, pictures: Path) -> None:
    await page.until(AT_THE_DOOR)
    await enter(page, "signup", email)
    await page.until(IN_THE_ROOM)
    await ask(page, "Who keeps bees in Ulm?")
    await page.screenshot(pictures / "asked.png")
    first = await page.run("JSON.parse(localStorage.session).refresh_token")
    await page.run(_with_a_stale_token())
    await ask(page, "And who else?")
    second = await page.run("JSON.parse(localStorage.session).refresh_token")
    assert first != second
    await page.click("#leave")
    await page.until(AT_THE_DOOR)
    assert await page.run("localStorage.session") == "null"
    await enter(page, "login", email, "wrong password")
    await page.until(f"{SAID} === 'The e-mail address or the password is wrong.'")
    await page.screenshot(pictures / "refused.png")
    await enter(page, "login", email)
    await page.until(IN_THE_ROOM)
    await ask(page, "Am I back?")


def _with_a_stale_token() -> str:
    """As if the access token had run out."""
    return (
        "localStorage.session = JSON.stringify({...JSON.parse(localStorage.session),"
        " access_token: JSON.parse(localStorage.session).access_token.slice(0, -3) + 'abc'})"
    )


async def _from_a_foreign_origin(page: Page, accounts: Accounts, port: int) -> None:
    """By another name the same page is of an origin that nobody lets in."""
    await page.open(f"http://localhost:{port}/")
    await page.until(AT_THE_DOOR)
    await enter(page, "signup", some_email())
    await page.until(f"{SAID} === 'Failed to fetch'")
    users = (await accounts.server.get("/v1/users")).body["data"]
    assert len(users) == 1

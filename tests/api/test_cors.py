"""What browsers are told: which pages may call, and read what is answered."""

from collections.abc import AsyncIterator

import pytest
from multidict import CIMultiDictProxy

from tests.support.accounts import Accounts, open_accounts, some_email
from tests.support.api import Api, Reply
from tests.support.service import Service

ALLOWED = "access-control-allow-origin"


@pytest.fixture
async def accounts(backstory: Service) -> AsyncIterator[Accounts]:
    async with open_accounts(backstory) as opened:
        yield opened


@pytest.fixture
def origin() -> str:
    """That no other test knows."""
    return f"https://{some_email().partition('@')[0]}.example:8443"


async def ask(
    api: Api, origin: str, headers: str = "authorization,content-type", path: str = "/v1/responses"
) -> Reply:
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    if headers:
        asked["Access-Control-Request-Headers"] = headers
    return await api.with_key(None).with_headers(asked).send("OPTIONS", path)


def vary_of(answer: Reply) -> list[str]:
    headers = answer.headers
    assert isinstance(headers, CIMultiDictProxy)
    return list(headers.getall("Vary"))


async def test_a_page_may_ask_once_a_project_says_so(accounts: Accounts, origin: str) -> None:
    refused = await ask(accounts.page, origin)
    assert (refused.status, refused.error["code"]) == (403, "origin_not_allowed")
    assert ALLOWED not in refused.headers
    await accounts.set(cors_origins=[origin])
    for path in ("/v1/responses", "/v1/auth/login", "/v1/users/ada/settings/theme"):
        answer = await ask(accounts.page, origin, path=path)
        assert (answer.status, answer.raw) == (204, b"")
        assert answer.headers[ALLOWED] == origin
        assert "PATCH" in answer.headers["access-control-allow-methods"]
        allowed = answer.headers["access-control-allow-headers"]
        assert allowed == "authorization,content-type"
        assert {"Origin", "Access-Control-Request-Headers"} == set(vary_of(answer))
        assert "access-control-allow-credentials" not in answer.headers
    other_port = origin.replace("8443", "8444")
    assert (await ask(accounts.page, other_port)).status == 403
    assert (await ask(accounts.page, origin.replace("https", "http"))).status == 403
    await accounts.set(cors_origins=[])
    assert (await ask(accounts.page, origin)).status == 403


async def test_what_a_page_asks_for_is_not_repeated_blindly(
    accounts: Accounts, origin: str
) -> None:
    await accounts.set(cors_origins=[origin])
    for headers in ("", "x-a: b", "x-a\tb", "<script>"):
        answer = await ask(accounts.page, origin, headers)
        assert answer.status == 204
        assert "access-control-allow-headers" not in answer.headers


async def test_only_pages_of_the_token_s_project_read_the_answer(
    accounts: Accounts, backstory: Service, origin: str
) -> None:
    await accounts.set(cors_origins=[origin])
    async with open_accounts(backstory) as other:
        await other.set(cors_origins=[f"{origin}1"])
        session = accounts.session(await accounts.signed_up())
        for speaker, status in (
            (session, 200),
            (accounts.server, 200),
            (accounts.page, 403),
        ):
            mine = await speaker.with_headers({"Origin": origin}).get("/v1/models")
            theirs = await speaker.with_headers({"Origin": f"{origin}1"}).get("/v1/models")
            assert (mine.status, theirs.status) == (status, status)
            assert mine.headers[ALLOWED] == origin
            assert mine.headers["access-control-expose-headers"] == "*"
            assert ALLOWED not in theirs.headers
            assert theirs.headers["Vary"] == "Origin"
        assert ALLOWED not in (await session.get("/v1/models")).headers


async def test_a_page_reads_why_its_token_is_refused(accounts: Accounts, origin: str) -> None:
    """That its access token ran out, before all."""
    await accounts.set(cors_origins=[origin])
    page = accounts.page.with_headers({"Origin": origin})
    for token in (None, "nonsense", f"bs_st_{accounts.project.hex}{'A' * 43}"):
        reply = await page.with_key(token).get("/v1/auth/me")
        assert reply.status == 401
        assert reply.headers[ALLOWED] == origin
    missing = await page.get("/v1/nothing")
    assert (missing.status, missing.headers[ALLOWED]) == (404, origin)


async def test_a_page_follows_a_stream(accounts: Accounts, origin: str) -> None:
    await accounts.set(cors_origins=[origin])
    session = accounts.session(await accounts.signed_up()).with_headers({"Origin": origin})
    streamed = await session.stream("Hello.")
    assert streamed.done
    assert streamed.headers[ALLOWED] == origin


@pytest.mark.parametrize(
    "origins",
    ["https://a.example", ["https://a.example/"], ["a.example"], ["https://A.example"], [5]],
)
async def test_what_is_no_origin_is_refused(accounts: Accounts, origins: object) -> None:
    wrong = {"cors_origins": origins}
    reply = await accounts.server.send("PATCH", "/v1/settings/backstory", wrong)
    assert reply.status == 400
    assert reply.error["param"].startswith("cors_origins")
    path = "/v1/users/ada/settings/backstory"
    reply = await accounts.server.send("PATCH", path, {"cors_origins": ["https://a.example"]})
    assert (reply.status, reply.error["param"]) == (400, "cors_origins")


async def test_every_origin_can_be_let_in(accounts: Accounts, origin: str) -> None:
    await accounts.set(cors_origins=["*"])
    for one in (origin, "null", "capacitor://localhost"):
        assert (await ask(accounts.page, one)).status == 204
        reply = await accounts.server.with_headers({"Origin": one}).get("/v1/models")
        assert reply.headers[ALLOWED] == one
    await accounts.set(cors_origins=[])

"""The models that users may ask for with their sessions: others do not exist for them."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.support.accounts import Accounts, open_accounts
from tests.support.api import MODEL, Api
from tests.support.engine import FakeEngine
from tests.support.heard import heard, something
from tests.support.service import Service

OTHER = "another-model"


@pytest.fixture
async def accounts(backstory: Service) -> AsyncIterator[Accounts]:
    async with open_accounts(backstory) as opened:
        await opened.set(models=[OTHER, "all-MiniLM-L6-v2"])
        yield opened


@pytest.fixture
async def session(accounts: Accounts) -> Api:
    return accounts.session(await accounts.signed_up())


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/responses", {"input": "Hello."}),
        ("/v1/responses", {"input": "Hello.", "stream": True}),
        ("/v1/responses/input_tokens", {"input": "Hello."}),
        ("/v1/responses/compact", {"input": "Hello."}),
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "Hello."}]}),
        ("/v1/embeddings", {"input": "Hello."}),
    ],
)
async def test_what_is_not_on_the_list_is_not_there(
    session: Api, path: str, body: dict[str, object]
) -> None:
    for model in (MODEL, "no-model"):
        reply = await session.send("POST", path, body | {"model": model})
        assert (reply.status, reply.error["code"]) == (404, "model_not_found")
        assert reply.error["message"] == f"The model '{model}' does not exist."


async def test_nor_on_a_socket(session: Api) -> None:
    headers = {"Authorization": f"Bearer {session.key}"}
    url = f"{session.root_url}/v1/responses"
    async with aiohttp.ClientSession() as http, http.ws_connect(url, headers=headers) as socket:
        said = {"type": "response.create", "model": MODEL, "input": "Hello."}
        await socket.send_json(said)
        answer = await socket.receive_json()
        assert (answer["status"], answer["error"]["code"]) == (404, "model_not_found")


async def test_what_is_on_the_list_is_asked(
    session: Api, accounts: Accounts, shared_engine: FakeEngine
) -> None:
    assert (await session.get("/v1/models")).body["data"] == []
    assert (await session.get(f"/v1/models/{MODEL}")).status == 404
    embedded = {"model": "all-MiniLM-L6-v2", "input": "Hello."}
    assert (await session.send("POST", "/v1/embeddings", embedded)).status == 200
    await accounts.set(models=[MODEL])
    said = something()
    assert (await session.create(said)).status == 200
    assert len(heard(shared_engine, said)) == 1
    assert (await session.get(f"/v1/models/{MODEL}")).status == 200


async def test_keys_may_ask_for_any(accounts: Accounts) -> None:
    assert (await accounts.server.get(f"/v1/models/{MODEL}")).status == 200
    assert (await accounts.server.create(something())).status == 200
    assert (await accounts.server.as_user("ada").create(something())).status == 200


async def test_a_user_can_have_a_list_of_their_own(session: Api, accounts: Accounts) -> None:
    name = (await session.get("/v1/auth/me")).body["id"]
    path = f"/v1/users/{name}/settings/backstory"
    assert (await session.send("PATCH", path, {"models": [MODEL]})).status == 403
    assert (await accounts.server.send("PATCH", path, {"models": [MODEL]})).status == 200
    assert (await session.create(something())).status == 200
    assert [model["id"] for model in (await session.get("/v1/models")).body["data"]] == [MODEL]
    other = accounts.session(await accounts.signed_up())
    assert (await other.create(something())).status == 404

"""What Backstory adds to any engine, the same on each."""

from collections.abc import AsyncIterator

import pytest

from tests.support.api import Api, Json, message, open_api, text_of
from tests.support.heard import something
from tests.support.service import Service

TOOL: Json = {
    "type": "function",
    "name": "get_weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}
SHORT: Json = {"model": "@oi/beta", "max_output_tokens": 16, "cache": False}


@pytest.fixture
async def api(service: Service) -> AsyncIterator[Api]:
    async with open_api(service) as api:
        yield api


@pytest.mark.supports("Backstory: store: false leaves nothing")
async def test_store_false(api: Api) -> None:
    response = await api.respond(something(), **SHORT, store=False)
    assert (await api.get(f"/v1/responses/{response['id']}")).status == 404
    reply = await api.create("And?", **SHORT, previous_response_id=response["id"])
    assert reply.error["code"] == "previous_response_not_found"


@pytest.mark.supports("Backstory: item_reference")
async def test_references(api: Api) -> None:
    first = await api.respond(something(), **SHORT)
    given = [{"type": "item_reference", "id": first["output"][0]["id"]}, message("And?")]
    second = await api.respond(given, **SHORT)
    listed = await api.get(f"/v1/responses/{second['id']}/input_items?order=asc")
    assert [item["role"] for item in listed.body["data"]] == ["assistant", "user"]


@pytest.mark.supports("Backstory: a history sent in full is known again")
async def test_a_history_sent_again(api: Api) -> None:
    talk = [message(something())]
    for _ in range(2):
        response = await api.respond(talk, **SHORT)
        talk += [message(text_of(response), "assistant"), message("And?")]
    assert response["conversation"]
    reply = await api.create(talk, **SHORT)
    assert reply.headers["Backstory-Conversation"] == response["conversation"]["id"]


@pytest.mark.supports("Backstory: exact cache")
async def test_the_cache(api: Api) -> None:
    """What ends by itself is cached; what was cut off is not."""
    asked, ada = {"model": "@oi/beta", "temperature": 0}, api.as_user(something("ada"))
    first, second = [await ada.create("Say hi.", **asked) for _ in range(2)]
    assert (first.headers["X-Cache"], second.headers["X-Cache"]) == ("MISS", "HIT")
    assert text_of(first.body) == text_of(second.body)


@pytest.mark.supports("Backstory: Idempotency-Key")
async def test_idempotency(api: Api) -> None:
    said, keyed = something(), api.with_headers({"Idempotency-Key": something()})
    first, second = [await keyed.respond(said, **SHORT) for _ in range(2)]
    assert first == second


@pytest.mark.supports("Backstory: a conversation forked at an item")
async def test_a_fork(api: Api) -> None:
    said = something()
    given = {"items": [message(said), message("Not this.")]}
    conversation = (await api.send("POST", "/v1/conversations", given)).body["id"]
    path = f"/v1/conversations/{conversation}"
    items = (await api.get(f"{path}/items?order=asc")).body["data"]
    fork = await api.send("POST", f"{path}/fork", {"item_id": items[0]["id"]})
    await api.respond("And?", **SHORT, conversation=fork.body["id"])
    listed = (await api.get(f"/v1/conversations/{fork.body['id']}/items?order=asc")).body["data"]
    assert [item["content"][0]["text"] for item in listed[:2]] == [said, "And?"]


@pytest.mark.supports("Backstory: function calls where tool_choice says so")
async def test_a_call_that_must_be_made(api: Api) -> None:
    asked = {"tools": [TOOL], "tool_choice": "required", "temperature": 0}
    body = {**SHORT, "max_output_tokens": 64, **asked}
    response = await api.respond('[[call:get_weather {"city": "Paris"}]] Paris?', **body)
    assert [item["type"] for item in response["output"]] == ["function_call"]


@pytest.mark.supports("Backstory: memory recalled into the prompt")
async def test_memory(api: Api) -> None:
    fact = something("The bees live in hive")
    await api.send("POST", "/v1/memories", {"content": fact})
    response = await api.respond(f"Where do the bees live? {fact}", **SHORT, memory=True)
    assert response["recalled"]

"""Items that a client names instead of sending them again."""

import pytest

from tests.support.api import Api, Json, message
from tests.support.conversations import add, new_conversation
from tests.support.engine import FakeEngine
from tests.support.heard import heard_once, something, texts


def reference(item: Json) -> Json:
    return {"type": "item_reference", "id": item["id"]}


async def test_the_engine_gets_what_is_referred_to(api: Api, shared_engine: FakeEngine) -> None:
    first = await api.respond(something("first"))
    (asked,) = (await api.get(f"/v1/responses/{first['id']}/input_items")).body["data"]
    said = something("second")
    given = [reference(asked), reference(first["output"][0]), message(said)]
    second = await api.respond(given)
    assert texts(heard_once(shared_engine, said)["input"]) == [
        f"user: {asked['content'][0]['text']}",
        f"assistant: {first['output'][0]['content'][0]['text']}",
        f"user: {said}",
    ]
    listed = await api.get(f"/v1/responses/{second['id']}/input_items?order=asc")
    assert [item["role"] for item in listed.body["data"]] == ["user", "assistant", "user"]


async def test_a_call_is_referred_to(api: Api, shared_engine: FakeEngine) -> None:
    said = something("[[call:get_weather]]")
    asked = await api.respond(said)
    call = asked["output"][0]
    output = something("output")
    done = {"type": "function_call_output", "call_id": call["call_id"], "output": output}
    await api.respond([message(said), reference(call), done])
    sent = heard_once(shared_engine, output)["input"]
    assert [item["type"] for item in sent] == ["message", "function_call", "function_call_output"]


@pytest.mark.parametrize("unknown", ["msg_0", "x", "msg_" + "0" * 32])
async def test_an_unknown_item(api: Api, unknown: str) -> None:
    error = (await api.create([{"type": "item_reference", "id": unknown}])).error
    assert (error["code"], error["param"]) == ("item_not_found", "input")


async def test_an_item_of_another_user(api: Api) -> None:
    item = (await api.as_user("ada").respond(something()))["output"][0]
    reply = await api.as_user("bob").create([reference(item)])
    assert reply.status == 404
    assert reply.error["message"] == f"Item with id '{item['id']}' not found."


async def test_an_item_that_is_deleted(api: Api) -> None:
    response = await api.respond(something())
    await api.delete(f"/v1/responses/{response['id']}")
    assert (await api.create([reference(response["output"][0])])).status == 404


async def test_a_large_item_cannot_be_named_many_times(api: Api) -> None:
    conversation = await new_conversation(api)
    (large,) = await add(api, conversation, message("bee " * 500_000))
    assert len(await add(api, conversation, *[reference(large)] * 2)) == 2
    path = f"/v1/conversations/{conversation}/items"
    for reply in (
        await api.create([reference(large)] * 9),
        await api.send("POST", path, {"items": [reference(large)] * 9}),
        await api.send("POST", "/v1/responses/input_tokens", {"input": [reference(large)] * 9}),
    ):
        assert (reply.status, reply.error["code"]) == (413, "request_too_large")


async def test_a_reference_without_an_id(api: Api) -> None:
    error = (await api.create([{"type": "item_reference"}])).error
    assert error["param"] == "input[0].id"

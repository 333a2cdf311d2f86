"""Items of conversations: added, listed, seen by the next response, whoever adds at once."""

import asyncio
from pathlib import Path

import msgspec
import pytest
from openai import AsyncOpenAI

from tests.support.api import Api, Json, message, open_api
from tests.support.conversations import add, items_of, new_conversation, said
from tests.support.engine import FakeEngine
from tests.support.eventually import eventually
from tests.support.heard import heard_once, something, texts
from tests.support.images import data_url, image, saying, shown
from tests.support.memories import recalled, somebody
from tests.support.rows import tables_of_user
from tests.support.service import Service, run_service

IMAGES = "message.input_image.image_url"


async def test_the_sdk_walks_the_whole_surface(openai: AsyncOpenAI) -> None:
    conversations = openai.conversations
    made = await conversations.create(
        items=[{"type": "message", "role": "user", "content": "hello"}], metadata={"topic": "bees"}
    )
    added = await conversations.items.create(
        made.id,
        items=[
            {"role": "assistant", "content": "hello to you"},
            {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "bees"},
        ],
        include=["message.output_text.logprobs"],
    )
    assert [item.type for item in added.data] == [
        "message",
        "function_call",
        "function_call_output",
    ]
    listed = [item async for item in conversations.items.list(made.id, limit=2, order="asc")]
    assert [item.id for item in listed[1:]] == [item.id for item in added.data]
    newest = await conversations.items.list(made.id, limit=1)
    assert newest.data[0].id == added.last_id
    found = await conversations.items.retrieve(added.first_id, conversation_id=made.id)
    assert found == added.data[0]
    changed = await conversations.update(
        made.id, metadata={"topic": "wasps"}, extra_body={"title": "Of wasps"}
    )
    assert changed.metadata == {"topic": "wasps"}
    assert (await conversations.retrieve(made.id)).to_dict()["title"] == "Of wasps"


async def test_the_next_response_sees_what_was_added(api: Api, shared_engine: FakeEngine) -> None:
    word = something()
    conversation = await new_conversation(api, items=[message(f"{word} one")])
    await api.respond(f"{word} two", conversation=conversation)
    await add(api, conversation, message(f"{word} three"), message(f"{word} four", "assistant"))
    await api.respond(f"{word} five", conversation=conversation)
    body = heard_once(shared_engine, f"{word} five")
    assert texts(body["input"]) == [
        f"user: {word} one",
        f"user: {word} two",
        f"assistant: You said: {word} two",
        f"user: {word} three",
        f"assistant: {word} four",
        f"user: {word} five",
    ]
    assert said(*await items_of(api, conversation))[-2:] == [
        f"{word} five",
        f"You said: {word} five",
    ]


async def test_of_many_who_add_at_once_none_is_lost(api: Api) -> None:
    conversation = await new_conversation(api)
    answers = asyncio.gather(
        *(api.respond(f"asked {n}", conversation=conversation) for n in range(3))
    )
    await asyncio.gather(
        *(add(api, conversation, message(f"{n} a"), message(f"{n} b")) for n in range(12))
    )
    await answers
    found = said(*await items_of(api, conversation))
    assert len(found) == 3 * 2 + 12 * 2
    for n in range(12):
        place = found.index(f"{n} a")
        assert found[place + 1] == f"{n} b"


async def test_who_always_comes_second_is_told_to_come_again(
    backstory: Service, tmp_path: Path
) -> None:
    config = msgspec.structs.replace(
        backstory.config, data_dir=tmp_path, commit_retry_seconds=0.001
    )
    async with run_service(backstory.urls, config) as service, open_api(service) as other:
        api = other.with_key(backstory.api_key)
        conversation = await new_conversation(api)
        path = f"/v1/conversations/{conversation}/items"
        replies = await asyncio.gather(
            *(api.send("POST", path, {"items": [message(str(n))]}) for n in range(16))
        )
        found = await items_of(api, conversation)
    refused = [reply for reply in replies if reply.status != 200]
    assert len(found) == len(replies) - len(refused)
    assert {(r.status, r.error["code"], r.headers["Retry-After"]) for r in refused} == {
        (503, "storage_unavailable", "1")
    }


async def test_pages_go_both_ways(api: Api) -> None:
    conversation = await new_conversation(api, items=[message(str(n)) for n in range(20)])
    all_items = await items_of(api, conversation)
    for order, expected in (("asc", all_items), ("desc", all_items[::-1])):
        found: list[Json] = []
        after = ""
        while True:
            reply = await api.get(
                f"/v1/conversations/{conversation}/items?order={order}&limit=7{after}"
            )
            found += reply.body["data"]
            after = f"&after={reply.body['last_id']}"
            if not reply.body["has_more"]:
                break
        assert found == expected
    back = await items_of(api, conversation, f"order=asc&limit=3&before={all_items[10]['id']}")
    assert back == all_items[7:10]


async def test_added_items_are_remembered(api: Api) -> None:
    user = api.as_user(somebody())
    conversation = await new_conversation(user)
    await add(user, conversation, message("my parrot is called Quintus"))

    async def known() -> bool:
        return "my parrot is called Quintus" in await recalled(user, "parrot")

    assert await eventually(known)


async def test_an_item_can_be_named_instead_of_sent(api: Api) -> None:
    word = something()
    (named,) = await add(api, await new_conversation(api), message(word))
    reference = {"type": "item_reference", "id": named["id"]}
    conversation = await new_conversation(api, items=[reference])
    await add(api, conversation, reference)
    found = await items_of(api, conversation)
    assert said(*found) == [word, word]
    assert len({item["id"] for item in (named, *found)}) == 3
    unknown = {"type": "item_reference", "id": "msg_" + "0" * 32}
    reply = await api.send("POST", "/v1/conversations", {"items": [unknown]})
    assert reply.error["code"] == "item_not_found"


async def test_images_are_given_where_they_are_asked_for(
    api: Api, backstory: Service, shared_engine: FakeEngine
) -> None:
    word, name = something(), somebody()
    api = api.as_user(name)
    url = data_url(image())
    (look,) = saying(word, shown(url))
    conversation = await new_conversation(api, items=[look])
    (item,) = await items_of(api, conversation)
    assert item["content"][1]["image_url"] is None
    (item,) = await items_of(api, conversation, f"include={IMAGES}")
    assert item["content"][1]["image_url"] == url
    await api.respond(f"{word} now", conversation=conversation)
    assert heard_once(shared_engine, f"{word} now")["input"][0]["content"][1]["image_url"] == url
    path = f"/v1/conversations/{conversation}"
    exported = (await api.get(f"{path}/export")).body["items"]
    assert exported[0]["content"][1]["image_url"] == url
    written = (await api.get(f"{path}/export?format=markdown")).raw.decode()
    link = f"{path}/items/{item['id']}?include={IMAGES}"
    assert f"![image](<{link}>)" in written
    assert (await api.get(link)).body["content"][1]["image_url"] == url
    await api.delete(path)
    assert "blobs" not in await tables_of_user(backstory, name)


async def test_an_idempotency_key_adds_once(api: Api) -> None:
    conversation, other = await new_conversation(api), await new_conversation(api)
    keyed = api.with_headers({"Idempotency-Key": something()})
    first = await add(keyed, conversation, message("once"))
    assert await add(keyed, conversation, message("once")) == first
    assert await items_of(api, conversation) == first
    reply = await keyed.send(
        "POST", f"/v1/conversations/{other}/items", {"items": [message("once")]}
    )
    assert reply.error["code"] == "idempotency_key_reused"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "items"),
        ({"items": []}, "items"),
        ({"items": [message("x")] * 21}, "items"),
        ({"items": [{"role": "nobody", "content": "x"}]}, "items[0].role"),
        ({"items": [message("x")], "more": 1}, "more"),
    ],
)
async def test_what_cannot_be_added(api: Api, body: Json, param: str) -> None:
    conversation = await new_conversation(api)
    reply = await api.send("POST", f"/v1/conversations/{conversation}/items", body)
    assert reply.status == 400
    assert reply.error["param"] == param
    assert await items_of(api, conversation) == []


async def test_items_of_others_do_not_exist(api: Api) -> None:
    alice, bob = api.as_user(somebody()), api.as_user(somebody())
    hers = await new_conversation(alice, items=[message("secret")])
    his = await new_conversation(bob, items=[message("mine")])
    secret = (await items_of(alice, hers))[0]["id"]
    for reply in (
        await bob.get(f"/v1/conversations/{hers}"),
        await bob.get(f"/v1/conversations/{hers}/items"),
        await bob.get(f"/v1/conversations/{hers}/items/{secret}"),
        await bob.get(f"/v1/conversations/{hers}/export"),
        await bob.send("POST", f"/v1/conversations/{hers}", {"title": "his now"}),
        await bob.send("POST", f"/v1/conversations/{hers}/fork", {}),
        await bob.send("POST", f"/v1/conversations/{hers}/items", {"items": [message("x")]}),
    ):
        assert reply.status == 404
        assert reply.error["code"] == "conversation_not_found"
    for path in (f"items/{secret}", "items/msg_unknown"):
        reply = await bob.get(f"/v1/conversations/{his}/{path}")
        assert reply.status == 404
        assert reply.error["code"] == "item_not_found"
    assert (await bob.get(f"/v1/conversations/{his}/items?after={secret}")).status == 404
    for body in ({"title": ""}, {"title": "x" * 201}, {"title": "\x00"}, {}):
        assert (await bob.send("POST", f"/v1/conversations/{his}", body)).status == 400
    assert (await bob.get(f"/v1/conversations/{his}/items?include=secrets")).status == 400

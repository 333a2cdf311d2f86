"""Clients that keep no state: what they send again is known, and goes on where it belongs."""

import asyncio
from typing import Any

import pytest

from app.ids import new_id
from tests.support.api import Api, message, text_of
from tests.support.engine import FakeEngine
from tests.support.rows import count, new_key, tables_with
from tests.support.service import Service

Json = dict[str, Any]


class Stateless:
    """A client that has the whole talk, and sends all of it each time."""

    def __init__(self, api: Api, **fields: object) -> None:
        self.api = api
        self.fields = fields
        self.items: list[Json] = []
        self.conversation: str | None = None
        self.response: Json = {}

    async def say(self, text: str) -> str:
        """The conversation that it was taken for."""
        self.items.append(message(text))
        reply = await self.api.create(self.items, **self.fields)
        assert reply.status == 200, reply.raw
        self.response = reply.body
        self.items.append({"role": "assistant", "content": text_of(reply.body)})
        self.conversation = reply.headers.get("Backstory-Conversation")
        return self.conversation or ""

    def copy(self, **fields: object) -> "Stateless":
        other = Stateless(self.api, **{**self.fields, **fields})
        other.items = [*self.items]
        return other


def unique(text: str) -> str:
    return f"{text} {new_id().hex}"


async def test_a_talk_sent_again_goes_on_in_its_conversation(api: Api) -> None:
    client = Stateless(api)
    assert await client.say(unique("hello")) == ""
    conversation = await client.say("and then?")
    assert conversation.startswith("conv_")
    assert await client.say("and then?") == conversation
    assert client.response["previous_response_id"] is None
    assert client.response["conversation"] == {"id": conversation}


async def test_the_engine_gets_all_and_the_store_what_is_new(
    api: Api, backstory: Service, shared_engine: FakeEngine
) -> None:
    client = Stateless(api.as_user(unique("stores")), instructions="Be brief.")
    for number in range(30):
        await client.say(f"message {number} of a long talk")
    sent = [item["content"] for item in shared_engine.last.body["input"]]
    assert len(sent) == 59
    owner = client.api.headers["Backstory-User"]
    rows = "SELECT count(*) FROM {} t JOIN users u USING (project_id, user_id) WHERE external_id=$1"
    assert await count(backstory, rows.format("items"), owner) == 60
    assert await count(backstory, rows.format("contents"), owner) == 61
    assert await count(backstory, rows.format("conversations"), owner) == 1
    assert await count(backstory, rows.format("branches"), owner) == 1


async def test_input_items_are_what_the_client_sent(api: Api) -> None:
    client = Stateless(api)
    await client.say(unique("one"))
    await client.say("two")
    sent = client.items[:-1]
    page = (await api.get(f"/v1/responses/{client.response['id']}/input_items?order=asc")).body
    texts = [item["content"][0]["text"] for item in page["data"]]
    assert [item["role"] for item in page["data"]] == ["user", "assistant", "user"]
    assert texts == [sent[0]["content"][0]["text"], sent[1]["content"], "two"]


async def test_what_was_resent_can_be_continued_by_its_id(
    api: Api, shared_engine: FakeEngine
) -> None:
    client = Stateless(api)
    first = unique("one")
    await client.say(first)
    await client.say("two")
    await api.respond("three", previous_response_id=client.response["id"])
    users = [item for item in shared_engine.last.body["input"] if item["role"] == "user"]
    assert [item["content"][0]["text"] for item in users] == [first, "two", "three"]


async def test_another_turn_at_the_same_place_is_a_branch(api: Api) -> None:
    client = Stateless(api)
    await client.say(unique("one"))
    await client.say("two")
    other = client.copy()
    trunk = await client.say("three")
    branch = await other.say("another three")
    assert branch != trunk
    assert await client.say("four") == trunk
    assert await other.say("another four") == branch


@pytest.mark.parametrize("apart", ["user", "key", "prompt_cache_key", "project itself"])
async def test_strangers_with_the_same_words_never_share(
    api: Api, backstory: Service, apart: str
) -> None:
    mine, theirs = Stateless(api.as_user(unique("me"))), Stateless(api.as_user(unique("them")))
    if apart == "key":
        theirs = Stateless(mine.api.with_key(await new_key(backstory, "engine")))
    elif apart == "prompt_cache_key":
        mine = Stateless(api, prompt_cache_key="mine")
        theirs = Stateless(api, prompt_cache_key="theirs")
    elif apart == "project itself":
        theirs = Stateless(api)
    first = unique("hello")
    for client in (mine, theirs):
        await client.say(first)
    assert mine.items == theirs.items
    assert await mine.say("more") != await theirs.say("more")
    stranger = theirs.copy()
    stranger.items = [*mine.items]
    assert await stranger.say("I know what you said") not in (mine.conversation, "")


async def test_alike_talks_under_one_key_have_a_conversation_each(api: Api) -> None:
    first = unique("hello")
    talks = [Stateless(api) for _ in range(3)]
    for _ in range(3):
        for talk in talks:
            await talk.say(first)
    assert len({talk.conversation for talk in talks}) == 3


async def test_two_at_once_at_the_same_head_both_stay(api: Api) -> None:
    client = Stateless(api)
    await client.say(unique("one"))
    await client.say("two")
    copies = [client.copy() for _ in range(4)]
    await asyncio.gather(*(one.say(f"[[delay:0.02]] {n}") for n, one in enumerate(copies)))
    stored = [(await api.get(f"/v1/responses/{one.response['id']}")).body for one in copies]
    conversations = [one["conversation"]["id"] for one in stored]
    assert len(set(conversations)) == 4
    assert conversations == [one.response["conversation"]["id"] for one in copies]
    for one, conversation in zip(copies, conversations, strict=True):
        assert await one.say("more") == conversation


async def test_calls_written_anew_are_known(api: Api) -> None:
    asked = message(f'[[call:add {{"a":1,"b":2}}]] {new_id().hex}')
    tools = [{"type": "function", "name": "add", "parameters": {"type": "object"}}]
    called = await api.respond([asked], tools=tools)
    call = next(item for item in called["output"] if item["type"] == "function_call")
    again = {
        "type": "function_call",
        "call_id": call["call_id"],
        "name": "add",
        "arguments": '{"a": 1, "b": 2}',
    }
    answer = {"type": "function_call_output", "call_id": call["call_id"], "output": "3"}
    reply = await api.create([asked, again, answer], tools=tools)
    page = await api.get(f"/v1/responses/{reply.body['id']}/input_items?order=asc")
    assert page.body["data"][1]["id"] == call["id"]


async def test_a_deleted_text_sent_again_is_not_stored_again(
    api: Api, backstory: Service, shared_engine: FakeEngine
) -> None:
    client = Stateless(api)
    secret = unique("secret")
    await client.say(secret)
    first = client.response["id"]
    await client.say("two")
    for response in (first, client.response["id"]):
        assert (await api.delete(f"/v1/responses/{response}")).status == 200
    conversation = client.conversation
    assert await client.say("three") == conversation
    assert secret in str(shared_engine.last.body["input"])
    assert await tables_with(backstory, secret) == set()


async def test_what_is_not_stored_has_no_conversation(api: Api) -> None:
    client = Stateless(api)
    await client.say(unique("one"))
    client.fields["store"] = False
    assert await client.say("two") == ""
    assert client.response["conversation"] is None

"""Deleting conversations and items, with all that came from them and nothing that others hold."""

import asyncio
from uuid import UUID, uuid4

from openai import AsyncOpenAI

from tests.support.api import Api, Json, message, text_of
from tests.support.conversations import add, fork, items_of, new_conversation, said, said_in
from tests.support.engine import FakeEngine
from tests.support.eventually import eventually
from tests.support.heard import heard_once, texts
from tests.support.memories import embedded, recalled, somebody
from tests.support.rows import tables_with
from tests.support.service import Service


def as_uuid(text: str) -> str:
    return str(UUID(hex=text.partition("_")[2]))


def secret() -> str:
    """A word that stands nowhere else."""
    return f"secret{uuid4().hex}"


async def delete(api: Api, conversation: str) -> None:
    reply = await api.delete(f"/v1/conversations/{conversation}")
    assert reply.status == 200, reply.raw


async def test_the_sdk_deletes(openai: AsyncOpenAI) -> None:
    made = await openai.conversations.create(items=[{"role": "user", "content": "hello"}])
    (item,) = (await openai.conversations.items.list(made.id)).data
    left = await openai.conversations.items.delete(str(item.id), conversation_id=made.id)
    assert left.id == made.id
    assert (await openai.conversations.items.list(made.id)).data == []
    gone = await openai.conversations.delete(made.id)
    assert (gone.id, gone.object, gone.deleted) == (made.id, "conversation.deleted", True)


async def test_nothing_is_left_of_a_conversation(backstory: Service, api: Api) -> None:
    word, name = secret(), somebody()
    user = api.as_user(name)

    def keyed() -> Api:
        return user.with_headers({"Idempotency-Key": secret()})

    conversation = await new_conversation(keyed(), items=[message(word)], metadata={"a": word})
    asked = {"instructions": word, "temperature": 0, "metadata": {"b": word}}
    one = await keyed().respond(f"{word} one", conversation=conversation, **asked)
    stream = await keyed().stream(f"{word} two", conversation=conversation, **asked)
    await add(keyed(), conversation, message(word))
    await embedded(backstory, name, 6)
    assert "memory_postings" in await tables_with(backstory, word)
    await delete(user, conversation)
    assert await tables_with(backstory, word) == set()
    for path in ("", "/items", "/export"):
        reply = await user.get(f"/v1/conversations/{conversation}{path}")
        assert reply.error["code"] == "conversation_not_found"
    assert (await user.delete(f"/v1/conversations/{conversation}")).status == 404
    for response in (one, stream.response):
        assert (await user.get(f"/v1/responses/{response['id']}")).status == 404
        reply = await user.create("go on", previous_response_id=response["id"])
        assert reply.error["code"] == "previous_response_not_found"
    assert await recalled(user, word) == []


async def test_a_fork_keeps_what_came_before_it(
    backstory: Service, api: Api, shared_engine: FakeEngine
) -> None:
    shared, own, theirs = secret(), secret(), secret()
    conversation = await new_conversation(api)
    await api.respond(shared, conversation=conversation)
    twin = await fork(api, conversation, title="Twin")
    await api.respond(own, conversation=conversation)
    await add(api, twin, message(theirs))
    await delete(api, conversation)
    assert await tables_with(backstory, own) == set()
    assert await said_in(api, twin) == [shared, f"You said: {shared}", theirs]
    await api.respond(f"{theirs} on", conversation=twin)
    heard = texts(heard_once(shared_engine, f"{theirs} on")["input"])
    assert heard[0] == f"user: {shared}"
    assert shared in await recalled(api, shared)
    await delete(api, twin)
    for word in (shared, theirs):
        assert await tables_with(backstory, word) == set()


async def test_the_original_keeps_what_a_deleted_fork_shared(backstory: Service, api: Api) -> None:
    shared, theirs = secret(), secret()
    conversation = await new_conversation(api, items=[message(shared)])
    twin = await fork(api, conversation, title="Twin")
    grandchild = await fork(api, twin, title="Its twin")
    await add(api, twin, message(theirs))
    await delete(api, twin)
    assert await tables_with(backstory, theirs) == set()
    assert await said_in(api, conversation) == await said_in(api, grandchild) == [shared]
    await delete(api, conversation)
    assert await said_in(api, grandchild) == [shared]
    await delete(api, grandchild)
    assert await tables_with(backstory, shared) == set()


async def test_of_a_turn_that_is_shared_in_part_the_rest_goes(backstory: Service, api: Api) -> None:
    name = somebody()
    user = api.as_user(name)
    conversation = await new_conversation(user)
    response = await user.respond("Tell [[words:30]]", conversation=conversation)
    asked, answered = await items_of(user, conversation)
    twin = await fork(user, conversation, item_id=asked["id"], title="Twin")
    await delete(user, conversation)
    assert await tables_with(backstory, as_uuid(answered["id"])) == set()
    assert (await user.get(f"/v1/responses/{response['id']}")).status == 404
    assert await items_of(user, twin) == [asked]
    await embedded(backstory, name, 1)


async def test_two_who_share_deleted_at_once_leave_nothing(backstory: Service, api: Api) -> None:
    for _ in range(5):
        word = secret()
        conversation = await new_conversation(api, items=[message(word)])
        forks = [await fork(api, conversation, title=str(n)) for n in range(3)]
        await asyncio.gather(*(delete(api, one) for one in (conversation, *forks)))
        assert await tables_with(backstory, word) == set()


async def test_what_is_added_while_it_is_deleted_is_not_left(backstory: Service, api: Api) -> None:
    word = secret()
    conversation = await new_conversation(api)
    path = f"/v1/conversations/{conversation}"

    async def say() -> int:
        reply = await api.send("POST", f"{path}/items", {"items": [message(word)]})
        return reply.status

    async def respond() -> int:
        return (await api.create(word, conversation=conversation)).status

    calls = [say() for _ in range(8)] + [respond() for _ in range(4)]
    await asyncio.gather(*calls, delete(api, conversation))

    async def gone() -> bool:
        return not await tables_with(backstory, word)

    await eventually(gone)


async def test_what_runs_on_in_it_is_ended_and_goes_too(backstory: Service, api: Api) -> None:
    word = secret()
    conversation = await new_conversation(api, title="Of this")
    said = f"{word} [[words:200]] [[delay:0.05]]"
    running = await api.respond(said, conversation=conversation, background=True)
    await delete(api, conversation)
    assert (await api.get(f"/v1/responses/{running['id']}")).status == 404
    assert await tables_with(backstory, word) == set()


async def test_a_response_that_was_continued_on_its_own_keeps_its_context(
    api: Api, backstory: Service, shared_engine: FakeEngine
) -> None:
    held, own, aside = secret(), secret(), secret()
    conversation = await new_conversation(api, title="Of this")
    first = await api.respond(held, conversation=conversation)
    await api.respond(own, conversation=conversation)
    beside = await api.respond(aside, previous_response_id=first["id"])
    await delete(api, conversation)
    assert await tables_with(backstory, own) == set()
    await api.respond(f"{aside} on", previous_response_id=beside["id"])
    assert texts(heard_once(shared_engine, f"{aside} on")["input"])[0] == f"user: {held}"
    assert text_of((await api.get(f"/v1/responses/{first['id']}")).body) == f"You said: {held}"


async def test_what_only_a_response_kept_goes_with_it(backstory: Service, api: Api) -> None:
    added, answered = secret(), secret()
    conversation = await new_conversation(api, items=[message(added)], title="Of this")
    first = await api.respond(answered, conversation=conversation)
    await api.respond("on", conversation=conversation)
    beside = await api.respond("aside", previous_response_id=first["id"])
    await delete(api, conversation)
    await api.delete(f"/v1/responses/{beside['id']}")
    await api.delete(f"/v1/responses/{first['id']}")
    for word in (added, answered):
        assert await tables_with(backstory, word) == set()


async def test_a_conversation_of_a_client_without_state_goes_from_its_beginning(
    backstory: Service, api: Api
) -> None:
    word, user = secret(), api.as_user(somebody())
    first = await user.respond(f"{word} one")
    history = [message(f"{word} one"), message(text_of(first), "assistant")]
    reply = await user.create([*history, message(f"{word} two")])
    conversation = reply.headers["Backstory-Conversation"]
    assert len(await items_of(user, conversation)) == 4
    await delete(user, conversation)
    assert await tables_with(backstory, word) == set()
    assert (await user.get(f"/v1/responses/{first['id']}")).status == 404


# Items


async def test_nothing_is_left_of_an_item(
    backstory: Service, api: Api, shared_engine: FakeEngine
) -> None:
    word, name = secret(), somebody()
    user = api.as_user(name)
    conversation = await new_conversation(user)
    await user.respond("Hello", conversation=conversation)
    response = await user.respond(
        f"{word} asks", conversation=conversation, temperature=0, cache=True
    )
    twin = await fork(user, conversation, title="Twin")
    await embedded(backstory, name, 4)
    asked, answered = (await items_of(user, conversation))[2:]
    path = f"/v1/conversations/{conversation}"
    for item in (asked, answered):
        reply = await user.delete(f"{path}/items/{item['id']}")
        assert reply.body["id"] == conversation
        assert (await user.delete(f"{path}/items/{item['id']}")).status == 404
        assert (await user.get(f"{path}/items/{item['id']}")).status == 404
    assert await tables_with(backstory, word) == set()
    for one in (conversation, twin):
        assert await said_in(user, one) == ["Hello", "You said: Hello"]
    assert (await user.get(f"/v1/responses/{response['id']}")).body["output"] == []
    events = await user.get(f"/v1/responses/{response['id']}?stream=true")
    assert b"output_item" not in events.raw
    await user.respond(f"{word} again", conversation=conversation)
    heard = texts(heard_once(shared_engine, f"{word} again")["input"])
    assert heard == ["user: Hello", "assistant: You said: Hello", f"user: {word} again"]


async def test_of_two_outputs_the_other_stays(api: Api) -> None:
    conversation = await new_conversation(api)
    script = f"[[call:look]] {secret()}"
    tool = {"type": "function", "name": "look", "parameters": {"type": "object"}, "strict": False}
    response = await api.respond(script, conversation=conversation, tools=[tool])
    outputs = response["output"]
    first = outputs[0]["id"]
    await api.delete(f"/v1/conversations/{conversation}/items/{first}")
    left = (await api.get(f"/v1/responses/{response['id']}")).body
    assert left["output"] == outputs[1:]
    events = await api.get(f"/v1/responses/{response['id']}?stream=true")
    assert first.encode() not in events.raw


async def test_a_call_goes_with_the_output_that_is_deleted(
    api: Api, shared_engine: FakeEngine
) -> None:
    word = secret()
    call: Json = {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"}
    output: Json = {"type": "function_call_output", "call_id": "c1", "output": "bees"}
    conversation = await new_conversation(api, items=[message("look"), call, output])
    told = (await items_of(api, conversation))[2]
    await api.delete(f"/v1/conversations/{conversation}/items/{told['id']}")
    await api.respond(word, conversation=conversation)
    kinds = [item["type"] for item in heard_once(shared_engine, word)["input"]]
    assert kinds == ["message", "message"]


async def test_a_title_falls_with_what_it_was_made_from(backstory: Service, api: Api) -> None:
    word = secret()
    conversation = await new_conversation(api, items=[message(word), message("Hi", "assistant")])
    await add(api, conversation, message("Of bees"), message("Yes", "assistant"))

    async def is_titled(title: str) -> bool:
        found = await api.get(f"/v1/conversations/{conversation}")
        return bool(found.body["title"] == title)

    await eventually(lambda: is_titled(word))
    first = (await items_of(api, conversation))[0]
    assert said(first) == [word]
    await api.delete(f"/v1/conversations/{conversation}/items/{first['id']}")
    assert await tables_with(backstory, word) == set()
    await eventually(lambda: is_titled("Of bees"))


async def test_others_delete_nothing(api: Api) -> None:
    alice, bob = api.as_user(somebody()), api.as_user(somebody())
    hers = await new_conversation(alice, items=[message("mine")])
    item = (await items_of(alice, hers))[0]["id"]
    for path in (hers, f"{hers}/items/{item}"):
        reply = await bob.delete(f"/v1/conversations/{path}")
        assert reply.status == 404
        assert reply.error["code"] == "conversation_not_found"
    assert await said_in(alice, hers) == ["mine"]

"""Chat completions on the wire: stored, threaded and cached as responses are."""

from typing import Any

import msgspec
import pytest

from app.ids import new_id
from tests.support.api import Api, Reply
from tests.support.engine import FakeEngine
from tests.support.eventually import eventually
from tests.support.rows import count, tables_with
from tests.support.service import Service

Json = dict[str, Any]
PATH = "/v1/chat/completions"
MODEL = "test-model"


def user(text: str) -> Json:
    return {"role": "user", "content": text}


def unique(text: str) -> str:
    return f"{text} {new_id().hex}"


async def complete(api: Api, *messages: Json, **fields: object) -> Reply:
    return await api.send("POST", PATH, {"model": MODEL, "messages": messages, **fields})


async def completed(api: Api, *messages: Json, **fields: object) -> Json:
    reply = await complete(api, *messages, **fields)
    assert reply.status == 200, reply.raw
    body: Json = reply.body
    return body


async def streamed(api: Api, *messages: Json, **fields: object) -> tuple[list[Json], bool]:
    """The chunks, and whether `[DONE]` came after them."""
    reply = await complete(api, *messages, stream=True, **fields)
    assert reply.status == 200, reply.raw
    assert reply.headers["content-type"].startswith("text/event-stream")
    blocks = reply.raw.removesuffix(b"\n\n").split(b"\n\n")
    done = blocks[-1] == b"data: [DONE]"
    kept = blocks[:-1] if done else blocks
    return [msgspec.json.decode(block.removeprefix(b"data: ")) for block in kept], done


def said(chunks: list[Json]) -> str:
    return "".join(
        choice["delta"].get("content") or ""
        for chunk in chunks
        for choice in chunk.get("choices", [])
    )


async def test_a_completion_is_a_response(api: Api) -> None:
    text = unique("hello")
    body = await completed(api, {"role": "system", "content": "Be brief."}, user(text))
    response = (await api.get(body["id"].replace("chatcmpl-", "/v1/responses/resp_"))).body
    assert response["output"][0]["content"][0]["text"] == f"You said: {text}"
    assert response["instructions"] == "Be brief."
    assert (await api.get(f"{PATH}/{body['id']}")).body == body


async def test_its_messages_are_listed(api: Api) -> None:
    first = unique("one")
    talk = [user(first), {"role": "assistant", "content": f"You said: {first}"}, user("two")]
    await completed(api, talk[0])
    body = await completed(api, {"role": "system", "content": "Be brief."}, *talk)
    page = (await api.get(f"{PATH}/{body['id']}/messages?limit=3")).body
    assert [entry["content"] for entry in page["data"]] == [
        "Be brief.",
        first,
        f"You said: {first}",
    ]
    assert page["has_more"]
    rest = (await api.get(f"{PATH}/{body['id']}/messages?after={page['last_id']}")).body
    assert [entry["content"] for entry in rest["data"]] == ["two"]


async def test_deleting_one_deletes_the_response(api: Api, backstory: Service) -> None:
    text = unique("secret")
    body = await completed(api, user(text))
    deleted = await api.delete(f"{PATH}/{body['id']}")
    assert deleted.body["id"] == body["id"]
    assert deleted.body["object"] == "chat.completion.deleted"
    assert deleted.body["forgotten"]["items"] == 2
    assert (await api.get(f"{PATH}/{body['id']}")).status == 404
    assert await tables_with(backstory, text) == set()


@pytest.mark.parametrize("name", ["resp_" + "0" * 32, "chatcmpl-0", "chatcmpl-" + "0" * 32])
async def test_an_id_that_names_nothing(api: Api, name: str) -> None:
    assert (await api.get(f"{PATH}/{name}")).status == 404
    assert (await api.get(f"{PATH}/{name}/messages")).status == 404
    assert (await api.delete(f"{PATH}/{name}")).status == 404


async def test_a_chat_is_one_conversation_whatever_its_instructions(
    api: Api, backstory: Service
) -> None:
    talk: list[Json] = []
    conversations = set()
    mine = api.as_user(unique("ada"))
    for number in range(5):
        talk.append(user(f"message {number}"))
        system = {"role": "system", "content": f"It is {number} o'clock."}
        reply = await complete(mine, system, *talk)
        conversations.add(reply.headers["Backstory-Conversation"])
        talk.append(reply.body["choices"][0]["message"])
    assert len(conversations) == 1
    rows = "SELECT count(*) FROM items t JOIN users u USING (project_id, user_id)"
    owner = mine.headers["Backstory-User"]
    assert await count(backstory, f"{rows} WHERE external_id = $1", owner) == 10


async def test_a_tool_loop_stays_in_its_conversation(api: Api) -> None:
    asked = user(f'[[call:add {{"a":1}}]] {new_id().hex}')
    function = {"name": "add", "parameters": {"type": "object"}}
    tools = [{"type": "function", "function": function}]
    first = await complete(api, asked, tools=tools)
    choice = first.body["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    (call,) = choice["message"]["tool_calls"]
    assert call["function"] == {"name": "add", "arguments": '{"a":1}'}
    answer = {"role": "tool", "tool_call_id": call["id"], "content": "2"}
    second = await complete(api, asked, choice["message"], answer, tools=tools)
    assert second.body["choices"][0]["message"]["content"] == "The tool said: 2"
    headers = [reply.headers["Backstory-Conversation"] for reply in (first, second)]
    assert headers[0] == headers[1]


async def test_strangers_with_the_same_first_message_never_share(api: Api) -> None:
    text = unique("hello")
    first = [await complete(api, user(text)) for _ in range(2)]
    talks = [[user(text), reply.body["choices"][0]["message"], user("more")] for reply in first]
    second = [await complete(api, *talk) for talk in talks]
    begun = {reply.headers["Backstory-Conversation"] for reply in first}
    assert {reply.headers["Backstory-Conversation"] for reply in second} == begun
    assert len(begun) == 2


async def test_the_stream_says_the_same(api: Api) -> None:
    text = unique("hello")
    chunks, done = await streamed(api, user(text), stream_options={"include_usage": True})
    assert done
    assert said(chunks) == f"You said: {text}"
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["total_tokens"] > 0
    assert len({chunk["id"] for chunk in chunks}) == 1


async def test_deltas_that_arrive_together_are_chunks_each(api: Api) -> None:
    chunks, done = await streamed(api, user(f"[[words:60]] [[chunk:20]] {new_id().hex}"))
    assert done
    assert len([choice for c in chunks for choice in c["choices"] if said([c])]) == 60
    assert len(said(chunks).split()) == 60


async def test_the_cache_answers_it_too(api: Api, shared_engine: FakeEngine) -> None:
    text = unique("again")
    body = await completed(api, user(text), temperature=0)
    calls = shared_engine.calls
    hit = await complete(api, user(text), temperature=0)
    assert hit.headers["X-Cache"] == "HIT"
    assert hit.body["choices"] == body["choices"]
    chunks, done = await streamed(api, user(text), temperature=0)
    assert done
    assert said(chunks) == f"You said: {text}"
    assert shared_engine.calls == calls


@pytest.mark.parametrize("stream", [False, True])
async def test_an_idempotency_key_gets_the_same_answer(api: Api, stream: bool) -> None:
    keyed = api.with_headers({"Idempotency-Key": new_id().hex})
    text = unique("once")
    if stream:
        first, _ = await streamed(keyed, user(text))
        again, done = await streamed(keyed, user(text))
        assert done
        assert [said(first), first[0]["id"]] == [said(again), again[0]["id"]]
    else:
        assert await completed(keyed, user(text)) == await completed(keyed, user(text))


async def test_a_stream_that_breaks_off_ends_with_an_error(api: Api) -> None:
    chunks, done = await streamed(api, user(f"[[words:20]] [[break:8]] {new_id().hex}"))
    assert not done
    assert set(chunks[-1]) == {"error"}
    assert said(chunks)
    assert all(choice["finish_reason"] is None for c in chunks[:-1] for choice in c["choices"])


async def test_one_that_breaks_off_is_no_answer(api: Api) -> None:
    reply = await complete(api, user(f"[[words:20]] [[break:8]] {new_id().hex}"))
    assert reply.status == 502
    assert reply.error["code"].startswith("engine_")


async def test_what_the_engine_calls_failed_is_an_error(api: Api) -> None:
    reply = await complete(api, user(f"[[failed]] {new_id().hex}"))
    assert reply.status == 502
    assert reply.error["message"]


async def test_an_answer_that_was_cut_off(api: Api) -> None:
    body = await completed(api, user(f"[[incomplete]] {new_id().hex}"), max_tokens=3)
    assert body["choices"][0]["finish_reason"] == "length"


async def test_nothing_is_stored_where_store_is_false(api: Api, backstory: Service) -> None:
    text = unique("secret")
    reply = await complete(api, user(text), store=False)
    assert reply.status == 200
    assert "Backstory-Conversation" not in reply.headers
    assert (await api.get(f"{PATH}/{reply.body['id']}")).status == 404
    assert await tables_with(backstory, text) == set()


async def test_a_call_is_in_the_request_log(api: Api, backstory: Service) -> None:
    mine = api.as_user(unique("ada"))
    await completed(mine, user("hello"))
    found = await count(
        backstory,
        "SELECT count(*) FROM requests r JOIN users u USING (project_id, user_id)"
        " WHERE u.external_id = $1 AND r.endpoint = 'POST /v1/chat/completions'"
        " AND r.output_tokens > 0",
        mine.headers["Backstory-User"],
    )
    assert found == 1


async def test_what_is_sent_again_is_not_recalled_beside_it(
    api: Api, shared_engine: FakeEngine
) -> None:
    mine = api.as_user(unique("ada"))
    talk = [user("The passport lies in the drawer.")]
    talk.append((await completed(mine, talk[0]))["choices"][0]["message"])
    await completed(mine, user("My passport expires in May."))
    question = user("Where is my passport?")

    async def quoted() -> str:
        """Asked until what was said is remembered, which is soon."""
        await completed(mine, *talk, question, memory={"recall": True, "remember": False})
        sent = [str(item) for item in shared_engine.last.body["input"]]
        return "".join(item for item in sent if "<memories>" in item and "expires" in item)

    recalled = await eventually(quoted)
    assert "drawer" not in recalled

"""Forgetting, in its four ways: a word is said and remembered in every way that there is, then
forgotten, and no column of any table holds it, packed or not; nor does memory when a client that
keeps no state sends it again.
"""

from typing import Any
from uuid import uuid4

import msgspec
import pytest

from tests.support.api import MODEL, Api, Json, message
from tests.support.conversations import add, fork, new_conversation
from tests.support.derived import derive
from tests.support.eventually import eventually
from tests.support.files import uploaded
from tests.support.images import data_url, image, saying, shown
from tests.support.leftovers import left_of, rows_of_user
from tests.support.memories import recall, remember
from tests.support.rows import count
from tests.support.service import Service

CHAT = "/v1/chat/completions"
AT_WORK = """
    SELECT count(*) FROM outbox o JOIN users u USING (project_id, user_id)
    WHERE u.external_id = $1
      AND o.topic IN ('remember_turn', 'embed_memories', 'title_conversation')
"""
OF_MEMORY = {"memories.content", "memory_versions.content", "memory_postings.term"}
OF_TURNS = {
    *("contents.body", "event_logs.events", "responses.fields", "memories.content"),
    "memory_postings.term",
}
HELD = {
    "memory": {*OF_MEMORY, "memory_versions.metadata", "memories.external_id"},
    "turn": OF_TURNS,
    "conversation": {*OF_TURNS, "conversations.title", "conversations.metadata"},
    "user": {
        *(*OF_MEMORY, *OF_TURNS, "conversations.title", "conversations.metadata"),
        *("users.external_id", "files.filename", "settings.value"),
        *("setting_changes.value", "idempotency_keys.reply"),
    },
}
"""Where the word stands before it is forgotten, at least."""


class Told(msgspec.Struct):
    """A word, and where it was told."""

    word: str
    api: Api
    service: Service
    said: list[tuple[str, str]] = []
    """What the user said with it, and what the assistant answered."""
    paths: list[str] = []
    """What is to be deleted."""

    @property
    def user(self) -> str:
        return self.api.headers["Backstory-User"]

    @property
    def keyed(self) -> Api:
        return self.api.with_headers({"Idempotency-Key": uuid4().hex})

    async def settled(self) -> None:
        """Nothing of it waits any more."""

        async def none_waits() -> bool:
            return await count(self.service, AT_WORK, self.user) == 0

        await eventually(none_waits)


def answered(text: str) -> tuple[str, str]:
    return text, f"You said: {text}"


async def tell_memory(told: Told) -> None:
    """Versions, metadata, a fact and a summary of it; recalled into an answer that is cached."""
    word, api = told.word, told.api
    fields = {"kind": "message", "external_id": word, "metadata": {"k": word}}
    (memory,) = await remember(told.keyed, f"I said {word}.", **fields)
    path = f"/v1/memories/{memory['id']}"
    for patch in ({"content": f"I patched {word}.", "speaker": word}, {"metadata": {"k": None}}):
        assert (await api.send("PATCH", path, patch)).status == 200
    fact = await derive(told.service, "fact", f"The word is {word}.", [memory])
    await derive(told.service, "summary", f"Of {word}.", [{"id": fact}, memory])
    assert word in (await recall(api, "What was patched?"))["context"]
    recalling = {"memory": {"recall": True, "remember": False}, "temperature": 0, "cache": True}
    await api.respond("Tell what was patched.", **recalling)
    told.said += [(f"I said {word}.", "I see."), (f"I patched {word}.", "I see.")]
    told.paths.append(path)


async def tell_turns(told: Told, **place: Any) -> None:
    """Stored and streamed, cached, in the background and with images; with instructions, tools
    and metadata."""
    word = told.word
    schema: Json = {"type": "object", "properties": {}}
    tool = {"type": "function", "name": "look", "description": word, "parameters": schema}
    asked: Json = {"instructions": word, "metadata": {"m": word}, "tools": [tool], **place}
    first = await told.keyed.respond(f"{word} one", temperature=0, **asked)
    stream = await told.keyed.stream(f"{word} two [[think:{word}]]", cache=True, **asked)
    again = await told.keyed.stream(f"{word} two [[think:{word}]]", cache=True, **asked)
    queued = await told.keyed.respond(f"{word} [[words:3]]", background=True, **asked)

    async def ended() -> bool:
        status = (await told.api.get(f"/v1/responses/{queued['id']}")).body["status"]
        return bool(status == "completed")

    await eventually(ended)
    pictured = await told.api.respond(saying(word, shown(data_url(image()))), **place)
    made = (first, stream.response, again.response, queued, pictured)
    told.paths += [f"/v1/responses/{response['id']}" for response in made]
    told.said += [answered(f"{word} one"), answered(word)]


async def tell_completions(told: Told) -> None:
    """With a history that is sent again."""
    said = [{"role": "user", "content": f"{told.word} in a chat"}]
    for _ in range(2):
        reply = await told.keyed.send("POST", CHAT, {"model": MODEL, "messages": said})
        assert reply.status == 200, reply.raw
        answer = reply.body["choices"][0]["message"]["content"]
        said += [{"role": "assistant", "content": answer}, {"role": "user", "content": "And now?"}]
        told.paths.append(f"{CHAT}/{reply.body['id']}")
    told.said.append(answered(f"{told.word} in a chat"))


async def tell_conversation(told: Told) -> None:
    """With a title of its own and one that is made; all that is said in it and in its fork."""
    word = told.word
    named = await new_conversation(told.keyed, metadata={"k": word}, title=f"Of {word}")
    await add(told.keyed, named, message(f"{word} added"))
    await tell_turns(told, conversation=named)
    twin = await fork(told.api, named)
    await told.api.respond(f"{word} in the fork", conversation=twin)
    untitled = await new_conversation(told.api, items=[message(f"{word} begins")])
    await told.api.respond(f"{word} goes on", conversation=untitled)
    told.paths = [f"/v1/conversations/{one}" for one in (named, twin, untitled)]
    told.said += [(f"{word} added", "I see."), answered(f"{word} goes on")]


async def tell_all(told: Told) -> None:
    await tell_memory(told)
    await tell_turns(told)
    await tell_completions(told)
    await tell_conversation(told)
    await uploaded(told.api, image(), name=f"{told.word}.png")
    for value in (told.word, {"theirs": told.word}):
        reply = await told.keyed.send("PUT", "/v1/settings/theirs", value)
        assert reply.status == 200
    told.paths = [f"/v1/users/{told.user}"]


async def tell_in_turns(told: Told) -> None:
    await tell_turns(told)
    await tell_completions(told)


TELL = {
    "memory": tell_memory,
    "turn": tell_in_turns,
    "conversation": tell_conversation,
    "user": tell_all,
}


@pytest.mark.parametrize("way", TELL)
async def test_nothing_is_left(backstory: Service, api: Api, way: str) -> None:
    word = f"word{uuid4().hex}"
    name = word if way == "user" else f"user-{uuid4().hex}"
    told = Told(word, api.as_user(name), backstory)
    await TELL[way](told)
    await told.settled()
    held = await left_of(backstory, word)
    assert held >= HELD[way], HELD[way] - held
    await forget(told)
    assert await left_of(backstory, word) == set()
    if way == "user":
        assert (await api.delete(f"/v1/users/{name}")).status == 404
    await send_again(told)
    assert {held for held in await left_of(backstory, word) if held.startswith("memor")} == set()
    listed = (await told.api.get("/v1/memories?limit=100")).body["data"]
    assert word not in str([memory["content"] for memory in listed])


async def forget(told: Told) -> None:
    owner = await rows_of_user(told.service, told.user)
    for path in told.paths:
        reply = await told.api.delete(path)
        assert reply.status == 200, reply.raw
        assert any(reply.body["forgotten"].values())
    if told.paths == [f"/v1/users/{told.user}"]:
        left = await rows_of_user(told.service, owner.user_id)
        # That it was done stays in the audit, by its id; the log may be written a moment later.
        assert left.tables <= {"erased_users", "requests", "audit_events"}


async def send_again(told: Told) -> None:
    """By a client that keeps no state, and begins anew: all that was said, and the answers."""
    history = []
    for text, answer in told.said:
        history.append({"role": "user", "content": text})
        history.append({"role": "assistant", "content": answer})
    history.append({"role": "user", "content": "And after all that?"})
    reply = await told.api.send("POST", CHAT, {"model": MODEL, "messages": history})
    assert reply.status == 200, reply.raw
    await told.settled()
    assert "And after all that?" in str((await told.api.get("/v1/memories")).body)

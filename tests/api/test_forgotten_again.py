"""What was forgotten and is sent again by a client that keeps no state is not remembered."""

from collections.abc import Awaitable, Callable

import pytest

from app.ids import new_id
from tests.support.api import Api, Json, message, text_of
from tests.support.eventually import eventually
from tests.support.memories import embedded, recalled, remember, somebody
from tests.support.rows import count
from tests.support.service import Service

WAITING = """
    SELECT count(*) FROM outbox o JOIN users u USING (project_id, user_id)
    WHERE u.external_id = $1 AND o.topic = 'remember_turn'
"""
Forget = Callable[[Api, Json], Awaitable[None]]


async def forget_memories(api: Api, response: Json) -> None:
    listed = (await api.get("/v1/memories")).body["data"]
    assert len(listed) == 2
    for memory in listed:
        assert (await api.delete(f"/v1/memories/{memory['id']}")).status == 200


async def forget_all(api: Api, response: Json) -> None:
    user = api.headers["Backstory-User"]
    assert (await api.delete(f"/v1/users/{user}/memories")).body["count"] == 2


async def forget_response(api: Api, response: Json) -> None:
    assert (await api.delete(f"/v1/responses/{response['id']}")).status == 200


@pytest.mark.parametrize("forget", [forget_memories, forget_all, forget_response])
async def test_what_was_forgotten_stays_so(api: Api, backstory: Service, forget: Forget) -> None:
    name, word = somebody(), new_id().hex
    mine = api.as_user(name)
    first = await mine.respond(f"My word is {word}.")
    await embedded(backstory, name, 2)
    await forget(mine, first)
    history = [message(f"My word is {word}."), message(text_of(first), "assistant")]
    await mine.respond([*history, message("And now?")], prompt_cache_key="elsewhere")
    await all_remembered(backstory, name)
    contents = [memory["content"] for memory in (await mine.get("/v1/memories")).body["data"]]
    assert sorted(contents) == ["And now?", "You said: And now?"]


async def test_another_user_and_who_means_it_are_remembered(api: Api, backstory: Service) -> None:
    name, word = somebody(), new_id().hex
    mine, other = api.as_user(name), api.as_user(somebody())
    first = await mine.respond(word)
    await embedded(backstory, name, 2)
    await forget_response(mine, first)
    await remember(mine, word)
    assert await recalled(mine, word) == [word]
    await other.respond(word)
    await all_remembered(backstory, other.headers["Backstory-User"])
    assert word in await recalled(other, word)


async def all_remembered(service: Service, user: str) -> None:
    async def none_waits() -> bool:
        return await count(service, WAITING, user) == 0

    await eventually(none_waits)

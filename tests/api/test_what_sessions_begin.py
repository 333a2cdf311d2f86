"""What a session's request begins for others too is whole, and gives it nothing of theirs."""

import asyncio

import pytest

from app.ids import ProjectId
from tests.support.api import Api, open_api, text_of
from tests.support.engine import FakeEngine
from tests.support.eventually import eventually
from tests.support.heard import heard, something
from tests.support.memories import recalled, remember, somebody
from tests.support.rows import count, new_key, new_project, new_session
from tests.support.secrets_in_logs import is_secret
from tests.support.service import Service
from tests.support.settings import set_own
from tests.support.walk import STEPS, Step, request_of, send
from tests.support.walk_world import ALL_SCOPES, settle

SLOWLY = "[[words:40]] [[delay:0.005]]"
SAME = {"temperature": 0}
NOT_COMPARED = ("/v1/auth/", "DELETE /v1/users/{user}", "GET /v1/requests", "GET /v1/analytics")
"""Another's to do, the end of it all, and what the walk itself adds to."""


@pytest.fixture
async def project(backstory: Service) -> ProjectId:
    return await new_project(backstory)


@pytest.fixture
async def key(backstory: Service, api: Api, project: ProjectId) -> Api:
    return api.with_key(await new_key(backstory, *ALL_SCOPES, project=project))


@pytest.fixture
def me() -> str:
    return somebody()


@pytest.fixture
async def session(backstory: Service, api: Api, project: ProjectId, me: str) -> Api:
    return api.with_key(await new_session(backstory, me, project=project))


async def test_a_flight_that_a_session_began_goes_on_for_the_key(
    session: Api, key: Api, me: str, shared_engine: FakeEngine
) -> None:
    said = f"{something()} {SLOWLY}"
    leading = asyncio.create_task(session.stream(said, **SAME))
    await eventually(lambda: _arrived(shared_engine, said))
    following = asyncio.create_task(key.as_user(me).create(said, **SAME))
    others = await key.as_user(somebody()).create(said, **SAME)
    assert others.headers["X-Cache"] == "MISS"
    leading.cancel()
    reply = await following
    assert reply.headers["X-Cache"] == "COALESCED"
    assert len(text_of(reply.body).split()) == 40
    assert (await session.get(f"/v1/responses/{reply.body['id']}")).body == reply.body
    assert len(heard(shared_engine, said)) == 2
    again = await session.create(said, **SAME)
    assert again.headers["X-Cache"] == "HIT"


async def _arrived(engine: FakeEngine, said: str) -> bool:
    return bool(heard(engine, said))


async def test_what_a_session_has_the_service_learn_holds_for_all(
    session: Api, key: Api, shared_engine: FakeEngine
) -> None:
    """Settings and the engine's key are read for the project, whoever asks first."""
    own = is_secret(f"sk-{somebody()}")
    shared_engine.keys.add(own)
    await key.send("PUT", "/v1/engine_key", {"api_key": own})
    await set_own(key, {"cache": {"namespace": "all"}, "models": ["test-model"]})
    said = something()
    assert (await session.create(said)).headers["X-Cache"] == "MISS"
    assert (await session.create("x", model="other-model")).status == 404
    assert (await key.create(said)).headers["X-Cache"] == "MISS"
    assert {call.key for call in heard(shared_engine, said)} == {own}
    assert (await session.get("/v1/engine_key")).status == 403


async def test_a_project_that_shares_its_cache_shares_it_with_no_session(
    session: Api, key: Api, backstory: Service, project: ProjectId
) -> None:
    """Nor with keys that may not share: they have their own, and are not refused for a setting."""
    await set_own(key, {"cache": {"namespace": "all of us"}})
    poor = key.with_key(await new_key(backstory, "engine", project=project))
    said = something()
    assert (await key.create(said)).headers["X-Cache"] == "MISS"
    assert (await key.create(said)).headers["X-Cache"] == "HIT"
    for speaker in (session, poor):
        assert (await speaker.create(said)).headers["X-Cache"] == "MISS"
        assert (await speaker.create(said)).headers["X-Cache"] == "HIT"
        reply = await speaker.create(said, cache={"namespace": "all of us"})
        assert reply.status == 403


@pytest.mark.parametrize("forgotten", ["response", "item", "memory"])
async def test_what_a_session_forgets_goes_from_where_all_share_it(
    session: Api, key: Api, backstory: Service, project: ProjectId, me: str, forgotten: str
) -> None:
    """An answer of theirs in a namespace, which others were given since."""
    text = f"I keep bees at {something()}."
    [kept] = await remember(session, text)
    asked = {"memory": {"recall": {"limit": 5}}, "cache": {"namespace": "all of us"}}
    talk = (await session.send("POST", "/v1/conversations", {})).body["id"]
    speaker = key.as_user(me)
    first = await speaker.create("Where do I keep bees?", conversation=talk, **asked)
    assert first.headers["X-Cache"] == "MISS"
    assert first.body["recalled"] == [kept["id"]]
    items = (await session.get(f"/v1/conversations/{talk}/items")).body["data"]
    places = {
        "response": f"/v1/responses/{first.body['id']}",
        "item": f"/v1/conversations/{talk}/items/{items[-1]['id']}",
        "memory": f"/v1/memories/{kept['id']}",
    }
    entries = "SELECT count(*) FROM cache_entries WHERE project_id = $1"
    assert await count(backstory, entries, project) == 1
    gone = await session.delete(places[forgotten])
    assert gone.status == 200, gone.raw
    assert await count(backstory, entries, project) == 0


async def test_who_was_given_another_users_answer_keeps_it_when_that_one_forgets(
    session: Api, key: Api, backstory: Service, project: ProjectId, me: str
) -> None:
    await set_own(key, {"cache": {"namespace": "all of us"}})
    other, said = somebody(), something()
    first = await key.as_user(me).create(said)
    second = await key.as_user(other).create(said)
    assert [reply.headers["X-Cache"] for reply in (first, second)] == ["MISS", "HIT"]
    path = f"/v1/responses/{second.body['id']}"
    others = key.with_key(await new_session(backstory, other, project=project))
    before = await others.get(f"{path}?stream=true")
    assert before.status == 200, before.raw
    assert (await session.delete(f"/v1/responses/{first.body['id']}")).status == 200
    assert (await others.get(f"{path}?stream=true")).raw == before.raw
    assert (await others.delete(path)).status == 200
    for table in ("event_logs", "cache_entries", "contents", "responses"):
        assert not await count(
            backstory, f"SELECT count(*) FROM {table} WHERE project_id = $1", project
        ), table


async def test_what_is_gathered_while_sessions_speak_is_written_for_everybody(
    session: Api, key: Api, backstory: Service, project: ProjectId, me: str
) -> None:
    """Requests, uses of memories, uses of keys: gathered in the process, written behind it."""
    other = key.as_user(somebody())
    speakers = {session: "I keep bees.", other: "I keep ants.", key: "We keep books."}
    for speaker, text in speakers.items():
        await remember(speaker, text)
    for _ in range(3):
        await asyncio.gather(*(_recalls(speaker, text) for speaker, text in speakers.items()))

    async def written() -> bool:
        uses = await count(
            backstory,
            "SELECT coalesce(sum(uses), 0)::int FROM memory_uses WHERE project_id = $1",
            project,
        )
        requests = await count(
            backstory,
            """SELECT count(*) FROM requests
               WHERE project_id = $1 AND endpoint = 'POST /v1/recall'""",
            project,
        )
        return (uses, requests) == (9, 9)

    await eventually(written)


async def _recalls(speaker: Api, text: str) -> None:
    assert await recalled(speaker, text) == [text]


async def test_a_session_finds_of_its_own_what_a_key_finds_for_its_user(
    backstory: Service, project: ProjectId
) -> None:
    async with open_api(backstory) as api:
        key = api.with_key(await new_key(backstory, *ALL_SCOPES, project=project))
        itself = await settle(backstory, key, None)
        one, two = [await settle(backstory, key, somebody()) for _ in range(2)]
        session, speaker = api.with_key(one.ids["token"]), key.as_user(two.ids["user"])
        compared = 0
        for step in sorted(filter(_is_compared, STEPS), key=_destroying):
            mine = await send(session, request_of(step, itself.ids | one.ids))
            theirs = await send(speaker, request_of(step, itself.ids | two.ids))
            if mine.status == 403:
                continue
            compared += 1
            assert mine.status == theirs.status, (step.route, step.one, mine.raw, theirs.raw)
            if step.route.startswith("GET") and b'"object":"list"' in mine.raw:
                found = (len(mine.body["data"]), len(theirs.body["data"]))
                assert found[0] == found[1], (step.route, step.one, found)
        assert compared > 100


def _is_compared(step: Step) -> bool:
    named = any(part in step.route for part in NOT_COMPARED)
    return not (named or step.one.names_user or "project" in step.foreign)


def _destroying(step: Step) -> int:
    order = ("GET", "POST", "PUT", "PATCH", "DELETE")
    return order.index(step.route.split()[0])

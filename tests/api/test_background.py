"""Background responses, resumed streams, cancels: by the worker that makes them and by another."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from tests.support.api import Api, Json, Reply, Streamed, open_api, read_stream, text_of
from tests.support.engine import FakeEngine
from tests.support.eventually import eventually
from tests.support.heard import heard, something
from tests.support.postgres_fixtures import DatabaseUrls
from tests.support.rows import tables_with
from tests.support.service import Service, run_service

SLOW = "[[words:60]] [[delay:0.02]]"
ENDLESS = "[[words:5000]] [[delay:0.02]]"


@pytest.fixture(scope="module")
async def other_service(
    backstory: Service, shared_database: DatabaseUrls, embedder_data_dir: Path
) -> AsyncIterator[Service]:
    """Another worker on the same database."""
    async with run_service(shared_database, backstory.config) as service:
        yield msgspec.structs.replace(service, keys=backstory.keys)


@pytest.fixture(params=["the same worker", "another worker"])
async def reader(
    request: pytest.FixtureRequest, api: Api, other_service: Service
) -> AsyncIterator[Api]:
    """Who asks for what `api` began."""
    if request.param == "the same worker":
        yield api
        return
    async with open_api(other_service) as other:
        yield other


async def resume(api: Api, response_id: str, after: int | None = None) -> Streamed:
    query = "?stream=true" + (f"&starting_after={after}" if after is not None else "")
    reply = await api.get(f"/v1/responses/{response_id}{query}")
    assert reply.status == 200, reply.raw
    return read_stream(reply.headers, reply.raw)


async def cancel(api: Api, response_id: str) -> Reply:
    return await api.send("POST", f"/v1/responses/{response_id}/cancel")


def told(events: list[Json]) -> list[Json]:
    """Events without the response as it began, which is not kept: it is told as far as known."""
    return [{**event, "response": None} if "response" in event else event for event in events]


async def completed(api: Api, response_id: str) -> Json:
    async def ended() -> Json | None:
        body: Json = (await api.get(f"/v1/responses/{response_id}")).body
        return body if body["status"] not in ("queued", "in_progress") else None

    body = await eventually(ended)
    assert body
    return body


async def test_it_is_answered_at_once_and_made_in_the_service(api: Api, reader: Api) -> None:
    queued = await api.respond(something(SLOW), background=True)
    assert (queued["status"], queued["background"], queued["output"]) == ("queued", True, [])
    running = (await reader.get(f"/v1/responses/{queued['id']}")).body
    assert running["status"] == "in_progress"
    body = await completed(reader, queued["id"])
    assert (body["status"], body["background"]) == ("completed", True)
    assert len(text_of(body).split()) == 60


async def test_it_can_be_followed_from_its_first_event(api: Api, reader: Api) -> None:
    queued = await api.respond(something(SLOW), background=True)
    followed = await resume(reader, queued["id"])
    assert followed.done
    assert followed.types[:3] == ["response.created", "response.queued", "response.in_progress"]
    assert [event["sequence_number"] for event in followed.events] == [*range(len(followed.events))]
    assert followed.response["status"] == "completed"
    assert told(followed.events) == told((await resume(api, queued["id"])).events)


async def test_a_dropped_stream_goes_on_where_it_stood(api: Api, reader: Api) -> None:
    said = something(SLOW)
    async with api.streaming(said, background=True) as answer:
        seen = [await answer.content.readuntil(b"\n\n") for _ in range(20)]
    first = read_stream({}, b"".join(seen))
    response_id = first.events[0]["response"]["id"]
    rest = await resume(reader, response_id, after=19)
    assert [event["sequence_number"] for event in rest.events] == [
        *range(20, 20 + len(rest.events))
    ]
    assert told(first.events + rest.events) == told((await resume(api, response_id)).events)
    assert rest.response["status"] == "completed"


async def test_one_in_the_foreground_can_be_followed_too(
    api: Api, reader: Api, backstory: Service
) -> None:
    async with api.streaming(something("[[words:200]] [[delay:0.02]]")) as answer:
        head = read_stream({}, await answer.content.readuntil(b"\n\n"))
        response_id = head.events[0]["response"]["id"]

        async def known() -> bool:
            return (await reader.get(f"/v1/responses/{response_id}")).status == 200

        await eventually(known)
        followed, rest = await asyncio.gather(resume(reader, response_id), answer.read())
    streamed = head.events + read_stream({}, rest).events
    assert told(followed.events) == told(streamed)
    assert followed.response == streamed[-1]["response"]


async def test_it_can_be_cancelled(api: Api, reader: Api, shared_engine: FakeEngine) -> None:
    said = something(ENDLESS)
    queued = await api.respond(said, background=True)
    following = asyncio.create_task(resume(reader, queued["id"]))

    async def begun() -> bool:
        return bool(heard(shared_engine, said))

    await eventually(begun)
    first = await cancel(reader, queued["id"])
    assert (first.status, first.body["status"], first.body["error"]) == (200, "cancelled", None)
    again = await cancel(api, queued["id"])
    assert again.body == first.body == (await api.get(f"/v1/responses/{queued['id']}")).body
    followed = await following
    assert followed.done
    assert followed.types[-1] == "response.incomplete"
    assert followed.response == first.body
    async with asyncio.timeout(5):
        await heard(shared_engine, said)[0].ended.wait()
    assert heard(shared_engine, said)[0].client_left


async def test_what_has_ended_stays_as_it_ended(api: Api) -> None:
    body = await api.respond(something())
    assert (await cancel(api, body["id"])).body == body


async def test_nothing_can_be_cancelled_that_is_not_ones_own(
    api: Api, other_service: Service
) -> None:
    queued = await api.as_user("ada").respond(something(ENDLESS), background=True)
    async with open_api(other_service) as other:
        for stranger in (api.as_user("bob"), other.as_user("bob")):
            path = f"/v1/responses/{queued['id']}"
            assert (await cancel(stranger, queued["id"])).error["code"] == "response_not_found"
            assert (await stranger.get(path)).status == 404
            assert (await stranger.get(f"{path}?stream=true")).status == 404
    assert (await cancel(api.as_user("ada"), queued["id"])).body["status"] == "cancelled"


async def test_a_running_response_that_is_deleted_is_ended_first(
    api: Api, reader: Api, shared_engine: FakeEngine
) -> None:
    said = something(ENDLESS)
    queued = await api.respond(said, background=True)
    assert (await reader.delete(f"/v1/responses/{queued['id']}")).body["deleted"]
    assert (await api.get(f"/v1/responses/{queued['id']}")).status == 404


async def test_it_is_continued_when_it_has_ended(api: Api, reader: Api) -> None:
    queued = await api.respond(something(SLOW), background=True)
    early = await reader.create("more", previous_response_id=queued["id"])
    assert early.error["code"] == "previous_response_not_found"
    await completed(reader, queued["id"])
    assert (await reader.create("more", previous_response_id=queued["id"])).status == 200


async def test_an_engine_that_refuses_fails_it(api: Api) -> None:
    queued = await api.respond(something("[[status:400]]"), background=True)
    assert (await completed(api, queued["id"]))["status"] == "failed"


async def test_its_key_is_answered_at_once(api: Api, reader: Api) -> None:
    said = something(SLOW)
    key = {"Idempotency-Key": something("key")}
    queued = await api.with_headers(key).respond(said, background=True)
    again = await reader.with_headers(key).respond(said, background=True)
    assert again["id"] == queued["id"]


async def test_it_needs_a_store(api: Api) -> None:
    reply = await api.create("hello", background=True, store=False)
    assert (reply.status, reply.error["param"]) == (400, "background")
    assert (await cancel(api, "resp_nonsense")).status == 404


async def test_one_whose_conversation_is_deleted_goes_with_it(
    api: Api, reader: Api, backstory: Service
) -> None:
    """Whoever makes it, it is not stored; nobody tries to for ever."""
    conversation = (await api.send("POST", "/v1/conversations", {})).body["id"]
    said = something("[[words:100]] [[delay:0.02]]")
    queued = await api.respond(said, background=True, conversation=conversation)
    assert (await reader.delete(f"/v1/conversations/{conversation}")).status == 200

    async def gone() -> bool:
        return (await reader.get(f"/v1/responses/{queued['id']}")).status == 404

    await eventually(gone, seconds=30)
    assert not await tables_with(backstory, said.split()[-1])

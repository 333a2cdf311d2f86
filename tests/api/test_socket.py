"""The WebSocket at /v1/responses, by the official SDK and by bare messages."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec
import pytest
from openai import AsyncOpenAI

from app.config import Config
from app.web.principal import Scope
from tests.support.api import MODEL, Api, Json, text_of
from tests.support.engine import FakeEngine
from tests.support.eventually import eventually
from tests.support.heard import heard, heard_once, something, texts
from tests.support.images import data_url, image, saying, shown
from tests.support.postgres_fixtures import DatabaseUrls
from tests.support.rows import count, new_key, tables_with
from tests.support.service import Service, run_service


class Socket:
    def __init__(self, bare: aiohttp.ClientWebSocketResponse) -> None:
        self.bare = bare

    async def ask(self, said: object, **fields: Any) -> list[Json]:
        """All that is told of one request."""
        await self.send({"type": "response.create", "model": MODEL, "input": said, **fields})
        return await self.told()

    async def send(self, message: object) -> None:
        await self.bare.send_str(msgspec.json.encode(message).decode())

    async def told(self) -> list[Json]:
        events = [await self.event()]
        while not ends(events[-1]):
            events.append(await self.event())
        return events

    async def event(self) -> Json:
        event: Json = msgspec.json.decode(await self.bare.receive_str())
        return event


def ends(event: Json) -> bool:
    return event["type"] in (
        *("error", "response.completed", "response.failed", "response.incomplete"),
    )


@asynccontextmanager
async def connected(service: Service, **headers: str) -> AsyncIterator[Socket]:
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(
            f"{service.base_url}/responses", headers=service.headers | headers, max_msg_size=2**25
        ) as bare,
    ):
        yield Socket(bare)


@pytest.fixture
async def socket(backstory: Service) -> AsyncIterator[Socket]:
    async with connected(backstory) as socket:
        yield socket


async def test_the_sdk_converses(openai: AsyncOpenAI) -> None:
    async with openai.responses.connect() as connection:
        await connection.response.create(model=MODEL, input=something("[[say:one two]]"))
        events = [event async for event in _to_the_end(connection)]
        first = events[-1].response
        assert first.output_text == "one two"
        assert [event.sequence_number for event in events] == list(range(len(events)))
        await connection.response.create(model=MODEL, input="more", previous_response_id=first.id)
        events = [event async for event in _to_the_end(connection)]
        assert events[-1].response.previous_response_id == first.id
    assert (await openai.responses.retrieve(first.id)).output_text == "one two"


async def _to_the_end(connection: Any) -> AsyncIterator[Any]:
    async for event in connection:
        yield event
        if event.type == "response.completed":
            return


async def test_what_is_not_stored_is_continued_on_the_connection(
    socket: Socket, api: Api, backstory: Service, shared_engine: FakeEngine
) -> None:
    one, two, three = something("one"), something("two"), something("three")
    first = (await socket.ask(one, store=False))[-1]["response"]
    second = (await socket.ask(two, store=False, previous_response_id=first["id"]))[-1]["response"]
    assert second["previous_response_id"] == first["id"]
    third = (await socket.ask(three, store=False, previous_response_id=second["id"]))[-1]
    assert third["response"]["status"] == "completed"
    sent = texts(heard_once(shared_engine, three)["input"])
    said = [one, text_of(first), two, text_of(second), three]
    assert [line.partition(": ")[2] for line in sent] == said
    assert (await api.get(f"/v1/responses/{first['id']}")).status == 404
    assert not await tables_with(backstory, one)


async def test_images_are_remembered_too(
    socket: Socket, backstory: Service, shared_engine: FakeEngine
) -> None:
    said, part = something(), shown(data_url(image()))
    first = (await socket.ask(saying(said, part), store=False))[-1]["response"]
    again = {"store": False, "previous_response_id": first["id"]}
    assert (await socket.ask("And now?", **again))[-1]["type"] == "response.completed"
    for call in heard(shared_engine, said):
        assert call.body["input"][0]["content"][1] == part
    assert len(heard(shared_engine, said)) == 2


async def test_only_the_last_one_is_remembered(socket: Socket) -> None:
    first = (await socket.ask("one", store=False))[-1]["response"]
    await socket.ask("two", store=False)
    (error,) = await socket.ask("three", store=False, previous_response_id=first["id"])
    assert (error["status"], error["error"]["code"]) == (400, "previous_response_not_found")


async def test_what_is_stored_is_continued_anywhere(socket: Socket, api: Api) -> None:
    stored = await api.respond("one")
    told = (await socket.ask("two", previous_response_id=stored["id"]))[-1]["response"]
    assert told["previous_response_id"] == stored["id"]
    assert (await api.respond("three", previous_response_id=told["id"]))["status"] == "completed"


async def test_requests_that_wait_are_answered_in_their_order(socket: Socket) -> None:
    for word in ("one", "two", "three"):
        await socket.send(
            {"type": "response.create", "model": MODEL, "input": f"[[say:{word}]] [[delay:0.01]]"}
        )
    assert [text_of((await socket.told())[-1]["response"]) for _ in range(3)] == [
        *("one", "two", "three"),
    ]


async def test_a_connection_can_be_prepared(socket: Socket, shared_engine: FakeEngine) -> None:
    before, after = something("before"), something("after")
    prepared = (await socket.ask(before, store=False, generate=False))[-1]["response"]
    assert (prepared["status"], prepared["output"]) == ("completed", [])
    assert not heard(shared_engine, before)
    await socket.ask(after, store=False, previous_response_id=prepared["id"])
    sent = texts(heard_once(shared_engine, after)["input"])
    assert sent == [f"user: {before}", f"user: {after}"]


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("no JSON", "invalid_json"),
        ({"type": "response.steer"}, "invalid_value"),
        ({"type": "response.create", "input": "x"}, "invalid_value"),
        ({"type": "response.create", "model": MODEL, "input": "x", "background": True}, None),
        (
            {
                "type": "response.create",
                "model": MODEL,
                "input": "x",
                "previous_response_id": "resp_unknown",
            },
            "previous_response_not_found",
        ),
        ({"type": "response.create", "model": MODEL, "input": "[[status:429]]"}, None),
    ],
)
async def test_an_error_leaves_the_connection_open(
    socket: Socket, message: object, code: str | None
) -> None:
    await socket.send(message) if isinstance(message, dict) else await socket.bare.send_str("{no")
    event = await socket.event()
    assert event["type"] == "error"
    assert set(event["error"]) == {"message", "type", "param", "code"}
    assert 400 <= event["status"] < 500
    assert code is None or event["error"]["code"] == code
    assert (await socket.ask("hello"))[-1]["response"]["status"] == "completed"


async def test_a_wrong_key_is_told_why(backstory: Service) -> None:
    async with connected(backstory, Authorization="Bearer bs_sk_wrong") as socket:
        event = await socket.event()
        assert (event["status"], event["error"]["type"]) == (401, "invalid_request_error")
        assert (await socket.bare.receive()).type is aiohttp.WSMsgType.CLOSE


async def test_a_key_needs_its_scope(backstory: Service) -> None:
    key = await new_key(backstory, Scope.MEMORY_READ.value)
    async with connected(backstory, Authorization=f"Bearer {key}") as socket:
        event = await socket.event()
        assert (event["status"], event["error"]["code"]) == (403, "insufficient_permissions")


async def test_a_key_that_is_revoked_opens_nothing_more(
    backstory: Service, shared_database: DatabaseUrls
) -> None:
    config: Config = msgspec.structs.replace(backstory.config, principal_ttl_seconds=0.01)
    async with run_service(shared_database, config) as service:
        key = await new_key(service, Scope.ENGINE.value)
        async with connected(service, Authorization=f"Bearer {key}") as socket:
            assert ends((await socket.ask("hello"))[-1])
            sql = "UPDATE api_keys SET revoked_at = now() WHERE strpos($1, prefix) > 0"
            await count(service, f"WITH revoked AS ({sql} RETURNING 1) SELECT 1 FROM revoked", key)
            (event,) = await socket.ask("hello")
            assert (event["status"], event["error"]["type"]) == (401, "invalid_request_error")
            assert (await socket.bare.receive()).type is aiohttp.WSMsgType.CLOSE


async def test_it_speaks_for_the_user_in_its_header(backstory: Service, api: Api) -> None:
    async with connected(backstory, **{"Backstory-User": "ada"}) as socket:
        told = (await socket.ask("hello"))[-1]["response"]
    path = f"/v1/responses/{told['id']}"
    assert (await api.as_user("ada").get(path)).status == 200
    assert (await api.as_user("bob").get(path)).status == 404


async def test_a_client_that_leaves_does_not_lose_what_is_stored(
    backstory: Service, api: Api, shared_engine: FakeEngine
) -> None:
    async with connected(backstory) as socket:
        await socket.send(
            {"type": "response.create", "model": MODEL, "input": "[[words:30]] [[delay:0.01]]"}
        )
        response_id = (await socket.event())["response"]["id"]

    async def stored() -> bool:
        reply = await api.get(f"/v1/responses/{response_id}")
        return bool(reply.status == 200 and reply.body["status"] == "completed")

    await eventually(stored)


async def test_the_engine_need_not_finish_what_nobody_keeps(
    backstory: Service, shared_engine: FakeEngine
) -> None:
    said = something("[[words:1000]] [[delay:0.01]]")
    async with connected(backstory) as socket:
        await socket.send(
            {"type": "response.create", "model": MODEL, "input": said, "store": False}
        )
        await socket.event()
    async with asyncio.timeout(5):
        await heard(shared_engine, said)[0].ended.wait()
    assert heard(shared_engine, said)[0].client_left


async def test_its_time_is_limited(backstory: Service, shared_database: DatabaseUrls) -> None:
    config: Config = msgspec.structs.replace(backstory.config, socket_seconds_max=0.2)
    async with run_service(shared_database, config) as service, connected(service) as socket:
        event = await socket.event()
        assert event["error"]["code"] == "websocket_connection_limit_reached"
        assert (await socket.bare.receive()).type is aiohttp.WSMsgType.CLOSE


async def test_each_response_is_a_row_of_the_request_log(socket: Socket, api: Api) -> None:
    told = (await socket.ask("hello"))[-1]["response"]

    async def logged() -> bool:
        rows = (await api.get("/v1/requests?limit=50")).body["data"]
        return any(
            row["response_id"] == told["id"] and row["endpoint"] == "WS /v1/responses"
            for row in rows
        )

    await eventually(logged)

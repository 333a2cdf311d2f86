"""Images in turns: as they are sent, stored, sent on, shown again and forgotten."""

import asyncio
import base64
from typing import Any
from uuid import UUID

import pytest
from openai import AsyncOpenAI

from app.config import Config
from app.db.embedded import EmbeddedPostgres
from tests.support.api import Api, open_api
from tests.support.engine import FakeEngine
from tests.support.eventually import eventually
from tests.support.files import uploaded
from tests.support.heard import heard, heard_once, something
from tests.support.images import KINDS, data_url, image, large_image, saying, shown
from tests.support.postgres_fixtures import fresh_database
from tests.support.rows import connected, count, new_key, new_project, tables_with
from tests.support.service import Service, run_service

STORED = "SELECT coalesce(sum(octet_length(data)), 0)::int FROM blobs WHERE sha256 = sha256($1)"
ELSEWHERE = "https://images.example/a.png"


async def tables_with_image(service: Service, data: bytes) -> set[str]:
    """The tables in which its bytes stand, in whatever form."""
    texts = (data.hex(), base64.b64encode(data).decode()[:-4])
    return {table for text in texts for table in await tables_with(service, text)}


def images_heard(body: dict[str, Any], item: int = 0) -> list[Any]:
    parts = body["input"][item].get("content") or body["input"][item]["output"]
    return [part for part in parts if part["type"] == "input_image"]


async def test_the_three_forms_of_the_sdk(openai: AsyncOpenAI, shared_engine: FakeEngine) -> None:
    said, inline, kept = something(), image(), image("JPEG")
    file = await openai.files.create(file=kept, purpose="vision")
    parts: Any = [
        shown(data_url(inline), detail="low"),
        shown(ELSEWHERE),
        shown(file_id=file.id, detail="high"),
    ]
    response = await openai.responses.create(model="test-model", input=saying(said, *parts))  # type: ignore[arg-type]  # as plain JSON
    sent = [
        shown(data_url(inline), detail="low"),
        shown(ELSEWHERE),
        shown(data_url(kept, "image/jpeg"), detail="high"),
    ]
    assert images_heard(heard_once(shared_engine, said)) == sent
    items = await openai.responses.input_items.list(response.id)
    back: Any = items.data[0]
    assert [part.image_url for part in back.content[1:]] == [data_url(inline), ELSEWHERE, None]
    assert [part.detail for part in back.content[1:]] == ["low", "auto", "high"]
    assert [part.file_id for part in back.content[1:]] == [None, None, file.id]
    await openai.files.delete(file.id)
    await openai.responses.create(
        model="test-model", input="And now?", previous_response_id=response.id
    )
    assert images_heard(heard(shared_engine, said)[1].body) == sent


@pytest.mark.parametrize("kind", KINDS)
async def test_an_image_is_what_its_bytes_are(
    api: Api, shared_engine: FakeEngine, kind: str
) -> None:
    said, data = something(), image(kind)
    await api.respond(saying(said, shown(data_url(data, "image/x-whatever"))))
    [part] = images_heard(heard_once(shared_engine, said))
    assert part["image_url"] == data_url(data, KINDS[kind])


async def test_a_tool_may_give_an_image(api: Api, shared_engine: FakeEngine) -> None:
    said, data = something(), image()
    call = {"type": "function_call", "call_id": "c", "name": "look", "arguments": "{}"}
    output = [{"type": "input_text", "text": said}, shown(data_url(data))]
    given = [call, {"type": "function_call_output", "call_id": "c", "output": output}]
    first = await api.respond(given)
    await api.respond("And now?", previous_response_id=first["id"])
    for call_heard in heard(shared_engine, said):
        assert images_heard(call_heard.body, 1) == [shown(data_url(data))]
    items = (await api.get(f"/v1/responses/{first['id']}/input_items?order=asc")).body["data"]
    assert items[1]["output"][1] == shown(data_url(data), detail="auto")


async def test_the_same_image_in_twenty_turns_is_stored_once(
    backstory: Service, api: Api, shared_engine: FakeEngine
) -> None:
    said, data = something(), large_image(200_000)
    previous = None
    for number in range(20):
        response = await api.respond(
            saying(f"{said} {number}", shown(data_url(data))), previous_response_id=previous
        )
        previous = response["id"]
    assert await count(backstory, STORED, data) == len(data)
    assert len(images_heard(heard(shared_engine, said)[-1].body, 38)) == 1
    assert await tables_with_image(backstory, data) == {"blobs"}
    bodies = "SELECT sum(length(body::text))::int FROM contents WHERE body::text LIKE $1"
    assert await count(backstory, bodies, f"%{said}%") < 20 * 1000


async def test_a_call_that_is_not_stored_leaves_nothing(
    backstory: Service, api: Api, shared_engine: FakeEngine
) -> None:
    said, inline, kept = something(), image(), image()
    file = await uploaded(api, kept)
    parts = shown(data_url(inline)), shown(file_id=file["id"])
    await api.respond(saying(said, *parts), store=False)
    assert len(images_heard(heard_once(shared_engine, said))) == 2
    assert not await tables_with_image(backstory, inline)
    await api.delete(f"/v1/files/{file['id']}")
    assert not await tables_with_image(backstory, kept)


async def test_the_cache_knows_an_image_by_its_bytes(backstory: Service, api: Api) -> None:
    said, data = something(), image()
    file = await uploaded(api, data)

    async def ask(part: dict[str, str], speaker: Api = api, **cache: Any) -> str:
        asked: Any = {"temperature": 0} | cache
        return (await speaker.create(saying(said, part), **asked)).headers["X-Cache"]

    assert await ask(shown(data_url(data))) == "MISS"
    assert await ask(shown(file_id=file["id"])) == "HIT"
    assert await ask(shown(data_url(data, "image/jpg"))) == "HIT"
    assert await ask(shown(data_url(image()))) == "MISS"
    assert await ask(shown(data_url(data)), api.as_user("alice")) == "MISS"
    shared = api.with_key(await new_key(backstory, "engine", "cache"))
    space = {"cache": {"namespace": something("space")}}
    assert await ask(shown(data_url(data)), shared.as_user("alice"), **space) == "MISS"
    assert await ask(shown(data_url(data)), shared.as_user("bob"), **space) == "HIT"


async def test_a_file_belongs_to_its_user(
    backstory: Service, api: Api, shared_engine: FakeEngine
) -> None:
    said, alice, bob = something(), api.as_user("alice"), api.as_user("bob")
    hers = shown(file_id=(await uploaded(alice, image()))["id"])
    elsewhere = api.with_key(
        await new_key(backstory, "engine", project=await new_project(backstory))
    )
    for stranger in (bob, elsewhere):
        reply = await stranger.create(saying(said, hers))
        assert (reply.status, reply.error["code"]) == (400, "image_file_not_found")
        assert reply.error["param"] == "input[0].content[1].file_id"
    assert not heard(shared_engine, said)
    assert (await alice.create(saying(said, hers))).status == 200
    assert (await api.create(saying(said, hers))).status == 200  # a key that names no user


async def test_a_file_of_the_project_may_be_shown_to_its_users(
    backstory: Service, api: Api, shared_engine: FakeEngine
) -> None:
    """As the SDK has it: an upload that names no user, then a turn of one."""
    said, data, alice = something(), image(), api.as_user("alice")
    file = await uploaded(api, data)
    first = await alice.respond(saying(said, shown(file_id=file["id"])))
    assert (await alice.get(f"/v1/files/{file['id']}")).status == 404
    await api.delete(f"/v1/files/{file['id']}")
    assert await count(backstory, STORED, data) == len(data)  # hers
    await alice.respond("And now?", previous_response_id=first["id"])
    assert len(images_heard(heard(shared_engine, said)[1].body)) == 1
    await alice.delete(f"/v1/responses/{first['id']}")
    assert not await tables_with_image(backstory, data)


async def test_an_image_goes_with_the_last_that_shows_it(
    backstory: Service, api: Api, shared_engine: FakeEngine
) -> None:
    said, data = something(), image()
    file = await uploaded(api, data)
    turns = [
        (await api.respond(saying(f"{said} {number}", shown(data_url(data)))))["id"]
        for number in range(2)
    ]
    after = await api.respond(f"{said} more", previous_response_id=turns[1])
    for path in (f"responses/{turns[0]}", f"files/{file['id']}"):
        await api.delete(f"/v1/{path}")
        assert await tables_with_image(backstory, data) == {"blobs"}
    await api.delete(f"/v1/responses/{turns[1]}")
    assert not await tables_with_image(backstory, data)
    await api.respond(f"{said} last", previous_response_id=after["id"])
    assert "input_image" not in str(heard(shared_engine, f"{said} last")[0].body)


async def test_turns_and_deletions_at_once_lose_nothing(backstory: Service, api: Api) -> None:
    data = image()

    async def once(number: int) -> None:
        turn = await api.respond(saying(f"turn {number % 3}", shown(data_url(data))))
        items = (await api.get(f"/v1/responses/{turn['id']}/input_items")).body["data"]
        assert items[0]["content"][1]["image_url"] == data_url(data)
        assert (await api.delete(f"/v1/responses/{turn['id']}")).status == 200

    await asyncio.gather(*(once(number) for number in range(16)))
    assert not await tables_with_image(backstory, data)


async def test_a_file_that_is_deleted_meanwhile_is_gone(
    backstory: Service, api: Api, shared_engine: FakeEngine
) -> None:
    said, data = something(), image()
    file = await uploaded(api, data)
    asked = saying(f"{said} [[words:30]] [[delay:0.02]]", shown(file_id=file["id"]))
    async with api.streaming(asked) as answer:
        assert await answer.content.readline()
        assert (await api.delete(f"/v1/files/{file['id']}")).status == 200
        raw = await answer.read()
    assert b"response.completed" in raw
    assert not await tables_with_image(backstory, data)
    first = raw.split(b'"id":"resp_')[1][:32].decode()
    items = (await api.get(f"/v1/responses/resp_{first}/input_items")).body["data"]
    assert items[0]["content"][1]["file_id"] == file["id"]
    await api.respond("And now?", previous_response_id=f"resp_{first}")
    parts = heard(shared_engine, said)[1].body["input"][0]["content"]
    assert parts[1] == {"type": "input_text", "text": "[This image was deleted.]"}


async def test_another_worker_that_takes_a_response_over_has_its_images(
    backstory: Service, api: Api
) -> None:
    said, data = something(), image()
    asked = saying(f"{said} [[words:5000]] [[delay:0.02]]", shown(data_url(data)))
    begun = await api.respond(asked, background=True)
    assert await count(backstory, STORED, data) == len(data)
    async with connected(backstory.urls.owner) as conn:  # as if its worker had died
        await conn.execute(
            "UPDATE running_responses SET worker_id = gen_random_uuid() WHERE response_id = $1",
            UUID(begun["id"].removeprefix("resp_")),
        )

    async def ended() -> bool:
        status: str = (await api.get(f"/v1/responses/{begun['id']}")).body["status"]
        return status == "failed"

    await eventually(ended)
    items = (await api.get(f"/v1/responses/{begun['id']}/input_items")).body["data"]
    assert items[0]["content"][1]["image_url"] == data_url(data)
    await api.delete(f"/v1/responses/{begun['id']}")
    assert not await tables_with_image(backstory, data)


async def test_a_client_that_keeps_nothing_sends_its_image_again(
    backstory: Service, api: Api, shared_engine: FakeEngine
) -> None:
    """Chat completions: what was sent before is known again, and stored once."""
    said, data = something(), image()
    shown_part = {"type": "image_url", "image_url": {"url": data_url(data), "detail": "low"}}
    messages: list[Any] = [
        {"role": "user", "content": [{"type": "text", "text": said}, shown_part]}
    ]
    conversations = set()
    for _ in range(3):
        body = {"model": "test-model", "messages": messages}
        reply = await api.send("POST", "/v1/chat/completions", body)
        assert reply.status == 200, reply.raw
        conversations.add(reply.headers["Backstory-Conversation"])
        messages += [reply.body["choices"][0]["message"], {"role": "user", "content": "And?"}]
    assert len(conversations) == 1
    assert len(images_heard(heard(shared_engine, said)[-1].body)) == 1
    assert await tables_with_image(backstory, data) == {"blobs"}
    asked = (await api.get(f"/v1/chat/completions/{reply.body['id']}/messages")).body["data"]
    assert asked[0]["content_parts"][1] == shown_part


BAD: dict[str, tuple[dict[str, Any], str, str]] = {
    "no comma": (shown("data:image/png;base64"), "image_url", "invalid_image_url"),
    "not base64": (shown("data:image/png,AAAA"), "image_url", "invalid_image_url"),
    "wrong base64": (shown("data:image/png;base64,%%%"), "image_url", "invalid_base64_image"),
    "not ASCII": (shown("data:image/png;base64,é"), "image_url", "invalid_base64_image"),
    "cut base64": (shown(data_url(image())[:-3]), "image_url", "invalid_base64_image"),
    "empty": (shown("data:image/png;base64,"), "image_url", "empty_image_file"),
    "text": (
        shown(data_url(b"hello", "text/plain")),
        "image_url",
        "unsupported_image_media_type",
    ),
    "no image": (shown(data_url(b"hello")), "image_url", "invalid_image_format"),
    "svg": (shown(data_url(b"<svg/>", "image/svg+xml")), "image_url", "invalid_image_format"),
    "too large": (shown(data_url(large_image(10 * 2**20))), "image_url", "image_file_too_large"),
    "another scheme": (shown("file:///etc/passwd"), "image_url", "invalid_image_url"),
    "no scheme": (shown("a.png"), "image_url", "invalid_image_url"),
    "a long URL": (shown("https://x/" + "a" * 9000), "image_url", "invalid_image_url"),
    "a number": ({"type": "input_image", "image_url": 7}, "image_url", "invalid_value"),
    "nothing": ({"type": "input_image"}, "image_url", "invalid_value"),
    "both": (shown(ELSEWHERE, file_id="file-1"), "file_id", "invalid_value"),
    "an unknown file": (shown(file_id=f"file-{'0' * 32}"), "file_id", "image_file_not_found"),
    "no file's id": (shown(file_id="file-a\x00"), "file_id", "image_file_not_found"),
    "our own field": (
        {**shown(ELSEWHERE), "blob": {"sha256": "0" * 64}},
        "blob",
        "invalid_value",
    ),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("store", [True, False])
async def test_a_wrong_image_is_refused(
    api: Api, shared_engine: FakeEngine, name: str, store: bool
) -> None:
    part, field, code = BAD[name]
    said = something()
    reply = await api.create(saying(said, part), store=store)
    assert (reply.status, reply.error["code"]) == (400, code), reply.raw[:500]
    assert reply.error["param"] == f"input[0].content[1].{field}"
    assert not heard(shared_engine, said)


async def test_a_deleted_file_is_refused(api: Api) -> None:
    file = await uploaded(api, image())
    await api.delete(f"/v1/files/{file['id']}")
    reply = await api.create(saying("look", shown(file_id=file["id"])))
    assert (reply.status, reply.error["code"]) == (400, "image_file_not_found")


async def test_too_many_images_are_refused(api: Api) -> None:
    reply = await api.create(saying("look", *[shown(ELSEWHERE)] * 501))
    assert (reply.status, reply.error["param"]) == (400, "input")


async def test_the_local_engine_says_that_it_sees_nothing(local_backstory: Service) -> None:
    async with open_api(local_backstory) as api:
        reply = await api.create(saying("look", shown(data_url(image()))), model="@oi/beta")
    assert (reply.status, reply.error["code"]) == (400, "unsupported_image")


async def test_a_chat_engine_sees_images_within_the_limit(
    postgres: EmbeddedPostgres, shared_engine: FakeEngine, backstory: Service
) -> None:
    config = Config(
        data_dir=backstory.config.data_dir,
        engine_url=shared_engine.url,
        engine_api_key=shared_engine.key,
        engine_kind="chat",
        context_image_bytes_max=100_000,
        image_memory_bytes_max=1,
    )
    said, data = something(), large_image(60_000)
    with fresh_database(postgres) as urls:
        async with run_service(urls, config) as service, open_api(service) as api:
            first = await api.respond(saying(said, shown(data_url(data), detail="low")))
            reply = await api.create(
                saying("more", shown(data_url(data))), previous_response_id=first["id"]
            )
            assert (reply.status, reply.error["code"]) == (400, "context_length_exceeded")
            again = [api.respond("And?", previous_response_id=first["id"]) for _ in range(4)]
            await asyncio.gather(*again)
    calls = heard(shared_engine, said)
    assert len(calls) == 5
    for call in calls:
        assert call.body["messages"][0]["content"][1] == {
            "type": "image_url",
            "image_url": {"url": data_url(data), "detail": "low"},
        }

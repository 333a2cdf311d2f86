"""Whatever is wrong is said in OpenAI's shape, with its status and the field that it is in."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.config import Config
from app.db.embedded import EmbeddedPostgres
from app.identity.secrets import make_token
from app.ids import ProjectId, new_id
from app.web import front
from tests.support.api import MODEL, Api, Json, open_api
from tests.support.engine import FakeEngine, run_fake_engine
from tests.support.heard import heard, something
from tests.support.postgres_fixtures import fresh_database
from tests.support.rows import new_key
from tests.support.service import Service, free_port, run_service

RESPONSES = "/v1/responses"
SECRET = "sk-a-key-that-nobody-may-see"


# Who asks


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic abc", "bs_sk_x"])
async def test_no_key(api: Api, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    reply = await api.with_key(None).with_headers(headers).get("/v1/models")
    assert reply.status == 401
    assert reply.error["code"] == "missing_api_key"
    assert reply.error["type"] == "invalid_request_error"


async def test_a_key_that_is_not_known(backstory: Service, api: Api) -> None:
    right = backstory.api_key
    wrong = [
        "sk-openai",
        right[:-1],
        right + "x",
        right[:-1] + ("a" if right[-1] != "a" else "b"),
        right.upper(),
        right.replace("bs_sk_", "bs_pk_"),
        make_token(ProjectId(new_id())),
        "bs_sk_" + "é" * 75,
        "x" * 10_000,
    ]
    for key in wrong:
        headers = {"Authorization": f"Bearer {key}".encode().decode("latin-1")}
        reply = await api.with_key(None).with_headers(headers).get("/v1/models")
        assert reply.status == 401, key
        assert reply.error["code"] == "invalid_api_key"
        assert key not in reply.raw.decode()


async def test_a_key_that_is_over(backstory: Service, api: Api) -> None:
    now = datetime.now(UTC)
    expired = await new_key(backstory, "engine", expires_at=now - timedelta(seconds=1))
    revoked = await new_key(backstory, "engine", revoked_at=now)
    not_yet = await new_key(backstory, "engine", expires_at=now + timedelta(hours=1))
    for key, status in ((expired, 401), (revoked, 401), (not_yet, 200)):
        assert (await api.with_key(key).get("/v1/models")).status == status


@pytest.mark.parametrize(
    ("scope", "method", "path"),
    [
        ("usage:read", "POST", RESPONSES),
        ("usage:read", "GET", "/v1/models"),
        ("usage:read", "DELETE", "/v1/responses/resp_0"),
        ("engine", "GET", "/v1/requests"),
        ("engine", "GET", "/v1/analytics/summary"),
    ],
)
async def test_a_key_that_may_not(
    backstory: Service, api: Api, scope: str, method: str, path: str
) -> None:
    reply = await api.with_key(await new_key(backstory, scope)).send(method, path)
    assert reply.status == 403
    assert reply.error["code"] == "insufficient_permissions"


async def test_everybody_is_for_admins(backstory: Service, api: Api) -> None:
    assert (await api.get("/v1/requests?user=*")).status == 403
    assert (await api.with_key(backstory.admin_key).get("/v1/requests?user=*")).status == 200
    for reply in (await api.create("hello", user="*"), await api.as_user("*").create("hello")):
        assert reply.status == 403


# What is sent


BODIES = [
    b"",
    b" ",
    b"hello",
    b"{",
    b"[]",
    b'["model"]',
    b'"model"',
    b"null",
    b"5",
    b"{'model': 'x'}",
    b'{"model": NaN}',
    b'{"model": "test-model", "input": "hello"} trailing',
    b'{"model": "test-model", "input": "\xff\xfe"}',
    b'{"model": "test-model", "input": "a", "\xff": 1}',
    b'{"model": "test-model", "input": "\\ud800"}',
    b'{"model": "test-model", "input": "\\udc00\\ud800"}',
    b'{"model": "test-model", "input": "a", "x": 1e999}',
    b'{"model": "test-model", "input": "a", "x": 1' + b"0" * 5_000 + b"}",
    b'{"model": "test-model", "input": "a", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "\ufeff{}".encode("utf-16"),
]


@pytest.mark.parametrize("path", [RESPONSES, "/v1/memories", "/v1/recall", "/v1/conversations"])
@pytest.mark.parametrize("data", BODIES, ids=range(len(BODIES)))
async def test_a_body_that_is_no_json_object(api: Api, path: str, data: bytes) -> None:
    reply = await api.send("POST", path, data=data)
    assert reply.status == 400
    assert reply.error["code"] == "invalid_json"
    assert reply.error["type"] == "invalid_request_error"
    assert len(reply.raw) < 500


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/v1/memories", {"content": 5}, "content"),
        ("/v1/memories", {"memories": [{"content": "a"}, {"content": 5}]}, "memories[1].content"),
        ("/v1/memories", {"content": "a", "surprise": 1}, "surprise"),
        ("/v1/recall", {}, "query"),
        ("/v1/recall", {"query": "a", "limit": "5"}, "limit"),
        ("/v1/conversations", {"metadata": 5}, "metadata"),
        ("/v1/conversations", {"metadata": {"a": 5}}, "metadata[...]"),
    ],
)
async def test_a_field_of_any_body_is_named(api: Api, path: str, body: Json, param: str) -> None:
    reply = await api.send("POST", path, body)
    assert reply.status == 400
    assert reply.error["param"] == param
    assert reply.error["code"] == "invalid_value"
    assert "'data'" not in reply.error["message"]


async def test_the_openapi_document_has_the_bodies(api: Api) -> None:
    paths = (await api.get("/openapi.json")).body["paths"]
    for path, field in (
        ("/v1/memories", "content"),
        ("/v1/recall", "query"),
        ("/v1/conversations", "metadata"),
    ):
        body = paths[path]["post"]["requestBody"]
        assert body["required"] is True
        assert field in body["content"]["application/json"]["schema"]["properties"]
        assert "$ref" not in str(body)


async def test_a_body_that_is_too_large(api: Api) -> None:
    reply = await api.send("POST", RESPONSES, {"model": MODEL, "input": "a" * 20_000_000})
    assert reply.status == 413
    assert reply.error["code"] == "request_too_large"
    assert (await api.create("a" * 2_000_000, store=False)).status == 200


async def test_a_body_that_never_ends_is_not_waited_for(
    backstory: Service, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(front, "SILENCE_SECONDS_MAX", 0.1)
    host, _, port = backstory.root_url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"POST /v1/responses HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {api.key}\r\n"
    writer.write(f"{head}Content-Length: 100\r\n\r\n{{}}".encode())
    async with asyncio.timeout(10):
        assert b" 408 " in await reader.readline()
    writer.close()
    await writer.wait_closed()


async def test_what_is_odd_but_right_is_taken(api: Api, shared_engine: FakeEngine) -> None:
    odd = [
        "nul \x00 inside",
        "\ufffe\uffff \u202e \U0001f642 \x7f \x01",
        "e\u0301 is not \u00e9",
        "a\r\nb\u2028c\u2029d",
        '"}\\n data: [DONE]\n\n',
    ]
    for text in odd:
        said = something(text)
        body = await api.respond(said, metadata={"said": said[:100]}, instructions=said)
        items = (await api.get(f"/v1/responses/{body['id']}/input_items")).body["data"]
        assert items[0]["content"][0]["text"] == said
        assert heard(shared_engine, said)[0].body["input"][0]["content"][0]["text"] == said
        assert (await api.get(f"/v1/responses/{body['id']}")).body == body
        streamed = await api.stream(said, instructions=said)
        assert streamed.response["instructions"] == said
    deep: Any = 1
    for _ in range(200):
        deep = [deep]
    body = await api.respond(something(), a_field=deep, number=10**25, small=5e-324)
    assert body["status"] == "completed"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": 5}, "model"),
        ({"model": None}, "model"),
        ({"model": ""}, "model"),
        ({"model": "m" * 513}, "model"),
        ({"model": "test\x00model"}, "model"),
        ({"input": None}, "input"),
        ({"input": 5}, "input"),
        ({"input": {}}, "input"),
        ({"input": []}, "input"),
        ({"input": ["hello"]}, "input[0]"),
        ({"input": [{}]}, "input[0].role"),
        ({"input": [{"role": "king", "content": "x"}]}, "input[0].role"),
        ({"input": [{"role": ["user"], "content": "x"}]}, "input[0].role"),
        ({"input": [{"type": 5, "role": "user", "content": "x"}]}, "input[0].type"),
        ({"input": [{"type": "a\x00", "role": "user"}]}, "input[0].type"),
        ({"input": [{"role": "user"}]}, "input[0].content"),
        ({"input": [{"role": "user", "content": 5}]}, "input[0].content"),
        ({"input": [{"role": "user", "content": ["x"]}]}, "input[0].content[0]"),
        ({"input": [{"role": "user", "content": [{"text": "x"}]}]}, "input[0].content[0]"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_text"}]}]},
            "input[0].content[0].text",
        ),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image"}]}]},
            "input[0].content[0].image_url",
        ),
        ({"input": [{"type": "function_call", "name": "f"}]}, "input[0].call_id"),
        (
            {"input": [{"type": "function_call_output", "call_id": "c", "output": 5}]},
            "input[0].output",
        ),
        ({"instructions": 5}, "instructions"),
        ({"stream": "yes"}, "stream"),
        ({"store": 1}, "store"),
        ({"background": "yes"}, "background"),
        ({"previous_response_id": 5}, "previous_response_id"),
        ({"conversation": 5}, "conversation"),
        ({"conversation": {}}, "conversation.id"),
        ({"conversation": {"id": 5}}, "conversation.id"),
        ({"metadata": "x"}, "metadata"),
        ({"metadata": {"a": 5}}, "metadata[...]"),
        ({"metadata": {"a": "x" * 513}}, "metadata[...]"),
        ({"metadata": {str(n): "x" for n in range(17)}}, "metadata"),
        ({"user": 5}, "user"),
        ({"user": "u" * 513}, "user"),
        ({"user": "a\x00"}, "user"),
        ({"memory": "yes"}, "memory"),
        ({"memory": {"recall": "yes"}}, "memory.recall"),
        ({"memory": {"recall": {"limit": 0}}}, "memory.recall.limit"),
        ({"memory": {"surprise": 1}}, "memory.surprise"),
        ({"cache": "yes"}, "cache"),
        ({"temperature": "hot"}, "temperature"),
        ({"top_p": True}, "top_p"),
        ({"max_output_tokens": 1.5}, "max_output_tokens"),
        ({"tools": "all"}, "tools"),
        ({"tools": ["search"]}, "tools[0]"),
        ({"tool_choice": 5}, "tool_choice"),
        ({"parallel_tool_calls": "no"}, "parallel_tool_calls"),
        ({"text": "json"}, "text"),
        ({"reasoning": "hard"}, "reasoning"),
        ({"include": "all"}, "include"),
        ({"truncation": 5}, "truncation"),
        ({"prompt_cache_key": 5}, "prompt_cache_key"),
    ],
)
async def test_a_field_that_is_wrong_is_named(api: Api, fields: Json, param: str) -> None:
    reply = await api.send("POST", RESPONSES, {"model": MODEL, "input": "hello", **fields})
    assert reply.status == 400, reply.raw
    assert reply.error["param"] == param
    assert reply.error["type"] == "invalid_request_error"
    assert reply.error["code"]


@pytest.mark.parametrize(
    ("body", "param"), [({"input": "x"}, "model"), ({"model": MODEL}, "input")]
)
async def test_a_field_that_is_missing_is_named(api: Api, body: Json, param: str) -> None:
    reply = await api.send("POST", RESPONSES, body)
    assert reply.status == 400
    assert reply.error["param"] == param


async def test_only_one_thing_is_continued(api: Api) -> None:
    first = await api.respond(something())
    conversation = (await api.send("POST", "/v1/conversations", {})).body
    reply = await api.create(
        "hello", previous_response_id=first["id"], conversation=conversation["id"]
    )
    assert reply.status == 400
    assert reply.error["param"] == "previous_response_id"
    assert reply.error["code"] == "mutually_exclusive_parameters"


async def test_an_unknown_conversation(api: Api) -> None:
    for unknown in ("conv_0", "conv_01a204d6d03e7136806b4ed9fc7bb852", "resp_0"):
        reply = await api.create("hello", conversation=unknown)
        assert reply.status == 404
        assert reply.error["code"] == "conversation_not_found"
        assert reply.error["param"] == "conversation"


# Where it is sent


async def test_an_unknown_path(api: Api) -> None:
    for speaker in (api, api.with_key(None)):
        for path in ("/v1/nope", "/nope", "/", "/v1/responses/a/b/c", "/v1/responses%00", "/a/b"):
            reply = await speaker.get(path)
            assert reply.status == 404, path
            assert reply.error["code"] == "unknown_path"


async def test_a_wrong_method(api: Api) -> None:
    for method, path in (("PUT", RESPONSES), ("GET", RESPONSES), ("POST", "/v1/models")):
        reply = await api.send(method, path, {})
        assert reply.status == 405
        assert reply.error["code"] == "method_not_allowed"


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=x",
        "order=up",
        "start=yesterday",
        "end=0001-01-01",
        "start=0001-01-01T00:00:00%2B14:00",
        "start=" + "9" * 400,
        "start=-1e9",
        "status=ok",
        "model=%00",
        "after=req_1&before=req_2",
    ],
)
async def test_a_wrong_query(api: Api, query: str) -> None:
    reply = await api.get(f"/v1/requests?{query}")
    assert reply.status == 400, reply.raw
    assert reply.error["type"] == "invalid_request_error"


@pytest.mark.parametrize("text", ["req_0", "req_" + "f" * 32, "x", "resp_" + "0" * 32])
async def test_an_unknown_request(api: Api, text: str) -> None:
    assert (await api.get(f"/v1/requests/{text}")).status == 404


@pytest.mark.parametrize("path", ["/v1/requests", "/v1/memories"])
@pytest.mark.parametrize("param", ["after", "before"])
async def test_a_cursor_that_is_no_id(api: Api, path: str, param: str) -> None:
    for text in ("req_0", "mem_" + "f" * 32, "x", "resp_" + "0" * 32):
        reply = await api.get(f"{path}?{param}={text}")
        assert reply.status == 400, text
        assert reply.error["param"] == param


async def test_an_idempotency_key_that_is_too_long(api: Api) -> None:
    said = something()
    reply = await api.with_headers({"Idempotency-Key": "k" * 256}).create(said)
    assert reply.status == 400
    assert "Idempotency-Key" in reply.error["message"]
    assert (await api.with_headers({"Idempotency-Key": "k" * 255}).create(said)).status == 200


# What the engine says


async def test_an_unknown_model(api: Api) -> None:
    for stream in (False, True):
        reply = await api.create("hello", model="gpt-17", stream=stream)
        assert reply.status == 404
        assert reply.error["code"] == "model_not_found"
        assert reply.error["param"] == "model"
        assert "gpt-17" in reply.error["message"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("engine_status", "status", "code"),
    [
        (400, 400, "scripted"),
        (401, 502, "engine_auth_failed"),
        (403, 502, "engine_auth_failed"),
        (422, 422, "scripted"),
        (429, 429, "rate_limit_exceeded"),
        (500, 502, "engine_broken"),
        (503, 502, "engine_broken"),
    ],
)
async def test_the_engine_s_status(
    api: Api, stream: bool, engine_status: int, status: int, code: str
) -> None:
    said = something(f"[[status:{engine_status}]] [[retry_after:17]]")
    reply = await api.create(said, stream=stream)
    assert reply.status == status
    assert reply.error["code"] == code
    told = engine_status == 429 or engine_status >= 500
    assert reply.headers.get("Retry-After") == ("17" if told else None)
    assert reply.headers["Content-Type"].startswith("application/json")


@asynccontextmanager
async def _service(postgres: EmbeddedPostgres, config: Config) -> AsyncIterator[Api]:
    with fresh_database(postgres) as urls:
        async with run_service(urls, config) as service, open_api(service) as api:
            yield api


async def test_an_engine_that_refuses_our_key(postgres: EmbeddedPostgres, tmp_path: Any) -> None:
    async with run_fake_engine() as engine:
        config = Config(data_dir=tmp_path, engine_url=engine.url, engine_api_key=SECRET)
        async with _service(postgres, config) as api:
            for reply in (await api.create("hello"), await api.get("/v1/models")):
                assert reply.status == 502
                assert reply.error["code"] == "engine_auth_failed"
                assert SECRET not in reply.raw.decode()


async def test_an_engine_that_is_down_and_comes_up(
    postgres: EmbeddedPostgres, tmp_path: Any
) -> None:
    port = free_port()
    config = Config(
        data_dir=tmp_path, engine_url=f"http://127.0.0.1:{port}/v1", engine_api_key="sk-test-engine"
    )
    async with _service(postgres, config) as api:
        for reply in (
            await api.create("hello"),
            await api.create("hello", stream=True),
            await api.get("/v1/models"),
        ):
            assert reply.status == 502
            assert reply.error["code"] == "engine_unreachable"
            assert str(port) not in reply.error["message"]
        async with run_fake_engine(port):
            assert (await api.create("hello")).status == 200


async def test_too_many_at_once(
    postgres: EmbeddedPostgres, fake_engine: FakeEngine, tmp_path: Any
) -> None:
    config = Config(
        data_dir=tmp_path,
        engine_url=fake_engine.url,
        engine_api_key=fake_engine.key,
        running_responses_max=2,
    )
    async with _service(postgres, config) as api:
        slow = "[[words:30]] [[delay:0.02]]"
        async with api.streaming(slow) as one, api.streaming(slow) as two:
            reply = await api.create("hello")
            assert reply.status == 429
            assert reply.error["code"] == "rate_limit_exceeded"
            assert reply.headers["Retry-After"] == "1"
            await asyncio.gather(one.read(), two.read())
        assert (await api.create("hello")).status == 200

"""The main road over HTTP: what the engine gets, what the client gets, what is stored."""

import asyncio

import pytest

from tests.support.api import Api, Json, message, text_of
from tests.support.engine import FakeEngine
from tests.support.heard import heard, heard_once, something, texts
from tests.support.standard import check_events, check_response

TOOL: Json = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather of a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    "strict": False,
}


# What the engine gets


async def test_the_engine_gets_the_whole_context(api: Api, shared_engine: FakeEngine) -> None:
    said = something()
    first = await api.respond(f"{said} one")
    second = await api.respond([message(f"{said} two")], previous_response_id=first["id"])
    await api.respond(f"{said} three", previous_response_id=second["id"])
    calls = heard(shared_engine, said)
    assert texts(calls[2].body["input"]) == [
        f"user: {said} one",
        f"assistant: You said: {said} one",
        f"user: {said} two",
        f"assistant: You said: {said} two",
        f"user: {said} three",
    ]
    assert [len(call.body["input"]) for call in calls] == [1, 3, 5]


async def test_a_fork_does_not_see_its_sister(api: Api, shared_engine: FakeEngine) -> None:
    said = something()
    root = await api.respond(f"{said} root")
    await api.respond(f"{said} left", previous_response_id=root["id"])
    right = await api.respond(f"{said} right", previous_response_id=root["id"])
    await api.respond(f"{said} leaf", previous_response_id=right["id"])
    assert texts(heard(shared_engine, said)[-1].body["input"])[::2] == [
        f"user: {said} root",
        f"user: {said} right",
        f"user: {said} leaf",
    ]


async def test_many_forks_at_once_keep_to_themselves(api: Api, shared_engine: FakeEngine) -> None:
    said = something()
    root = await api.respond(f"{said} root")
    forks = await asyncio.gather(
        *(api.respond(f"{said} fork{n}.", previous_response_id=root["id"]) for n in range(10))
    )
    await asyncio.gather(
        *(
            api.respond(f"{said} leaf{n}.", previous_response_id=fork["id"])
            for n, fork in enumerate(forks)
        )
    )
    for n in range(10):
        body = heard_once(shared_engine, f"{said} leaf{n}.")
        assert texts(body["input"])[::2] == [
            f"user: {said} root",
            f"user: {said} fork{n}.",
            f"user: {said} leaf{n}.",
        ]


async def test_the_engine_gets_nothing_of_ours(api: Api, shared_engine: FakeEngine) -> None:
    said = something()
    first = await api.respond(said, user="alice", metadata={"a": "b"})
    await api.respond(
        f"{said} again",
        previous_response_id=first["id"],
        store=False,
        user="alice",
        memory={"recall": False},
        cache=False,
        top_p=0.5,
        some_field_of_tomorrow={"deep": [1]},
    )
    body = heard_once(shared_engine, f"{said} again")
    assert body.keys() == {
        *("model", "input", "stream", "store", "user", "top_p", "some_field_of_tomorrow")
    }
    assert body["store"] is False
    assert body["stream"] is True
    assert body["top_p"] == 0.5
    assert body["some_field_of_tomorrow"] == {"deep": [1]}


async def test_the_engine_can_tell_users_apart_but_not_who_they_are(
    api: Api, shared_engine: FakeEngine
) -> None:
    said = something()
    for user in ("alice", "bob", "alice"):
        await api.respond(said, user=user)
    await api.as_user("alice").respond(said)
    await api.respond(said)
    alice, bob, again, by_header, nobody = (call.body for call in heard(shared_engine, said))
    assert alice["user"] == again["user"] == by_header["user"]
    assert alice["user"] != bob["user"]
    assert "alice" not in str(alice)
    assert "user" not in nobody


async def test_instructions_are_not_inherited(api: Api, shared_engine: FakeEngine) -> None:
    said = something()
    first = await api.respond(f"{said} one", instructions="Speak like a pirate.")
    assert first["instructions"] == "Speak like a pirate."
    second = await api.respond(f"{said} two", previous_response_id=first["id"])
    assert second["instructions"] is None
    one, two = (call.body for call in heard(shared_engine, said))
    assert one["instructions"] == "Speak like a pirate."
    assert "instructions" not in two
    assert "pirate" not in str(two)


async def test_a_function_is_called_and_its_output_goes_back(
    api: Api, shared_engine: FakeEngine
) -> None:
    said = something()
    asked = await api.respond(
        f'{said} [[call:get_weather {{"city": "Paris"}}]]', tools=[TOOL], tool_choice="required"
    )
    check_response(asked)
    (call,) = asked["output"]
    assert (call["type"], call["name"], call["status"]) == (
        "function_call",
        "get_weather",
        "completed",
    )
    assert call["arguments"] == '{"city": "Paris"}'
    output = {"type": "function_call_output", "call_id": call["call_id"], "output": "20 degrees"}
    told = await api.respond([output], previous_response_id=asked["id"], tools=[TOOL])
    assert text_of(told) == "The tool said: 20 degrees"
    body = heard(shared_engine, said)[-1].body
    assert [item["type"] for item in body["input"]] == [
        "message",
        "function_call",
        "function_call_output",
    ]
    assert body["input"][1]["call_id"] == body["input"][2]["call_id"] == call["call_id"]
    assert body["tools"] == [TOOL]
    stored = (await api.get(f"/v1/responses/{asked['id']}")).body
    assert stored["tools"] == [TOOL]
    assert stored["tool_choice"] == "required"


async def test_an_output_goes_with_the_call_that_is_deleted(
    api: Api, shared_engine: FakeEngine
) -> None:
    said = something()
    asked = await api.respond(f"{said} [[call:get_weather]]", tools=[TOOL])
    call_id = asked["output"][0]["call_id"]
    output = {"type": "function_call_output", "call_id": call_id, "output": "20 degrees"}
    told = await api.respond([output], previous_response_id=asked["id"])
    assert (await api.delete(f"/v1/responses/{asked['id']}")).status == 200
    await api.respond(f"{said} thanks", previous_response_id=told["id"])
    body = heard_once(shared_engine, f"{said} thanks")
    assert [item["type"] for item in body["input"]] == ["message", "message"]


async def test_headers_say_what_the_body_could(api: Api, shared_engine: FakeEngine) -> None:
    said = something()
    speaker = api.as_user("carol").with_headers({"Backstory-Cache": "true"})
    assert (await speaker.create(said)).headers["X-Cache"] == "MISS"
    again = await speaker.create(said)
    assert again.headers["X-Cache"] == "HIT"
    assert (await speaker.create(said, cache=False)).headers.get("X-Cache") is None
    assert (await speaker.create(said, user="dave")).error["param"] == "user"
    wrong = await api.with_headers({"Backstory-Memory": "{"}).create(said)
    assert wrong.error["param"] == "memory"
    assert len(heard(shared_engine, said)) == 2


# What the client gets


@pytest.mark.parametrize(
    "script",
    [
        "hello there",
        "hello there [[bare]]",
        "[[words:100]] [[chunk:10]]",
        "[[words:100]] [[chunk:1000]]",
        "[[refuse]] no",
        "[[bare]] [[refuse]] no",
        '[[call:get_weather {"city": "Paris"}]]',
        '[[bare]] [[call:get_weather {"city": "Paris"}]]',
        "[[incomplete]] too long",
        "[[failed]] alas",
        "[[say:]]",
        "[[deltas:2]] line\nbreaks\u2028and ünïcode 🙂",
    ],
)
async def test_events_keep_the_standard(api: Api, script: str) -> None:
    streamed = await api.stream(something(script), tools=[TOOL], metadata={"a": "b"})
    check_events(streamed.events)
    assert streamed.done
    deltas = [e["delta"] for e in streamed.events if e["type"] == "response.output_text.delta"]
    assert "".join(deltas) == text_of(streamed.response)
    stored = await api.get(f"/v1/responses/{streamed.response['id']}")
    assert stored.body == streamed.response


@pytest.mark.parametrize("script", ["hello", "[[bare]] hello", "[[incomplete]] hello"])
async def test_a_whole_body_is_the_stream_s_last_word(api: Api, script: str) -> None:
    said = something(script)
    whole = await api.respond(said)
    check_response(whole)
    streamed = (await api.stream(said)).response
    apart = {"id", "created_at", "completed_at", "output"}
    assert {k: v for k, v in whole.items() if k not in apart} == {
        k: v for k, v in streamed.items() if k not in apart
    }
    assert text_of(whole) == text_of(streamed)
    assert (await api.get(f"/v1/responses/{whole['id']}")).body == whole


async def test_a_stored_stream_is_told_again_from_any_event(api: Api) -> None:
    streamed = await api.stream(something("[[words:20]]"))
    path = f"/v1/responses/{streamed.response['id']}?stream=true"
    again = await api.get(path)
    assert again.headers["Content-Type"].startswith("text/event-stream")
    events = [line for line in again.raw.decode().split("\n") if line.startswith("data: {")]
    assert len(events) == len(streamed.events)
    for after in (0, 7, len(events) - 1):
        rest = await api.get(f"{path}&starting_after={after}")
        said = [line for line in rest.raw.decode().split("\n") if line.startswith("data: {")]
        assert said == events[after + 1 :]


async def test_a_response_repeats_what_was_asked(api: Api) -> None:
    asked: Json = {
        "temperature": 0.3,
        "top_p": 0.9,
        "max_output_tokens": 77,
        "parallel_tool_calls": False,
        "tool_choice": "none",
        "metadata": {"order": "17", "ünï": "cödé"},
        "prompt_cache_key": "key",
        "safety_identifier": "hash",
        "truncation": "auto",
        "text": {"format": {"type": "text"}, "verbosity": "low"},
    }
    body = await api.respond(something(), **asked)
    assert {name: body[name] for name in asked} == asked
    assert (await api.get(f"/v1/responses/{body['id']}")).body == body


async def test_every_answer_has_a_request_id(api: Api) -> None:
    """A stream, a body, errors from each depth, and paths that do not exist."""
    streamed = await api.stream(something())
    replies = [
        await api.create(something()),
        await api.create(something(), model=5),
        await api.create(something(), model="no-such-model"),
        await api.create(something("[[status:500]]")),
        await api.get("/v1/responses/resp_0"),
        await api.get("/v1/nope"),
        await api.get("/nope"),
        await api.send("PUT", "/v1/responses", {}),
        await api.with_key("wrong").get("/v1/models"),
        await api.with_key(None).get("/health/live"),
    ]
    ids = [reply.headers["x-request-id"] for reply in replies]
    ids.append(streamed.headers["x-request-id"])
    assert all(text.startswith("req_") for text in ids)
    assert len(set(ids)) == len(ids)


async def test_models_are_the_engine_s(api: Api) -> None:
    body = (await api.get("/v1/models")).body
    assert body["object"] == "list"
    assert [model["id"] for model in body["data"]] == ["test-model", "@oi/beta"]
    assert all(model["object"] == "model" for model in body["data"])


# Input items


async def test_input_items_are_those_of_the_turn(api: Api) -> None:
    first = await api.respond(something("first"))
    given = [message(f"number {n}") for n in range(5)]
    body = await api.respond(given, previous_response_id=first["id"])
    path = f"/v1/responses/{body['id']}/input_items"
    listed = (await api.get(f"{path}?order=asc")).body
    assert [item["content"] for item in listed["data"]] == [item["content"] for item in given]
    assert listed["has_more"] is False
    assert (listed["first_id"], listed["last_id"]) == (
        listed["data"][0]["id"],
        listed["data"][-1]["id"],
    )
    newest_first = (await api.get(path)).body["data"]
    assert newest_first == listed["data"][::-1]


@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_input_items_are_paged_both_ways(api: Api, order: str) -> None:
    body = await api.respond([message(f"number {n}") for n in range(7)])
    path = f"/v1/responses/{body['id']}/input_items?order={order}"
    everything = [item["id"] for item in (await api.get(path)).body["data"]]
    assert len(everything) == 7
    forward = await _walk(api, f"{path}&limit=3", "after", "last_id")
    assert forward == [everything[:3], everything[3:6], everything[6:]]
    back = await _walk(api, f"{path}&limit=3&before={everything[6]}", "before", "first_id")
    assert back == [everything[3:6], everything[:3]]


async def _walk(api: Api, path: str, way: str, end: str) -> list[list[str]]:
    pages = []
    url = path
    while True:
        body = (await api.get(url)).body
        pages.append([item["id"] for item in body["data"]])
        assert len(pages) < 10
        if not body["has_more"]:
            return pages
        url = f"{path.split('&' + way)[0]}&{way}={body[end]}"


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=many", "limit"),
        ("limit=" + "9" * 5000, "limit"),
        ("order=up", "order"),
        ("after=a&before=b", "before"),
    ],
)
async def test_a_page_is_asked_for_wrongly(api: Api, query: str, param: str) -> None:
    body = await api.respond(something())
    error = (await api.get(f"/v1/responses/{body['id']}/input_items?{query}")).error
    assert error["param"] == param

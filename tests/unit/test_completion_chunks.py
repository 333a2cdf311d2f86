"""The events of a response become the chunks that OpenAI's clients read, whatever was left out."""

from typing import Any

import msgspec
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from app.completions.chunks import Chunks
from app.completions.completion import completion
from app.errors import BackstoryError, EngineBroken
from app.ids import ResponseId, new_id
from app.responses.complete import Completer
from app.responses.resource import Resource, new_resource
from app.responses.types import CreateRequest, ResponseFields

Json = dict[str, Any]

CREATED = {"type": "response.created"}
USAGE = {"input_tokens": 7, "output_tokens": 3, "total_tokens": 10}


def call(number: int, arguments: str) -> Json:
    names = {"id": f"fc_{number}", "call_id": f"call_{number}", "name": f"tool_{number}"}
    return {"type": "function_call", **names, "arguments": arguments}


def text(said: str, **more: object) -> Json:
    part = {"type": "output_text", "text": said, **more}
    return {"type": "message", "id": "msg_1", "role": "assistant", "content": [part]}


def added(index: int, item: Json) -> Json:
    return {"type": "response.output_item.added", "output_index": index, "item": item}


def done(index: int, item: Json) -> Json:
    return {"type": "response.output_item.done", "output_index": index, "item": item}


def delta(kind: str, index: int, said: str, **more: object) -> Json:
    return {"type": f"response.{kind}.delta", "output_index": index, "delta": said, **more}


def ended(kind: str = "completed", **more: object) -> Json:
    return {"type": f"response.{kind}", "response": {"usage": USAGE, **more}}


def made(*events: Json, include_usage: bool = False) -> tuple[list[Json], Resource]:
    """The chunks, checked to be OpenAI's, and the response that they were made of."""
    request = CreateRequest(
        fields=ResponseFields(model="m"), items=[], parameters={}, conversation=None
    )
    resource = new_resource(
        request, ResponseId(new_id()), 0, previous_response=None, conversation=None
    )
    completer = Completer(resource, {})
    chunks = Chunks(include_usage=include_usage)
    raw = b"".join(chunks.feed(completer.add(event)) for event in (CREATED, *events))
    if not completer.ended:
        completer.fail(EngineBroken("The engine went."))
    raw += chunks.feed([completer.last_frame()])
    blocks = raw.removesuffix(b"\n\n").split(b"\n\n")
    if blocks[-1] == b"data: [DONE]":
        blocks.pop()
    else:
        assert b'"error"' in blocks[-1]
    read = [msgspec.json.decode(block.removeprefix(b"data: ")) for block in blocks]
    for chunk in read:
        if "error" not in chunk:
            ChatCompletionChunk.model_validate(chunk, strict=True)
    return read, completer.resource


def choices(chunks: list[Json]) -> list[Json]:
    return [choice for chunk in chunks for choice in chunk.get("choices", [])]


def joined(chunks: list[Json], field: str) -> str:
    return "".join(choice["delta"].get(field) or "" for choice in choices(chunks))


def calls_of(chunks: list[Json]) -> list[Json]:
    """Put together as a client does, by index."""
    calls: list[Json] = []
    for choice in choices(chunks):
        for piece in choice["delta"].get("tool_calls", []):
            if piece["index"] == len(calls):
                calls.append({**piece, "function": dict(piece["function"])})
            else:
                calls[piece["index"]]["function"]["arguments"] += piece["function"]["arguments"]
    return [{name: value for name, value in call.items() if name != "index"} for call in calls]


def both(*events: Json) -> tuple[list[Json], Json]:
    """Streamed and whole, checked to say the same."""
    chunks, resource = made(*events)
    whole = completion(resource)
    ChatCompletion.model_validate(whole, strict=True)
    message = whole["choices"][0]["message"]
    assert joined(chunks, "content") == (message["content"] or "")
    assert joined(chunks, "reasoning_content") == message.get("reasoning_content", "")
    assert calls_of(chunks) == message.get("tool_calls", [])
    assert choices(chunks)[-1]["finish_reason"] == whole["choices"][0]["finish_reason"]
    return chunks, whole["choices"][0]


def test_text_with_its_logprobs() -> None:
    told = {"token": "H", "logprob": -0.1, "bytes": [72], "top_logprobs": []}
    less: dict[str, Any] = {
        "token": "i",
        "logprob": -0.2,
        "top_logprobs": [{"token": "o", "logprob": -1.5}],
    }
    chunks, choice = both(
        added(0, text("")),
        delta("output_text", 0, "Hi", logprobs=[told, less]),
        done(0, text("Hi", logprobs=[told, less])),
        ended(),
    )
    whole = {**less, "bytes": None, "top_logprobs": [{**less["top_logprobs"][0], "bytes": None}]}
    assert choices(chunks)[0]["delta"] == {"role": "assistant", "content": "", "refusal": None}
    assert choices(chunks)[1]["logprobs"] == {"content": [told, whole], "refusal": None}
    assert choice["logprobs"] == {"content": [told, whole], "refusal": None}
    assert choice["finish_reason"] == "stop"


def test_calls_side_by_side_have_their_index() -> None:
    _, choice = both(
        added(0, text("")),
        delta("output_text", 0, "Both."),
        added(1, call(1, "")),
        added(2, call(2, "")),
        delta("function_call_arguments", 2, '{"b"'),
        delta("function_call_arguments", 1, '{"a"'),
        delta("function_call_arguments", 2, ":2}"),
        delta("function_call_arguments", 1, ":1}"),
        done(0, text("Both.")),
        done(1, call(1, '{"a":1}')),
        done(2, call(2, '{"b":2}')),
        ended(),
    )
    functions = [made_call["function"] for made_call in choice["message"]["tool_calls"]]
    assert functions == [
        {"name": "tool_1", "arguments": '{"a":1}'},
        {"name": "tool_2", "arguments": '{"b":2}'},
    ]
    assert choice["finish_reason"] == "tool_calls"


@pytest.mark.parametrize("when", ["at the end of each", "at the very end"])
def test_what_an_engine_gives_as_a_whole_is_sent_once(when: str) -> None:
    output = [{"type": "reasoning", "id": "rs_1", "summary": [{"text": "Hm."}]}, text("Hi")]
    output.append(call(1, "{}"))
    events = [done(index, item) for index, item in enumerate(output)]
    _, choice = both(*(events if when == "at the end of each" else []), ended(output=output))
    assert choice["message"]["reasoning_content"] == "Hm."
    assert choice["message"]["content"] == "Hi"


def test_a_refusal() -> None:
    part = {"type": "refusal", "refusal": "I can't."}
    item = {**text(""), "content": [part]}
    chunks, choice = both(added(0, item), delta("refusal", 0, "I can't."), done(0, item), ended())
    assert joined(chunks, "refusal") == "I can't."
    assert choice["message"]["refusal"] == "I can't."
    assert choice["message"]["content"] is None


@pytest.mark.parametrize(
    ("reason", "finish"), [("max_output_tokens", "length"), ("content_filter", "content_filter")]
)
def test_an_end_before_the_end(reason: str, finish: str) -> None:
    _, choice = both(
        done(0, text("Hi")), ended("incomplete", incomplete_details={"reason": reason})
    )
    assert choice["finish_reason"] == finish


def test_usage_comes_last_and_only_where_it_is_asked_for() -> None:
    chunks, _ = made(done(0, text("Hi")), ended(), include_usage=True)
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["total_tokens"] == 10
    assert all(chunk["usage"] is None for chunk in chunks[:-1])
    chunks, _ = made(done(0, text("Hi")), ended())
    assert all("usage" not in chunk for chunk in chunks)


@pytest.mark.parametrize("end", [None, ended("failed", error={"code": "x", "message": "No."})])
def test_a_failure_is_an_error_and_no_clean_end(end: Json | None) -> None:
    chunks, resource = made(
        added(0, text("")), delta("output_text", 0, "Hi"), *([end] if end else [])
    )
    assert set(chunks[-1]["error"]) == {"message", "type", "param", "code"}
    assert all(choice["finish_reason"] is None for choice in choices(chunks))
    with pytest.raises(BackstoryError):
        completion(resource)


def test_events_that_chats_do_not_know_are_left_out() -> None:
    chunks, _ = made({"type": "response.web_search_call.searching", "item_id": "ws_1"}, ended())
    assert len(chunks) == 2

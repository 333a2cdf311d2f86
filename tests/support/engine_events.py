"""What the test engine says: the Responses API's documented events, and chat chunks."""

import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

from tests.support.engine_script import Script, cut

Json = dict[str, Any]

_BARE_RESPONSE_FIELDS = (
    "id",
    "object",
    "created_at",
    "status",
    "model",
    "output",
    "usage",
    "error",
)


def response_events(body: Json, script: Script, text: str) -> Iterator[Json]:
    """Every event of an answer, in the documented order, but for those left out on purpose."""
    ends = tuple(script.only.split(",")) if script.only else ("",)
    for number, event in enumerate(_numberless_events(body, script, text)):
        event["sequence_number"] = number
        if "response" in event or event["type"].endswith(ends):
            yield _bare(event) if script.bare else event


def _numberless_events(body: Json, script: Script, text: str) -> Iterator[Json]:
    response = new_response(body)
    yield {"type": "response.created", "response": response}
    yield {"type": "response.in_progress", "response": response}
    output: list[Json] = []
    for events in _item_events(script, text):
        for event in events:
            yield event | ({"output_index": len(output)} if "output_index" in event else {})
        output.append(event["item"])
    usage = usage_of(body, script.call or text)
    yield _last_event(script, {**response, "output": output, "usage": usage})


def _item_events(script: Script, text: str) -> Iterator[Iterator[Json]]:
    """The events of each item of an answer, as if it were the only one."""
    if script.think is not None:
        yield _reasoning_events(script.think)
    if script.novel:
        yield _novel_events()
    if script.call is not None:
        yield _call_events(script.call, script.deltas)
    else:
        kind = "refusal" if script.refuse else "output_text"
        yield _message_events(cut(text, script.deltas), kind)


def _message_events(deltas: list[str], kind: str) -> Iterator[Json]:
    item: Json = {"id": _id("msg"), "type": "message", "role": "assistant"}
    where = {"item_id": item["id"], "output_index": 0, "content_index": 0}
    added = {**item, "status": "in_progress", "content": []}
    yield {"type": "response.output_item.added", "output_index": 0, "item": added}
    yield from _text_events(where, deltas, kind)
    done = {**item, "status": "completed", "content": [_text_part(kind, "".join(deltas))]}
    yield {"type": "response.output_item.done", "output_index": 0, "item": done}


def _reasoning_events(thought: str) -> Iterator[Json]:
    item: Json = {"id": _id("rs"), "type": "reasoning", "encrypted_content": "c2VjcmV0"}
    where = {"item_id": item["id"], "output_index": 0}
    added = {**item, "summary": []}
    summary = thought.split()[0]
    yield {"type": "response.output_item.added", "output_index": 0, "item": added}
    yield from _text_events({**where, "summary_index": 0}, [summary], "summary_text")
    yield from _text_events({**where, "content_index": 0}, cut(thought, None), "reasoning_text")
    parts = {
        "summary": [_text_part("summary_text", summary)],
        "content": [_text_part("reasoning_text", thought)],
    }
    done = {**item, **parts}
    yield {"type": "response.output_item.done", "output_index": 0, "item": done}


def _novel_events() -> Iterator[Json]:
    item: Json = {"id": _id("dance"), "type": "dance_call", "beat": {"tempo": 120}}
    added = {**item, "status": "in_progress"}
    yield {"type": "response.output_item.added", "output_index": 0, "item": added}
    yield {"type": "response.dance_call.step", "item_id": item["id"], "output_index": 0, "foot": 1}
    yield {"type": "weather.changed", "rain": True}
    done = {**item, "status": "completed"}
    yield {"type": "response.output_item.done", "output_index": 0, "item": done}


def _text_events(where: Json, deltas: list[str], kind: str) -> Iterator[Json]:
    """The events of one part."""
    summary = kind == "summary_text"
    part_events = "response.reasoning_summary_part" if summary else "response.content_part"
    events = "response.reasoning_summary_text" if summary else f"response.{kind}"
    field = "refusal" if kind == "refusal" else "text"
    more: Json = {"logprobs": []} if kind == "output_text" else {}
    yield {"type": f"{part_events}.added", **where, "part": _text_part(kind, "")}
    for delta in deltas:
        yield {"type": f"{events}.delta", **where, "delta": delta, **more}
    text = "".join(deltas)
    yield {"type": f"{events}.done", **where, field: text, **more}
    yield {"type": f"{part_events}.done", **where, "part": _text_part(kind, text)}


def _text_part(kind: str, text: str) -> Json:
    more: Json = {"annotations": [], "logprobs": []} if kind == "output_text" else {}
    return {"type": kind, "refusal" if kind == "refusal" else "text": text, **more}


def _call_events(call: str, pieces: int | None) -> Iterator[Json]:
    name, _, arguments = call.partition(" ")
    arguments = arguments or "{}"
    item: Json = {"id": _id("fc"), "type": "function_call", "call_id": _id("call"), "name": name}
    where = {"item_id": item["id"], "output_index": 0}
    kind = "response.function_call_arguments"
    added = {**item, "status": "in_progress", "arguments": ""}
    yield {"type": "response.output_item.added", "output_index": 0, "item": added}
    for delta in cut(arguments, pieces):
        yield {"type": f"{kind}.delta", **where, "delta": delta}
    yield {"type": f"{kind}.done", **where, "name": name, "arguments": arguments}
    done = {**item, "status": "completed", "arguments": arguments}
    yield {"type": "response.output_item.done", "output_index": 0, "item": done}


def new_response(body: Json) -> Json:
    """A response in progress, with all of the standard's fields."""
    return {
        "id": _id("resp"),
        "object": "response",
        "created_at": int(time.time()),
        "completed_at": None,
        "status": "in_progress",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": body.get("instructions"),
        "max_output_tokens": body.get("max_output_tokens"),
        "max_tool_calls": None,
        "model": body["model"],
        "output": [],
        "parallel_tool_calls": True,
        "previous_response_id": body.get("previous_response_id"),
        "reasoning": {"effort": None, "summary": None},
        "service_tier": "default",
        "store": body.get("store", True),
        "temperature": body.get("temperature", 1.0),
        "text": body.get("text", {"format": {"type": "text"}}),
        "tool_choice": body.get("tool_choice", "auto"),
        "tools": body.get("tools", []),
        "top_logprobs": 0,
        "top_p": body.get("top_p", 1.0),
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        "truncation": "disabled",
        "usage": None,
        "user": body.get("user"),
        "metadata": body.get("metadata", {}),
    }


def late_refusal(body: Json, error: Json) -> Iterator[Json]:
    """An answer that begins, and then fails with this error."""
    response = new_response(body)
    yield {"type": "response.created", "response": response, "sequence_number": 0}
    failed = {**response, "status": "failed", "error": error}
    yield {"type": "response.failed", "response": failed, "sequence_number": 1}


def _last_event(script: Script, response: Json) -> Json:
    if script.failed:
        error = {"code": "server_error", "message": "The model failed."}
        response |= {"status": "failed", "error": error}
    elif script.incomplete:
        details = {"reason": "max_output_tokens"}
        response |= {"status": "incomplete", "incomplete_details": details}
    else:
        response |= {"status": "completed", "completed_at": int(time.time())}
    return {"type": f"response.{response['status']}", "response": response}


def usage_of(body: Json, text: str) -> Json:
    """A token is a word."""
    read = len(str(body.get("input") or body.get("messages")).split())
    written = len(text.split())
    return {
        "input_tokens": read,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": written,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": read + written,
    }


def _bare(event: Json) -> Json:
    dropped = ("sequence_number", "item_id", "output_index", "content_index", "logprobs")
    bare = {name: value for name, value in event.items() if name not in dropped}
    if response := bare.get("response"):
        bare["response"] = {name: response[name] for name in _BARE_RESPONSE_FIELDS}
    return bare


def chat_chunks(body: Json, script: Script, text: str) -> Iterator[Json]:
    """The chunks of a chat completion, the usage's last where it was asked for."""
    chunk = {
        "id": _id("chatcmpl"),
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": body["model"],
    }
    for delta in _chat_deltas(script, text):
        yield chunk | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    reason = "length" if script.incomplete else "tool_calls" if script.call else "stop"
    yield chunk | {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}
    if (body.get("stream_options") or {}).get("include_usage"):
        usage = usage_of(body, script.call or text)
        yield chunk | {
            "choices": [],
            "usage": {
                "prompt_tokens": usage["input_tokens"],
                "completion_tokens": usage["output_tokens"],
                "total_tokens": usage["total_tokens"],
            },
        }


def _chat_deltas(script: Script, text: str) -> Iterator[Json]:
    for piece in cut(script.think or "", None):
        yield {"reasoning_content": piece}
    if script.call is None:
        field = "refusal" if script.refuse else "content"
        yield {"role": "assistant", field: ""}
        yield from ({field: piece} for piece in cut(text, script.deltas))
        return
    name, _, arguments = script.call.partition(" ")
    call = {"index": 0, "id": _id("call"), "type": "function"}
    named = {"name": name, "arguments": ""}
    yield {"role": "assistant", "content": None, "tool_calls": [call | {"function": named}]}
    for piece in cut(arguments or "{}", script.deltas):
        yield {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}


def _id(prefix: str) -> str:
    return f"{prefix}_{uuid4().hex}"

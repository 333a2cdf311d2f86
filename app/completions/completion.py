"""A response as a chat completion."""

from typing import Any

from app.completions.messages import call_in, reasoning_in, said_in
from app.errors import BackstoryError, EngineError, EngineOverloaded, NotFound
from app.responses.resource import Resource

PREFIX = "chatcmpl-"
OF_RESPONSES = "resp_"
FINISH_REASONS = {"max_output_tokens": "length", "content_filter": "content_filter"}


def completion(resource: Resource) -> dict[str, Any]:
    """Raises what it failed with: half an answer is not one."""
    if error := failure(resource):
        raise error
    choice = {
        "index": 0,
        "message": _message(resource),
        "logprobs": shown_logprobs(_logprobs(resource)),
        "finish_reason": finish_reason(resource),
    }
    return {
        "id": completion_id(resource),
        "object": "chat.completion",
        "created": resource["created_at"],
        "model": resource["model"],
        "choices": [choice],
        "usage": usage_of(resource),
        "service_tier": resource["service_tier"],
        "system_fingerprint": None,
        "metadata": resource["metadata"],
    }


def completion_id(resource: Resource) -> str:
    """The UUID of the response, under chat completions' own prefix."""
    text: str = resource["id"]
    return PREFIX + text.removeprefix(OF_RESPONSES)


def response_id_text(text: str) -> str:
    """The response that a completion is. Raises NotFound where this is no such id."""
    if not text.startswith(PREFIX):
        raise NotFound(f"Chat completion with id '{text}' not found.", code="completion_not_found")
    return OF_RESPONSES + text.removeprefix(PREFIX)


def finish_reason(resource: Resource) -> str:
    if resource["status"] == "incomplete":
        reason = str((resource["incomplete_details"] or {}).get("reason"))
        return FINISH_REASONS.get(reason, "length")
    calls = any(item["type"] == "function_call" for item in resource["output"])
    return "tool_calls" if calls else "stop"


def failure(resource: Resource) -> BackstoryError | None:
    """What kept a response from its end, as an error."""
    if resource["status"] == "cancelled":
        return EngineError("The response was cancelled.", code="response_cancelled")
    error = resource["error"]
    if error is None:
        return None
    kind = EngineOverloaded if error["code"] == EngineOverloaded.code else EngineError
    return kind(error["message"], code=error["code"])


def usage_of(resource: Resource) -> dict[str, Any] | None:
    usage = resource["usage"]
    if usage is None:
        return None
    cached = usage["input_tokens_details"]["cached_tokens"]
    reasoning = usage["output_tokens_details"]["reasoning_tokens"]
    return {
        "prompt_tokens": usage["input_tokens"],
        "completion_tokens": usage["output_tokens"],
        "total_tokens": usage["total_tokens"],
        "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def shown_logprobs(entries: list[Any] | None) -> dict[str, Any] | None:
    """Chats tell a token's bytes too; where an engine does not, they are not known."""
    content = [_with_bytes(entry) for entry in entries or []]
    return {"content": content, "refusal": None} if content else None


def _with_bytes(entry: dict[str, Any]) -> dict[str, Any]:
    alike = [{"bytes": None, **other} for other in entry.get("top_logprobs") or []]
    return {"bytes": None, **entry, "top_logprobs": alike}


def _message(resource: Resource) -> dict[str, Any]:
    output = resource["output"]
    messages = [item for item in output if item["type"] == "message"]
    said = [said_in(item) for item in messages]
    text, refusal = ("".join(parts) for parts in zip(*said, strict=True)) if said else ("", "")
    calls = [call_in(item) for item in output if item["type"] == "function_call"]
    reasoning = "".join(reasoning_in(item) for item in output if item["type"] == "reasoning")
    nothing_said = not text and bool(calls or refusal)
    message: dict[str, Any] = {
        "role": "assistant",
        "content": None if nothing_said else text,
        "refusal": refusal or None,
        "annotations": _annotations(messages),
    }
    if calls:
        message["tool_calls"] = calls
    if reasoning:
        message["reasoning_content"] = reasoning
    return message


def _annotations(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Chats know only of citations."""
    return [
        {
            "type": "url_citation",
            "url_citation": {name: value for name, value in said.items() if name != "type"},
        }
        for message in messages
        for part in message["content"]
        for said in part.get("annotations") or []
        if said.get("type") == "url_citation"
    ]


def _logprobs(resource: Resource) -> list[Any]:
    return [
        entry
        for item in resource["output"]
        if item["type"] == "message"
        for part in item["content"]
        for entry in part.get("logprobs") or []
    ]

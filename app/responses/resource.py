"""The response object: all the fields that the standard asks for, whatever the engine left out."""

from typing import Any

import msgspec

from app.ids import ConversationId, ResponseId, id_text
from app.responses.shapes import fits
from app.responses.types import CreateRequest

Resource = dict[str, Any]

DEFAULTS: Resource = {
    "parallel_tool_calls": True,
    "temperature": 1.0,
    "top_p": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "top_logprobs": 0,
    "tool_choice": "auto",
    "tools": [],
    "truncation": "disabled",
    "text": {"format": {"type": "text"}},
    "reasoning": {"effort": None, "summary": None},
    "max_output_tokens": None,
    "max_tool_calls": None,
    "service_tier": "default",
    "safety_identifier": None,
    "prompt_cache_key": None,
}
"""What the specification requires of every response, as OpenAI fills it in."""

IF_ASKED = frozenset({"prompt", "prompt_cache_retention"})
"""Fields that only some responses have."""

FROM_ENGINE = frozenset(DEFAULTS) - {"tools", "safety_identifier", "prompt_cache_key"}
"""Fields in which the engine knows better than a default what it did."""

SETTLED_BY_ENGINE = frozenset({"service_tier"})
"""Fields in which it also knows better than its client what it did."""

FULL_FORMAT: Resource = {"description": None, "schema": None, "strict": False}
FULL_TOOL: Resource = {"description": None, "parameters": None, "strict": None}


def new_resource(
    request: CreateRequest,
    response_id: ResponseId,
    created_at: int,
    *,
    previous_response: str | None,
    conversation: ConversationId | None,
) -> Resource:
    """A response that has just begun."""
    return {
        "id": id_text("resp", response_id),
        "object": "response",
        "created_at": created_at,
        "completed_at": None,
        "status": "in_progress",
        "background": request.background,
        "error": None,
        "incomplete_details": None,
        "instructions": request.fields.instructions,
        "model": request.fields.model,
        "output": [],
        "previous_response_id": previous_response,
        "conversation": shown_conversation(conversation),
        **DEFAULTS,
        **_asked(request.parameters),
        "store": request.store,
        "metadata": request.fields.metadata or {},
        "user": request.fields.user,
        "usage": None,
    }


def shown_conversation(conversation: ConversationId | None) -> dict[str, Any] | None:
    return {"id": id_text("conv", conversation)} if conversation else None


def _asked(parameters: dict[str, Any]) -> Resource:
    """What the client asked, as a response repeats it: with all that the standard wants of it."""
    asked = {
        name: value for name, value in parameters.items() if name in DEFAULTS or name in IF_ASKED
    }
    for name in ("text", "reasoning"):
        if name in asked:
            asked[name] = DEFAULTS[name] | _without_none(asked[name])
    if "text" in asked:
        asked["text"]["format"] = _full_format(asked["text"]["format"])
    if "tools" in asked:
        asked["tools"] = [_full_tool(tool) for tool in asked["tools"]]
    return asked


def _full_format(said: Resource) -> Resource:
    return FULL_FORMAT | _without_none(said) if said["type"] == "json_schema" else said


def _full_tool(tool: Resource) -> Resource:
    return FULL_TOOL | tool if tool["type"] == "function" else tool


def _without_none(said: Resource) -> Resource:
    return {name: value for name, value in said.items() if value is not None}


def take_from_engine(resource: Resource, said: Resource, asked: dict[str, Any]) -> None:
    """What the engine says of itself, where the client did not say it."""
    for name in (FROM_ENGINE - asked.keys()) | SETTLED_BY_ENGINE:
        if said.get(name) is not None and fits(name, said[name]):
            resource[name] = said[name]
    if isinstance(said.get("model"), str) and said["model"]:
        resource["model"] = said["model"]


class _Given(msgspec.Struct, frozen=True):
    """What of a usage is reckoned with. Raises msgspec.ValidationError where it is no number."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    input_tokens_details: dict[str, int | None] | None = None
    output_tokens_details: dict[str, int | None] | None = None


def full_usage(usage: Any) -> dict[str, Any] | None:
    """The engine's usage with every field that the standard asks for."""
    if not isinstance(usage, dict):
        return None
    known = msgspec.convert(usage, _Given)
    given, made = known.input_tokens or 0, known.output_tokens or 0
    return {
        **usage,
        "input_tokens": given,
        "input_tokens_details": {
            "cached_tokens": 0,
            "cache_write_tokens": 0,
            **(known.input_tokens_details or {}),
        },
        "output_tokens": made,
        "output_tokens_details": {
            "reasoning_tokens": 0,
            **(known.output_tokens_details or {}),
        },
        "total_tokens": known.total_tokens or given + made,
    }

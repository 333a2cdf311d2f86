"""What an engine says of things that the standard knows has to be of their shape, or it is broken.

Checked where it comes in, so that what is sent on is of its type, whatever the engine. Fields
that are not named here pass as they are, and so does all that is of a type not known here.
"""

from typing import Any, Literal

import msgspec

from app.engine.types import Event, Item
from app.responses.live_item import KIND_OF_PART, PLACES_OF_PARTS

Status = Literal["in_progress", "completed", "incomplete"]


class _TopLogprob(msgspec.Struct):
    token: str
    logprob: float


class _Logprob(_TopLogprob):
    top_logprobs: list[_TopLogprob] | None = None


class _Annotation(msgspec.Struct):
    type: str


class _Part(msgspec.Struct):
    type: str | None = None
    text: str | None = None
    refusal: str | None = None
    annotations: list[_Annotation] | None = None
    logprobs: list[_Logprob] | None = None


class _Message(msgspec.Struct):
    role: Literal["assistant"] | None = None
    status: Status | None = None
    content: list[_Part] | str | None = None
    phase: Literal["commentary", "final_answer"] | None = None


class _Reasoning(msgspec.Struct):
    status: Status | None = None
    summary: list[_Part] | None = None
    content: list[_Part] | None = None
    encrypted_content: str | None = None


class _Call(msgspec.Struct):
    status: Status | None = None
    call_id: str | None = None
    name: str | None = None


class _Named(msgspec.Struct):
    id: str | None = None
    type: str | None = None


class _Reasons(msgspec.Struct):
    effort: str | None
    summary: str | None


class _Format(msgspec.Struct):
    type: Literal["text", "json_object", "json_schema"]


class _Text(msgspec.Struct):
    format: _Format
    verbosity: Literal["low", "medium", "high"] | None = None


class _Choice(msgspec.Struct):
    type: str


_OF_ITSELF: dict[str, Any] = {
    "parallel_tool_calls": bool,
    "temperature": float,
    "top_p": float,
    "presence_penalty": float,
    "frequency_penalty": float,
    "top_logprobs": int,
    "tool_choice": Literal["none", "auto", "required"] | _Choice,
    "truncation": Literal["auto", "disabled"],
    "text": _Text,
    "reasoning": _Reasons,
    "max_output_tokens": int,
    "max_tool_calls": int,
    "service_tier": str,
}
"""What an engine says that it did. Only a repetition of what was asked: left out, if it is none."""

_ITEMS: dict[str, type[msgspec.Struct]] = {
    "message": _Message,
    "reasoning": _Reasoning,
    "function_call": _Call,
    "custom_tool_call": _Call,
}
_PARTS = ("response.content_part.", "response.reasoning_summary_part.")


def check_shape(type_: str, event: Event) -> None:
    """Of an event that is no delta. Raises ValueError (msgspec.ValidationError is one)."""
    if type_.startswith("response.output_item."):
        check_item(event.get("item"))
    elif type_.startswith(_PARTS):
        msgspec.convert(event.get("part"), _Part)
    elif "logprobs" in event:
        check_logprobs(event["logprobs"])
    elif "annotation" in event:
        msgspec.convert(event["annotation"], _Annotation)


def check_item(item: Item | None) -> None:
    named = msgspec.convert(item, _Named)
    type_ = named.type or "message"
    if shape := _ITEMS.get(type_):
        msgspec.convert(item, shape)
        for place in PLACES_OF_PARTS.get(type_, ()):
            _check_place((item or {}).get(place), type_, place)


def _check_place(parts: object, item_type: str, place: str) -> None:
    for part in parts if isinstance(parts, list) else []:
        kind = KIND_OF_PART.get(part.get("type"))
        if kind and (kind.item_type, kind.place) != (item_type, place):
            raise ValueError("a part that is not of its item")


def check_logprobs(logprobs: object) -> None:
    msgspec.convert(logprobs, list[_Logprob] | None)


def fits(name: str, value: object) -> bool:
    """Whether a field of a response has the type that it should have."""
    try:
        msgspec.convert(value, _OF_ITSELF.get(name, Any))
    except msgspec.ValidationError:
        return False
    return True

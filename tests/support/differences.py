"""Where OpenAI's types, the Open Responses document and Backstory differ: the whole list.

Each entry says what differs and how a value is changed before the one that does not know it looks
at it. Nothing else is changed, so whatever is not listed here is a failure.
"""

from collections.abc import Callable, Iterable
from typing import Any, Literal, get_args

import msgspec
from openai.types.responses import ResponseItem, ResponseOutputItem

Json = dict[str, Any]

EVENT_NAMES = {
    "response.reasoning_text.delta": "response.reasoning.delta",
    "response.reasoning_text.done": "response.reasoning.done",
}
"""OpenAI's names for events, and the document's for the same."""

DOCUMENT_ITEMS = {"message", "function_call", "function_call_output", "reasoning", "compaction"}


def models_by_type(union: Any) -> dict[str, Any]:
    """The models of one of OpenAI's unions by what they allow as `type`."""
    return {
        name: model
        for model in get_args(get_args(union)[0])
        for name in get_args(model.model_fields["type"].annotation)
    }


OPENAI_ITEMS = models_by_type(ResponseOutputItem).keys() & models_by_type(ResponseItem).keys()


class Difference(msgspec.Struct, frozen=True):
    who: Literal["openai", "document"]
    """Who does not know it."""
    what: str
    change: Callable[[Json], Json]
    """Of any object within an answer, from the inmost outwards."""


def _error_code(value: Json) -> Json:
    error = value.get("error")
    if value.get("object") != "response" or not error:
        return value
    return {**value, "error": {**error, "code": "server_error"}}


def _output_of(types: Iterable[str]) -> Callable[[Json], Json]:
    def change(value: Json) -> Json:
        if value.get("object") == "response":
            return {**value, "output": [i for i in value["output"] if i["type"] in types]}
        if "item" in value and value["item"]["type"] not in types:
            return {**value, "item": None}
        return value

    return change


def _event_name(value: Json) -> Json:
    if value.get("type") not in EVENT_NAMES or "sequence_number" not in value:
        return value
    return {**value, "type": EVENT_NAMES[value["type"]]}


def _no_schema(value: Json) -> Json:
    if value.get("type") != "json_schema" or "schema" not in value:
        return value
    return {**value, "schema": None}


def _function_tools(value: Json) -> Json:
    if value.get("object") != "response" or not isinstance(value.get("tools"), list):
        return value
    return {**value, "tools": [tool for tool in value["tools"] if tool["type"] == "function"]}


def _kept_messages(value: Json) -> Json:
    if value.get("object") != "response.compaction":
        return value
    return {**value, "output": [i for i in value["output"] if i.get("role") != "user"]}


DIFFERENCES = (
    Difference("openai", "An error's code: ours say more than OpenAI's list.", _error_code),
    Difference("openai", "Items of types to come, in an output.", _output_of(OPENAI_ITEMS)),
    Difference("openai", "Users' messages that a compaction keeps.", _kept_messages),
    Difference("document", "Items that OpenAI's hosted tools make.", _output_of(DOCUMENT_ITEMS)),
    Difference("document", "The names of the events of reasoning.", _event_name),
    Difference("document", "The schema of a JSON format, which may only be null.", _no_schema),
    Difference("document", "Tools that are no functions.", _function_tools),
)


def for_openai(value: Json) -> Any:
    return _changed(value, "openai")


def for_the_document(value: Json) -> Any:
    return _changed(value, "document")


def _changed(value: Any, who: str) -> Any:
    if isinstance(value, list):
        return [_changed(part, who) for part in value]
    if not isinstance(value, dict):
        return value
    changed = {name: _changed(part, who) for name, part in value.items()}
    for difference in DIFFERENCES:
        if difference.who == who:
            changed = difference.change(changed)
    return changed

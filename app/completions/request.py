"""Reading a chat completion as the request for a response."""

from collections.abc import Mapping
from typing import Any

from app.completions.messages import items_of, split_instructions
from app.completions.types import (
    AllowedChoice,
    CompletionFields,
    FunctionChoice,
    ObjectFormat,
    SchemaFormat,
    Tool,
)
from app.config import Config
from app.engine.chat_request import LOGPROBS
from app.errors import InvalidRequest
from app.responses.request import read_document
from app.responses.types import CreateRequest
from app.web.body import convert, decode_object

OURS = frozenset(CompletionFields.__struct_fields__)
REFUSED = {
    "functions": "Use 'tools' instead: 'functions' is not supported.",
    "function_call": "Use 'tool_choice' instead: 'function_call' is not supported.",
    "audio": "Only text is answered: 'audio' is not supported.",
    "web_search_options": "There is no web search: 'web_search_options' is not supported.",
    **{
        name: f"'{name}' is a field of /v1/responses: a chat completion takes 'messages'."
        for name in (
            *("input", "instructions", "previous_response_id", "conversation", "background"),
            *("text", "reasoning", "max_output_tokens", "include", "truncation"),
        )
    },
}


def read_completion(
    body: bytes, headers: Mapping[str, str], config: Config
) -> tuple[CreateRequest, CompletionFields]:
    """Raises InvalidRequest."""
    document = decode_object(body)
    _refuse(document)
    fields = convert(document, CompletionFields)
    _check(fields, document, config.items_per_request_max)
    request = read_document(_translated(document, fields), headers, config)
    request.threaded = True
    return request, fields


def _refuse(document: dict[str, Any]) -> None:
    for name, message in REFUSED.items():
        if document.get(name) is not None:
            raise _unsupported(message, name)


def _check(fields: CompletionFields, document: dict[str, Any], messages_max: int) -> None:
    if len(fields.messages) > messages_max:
        raise InvalidRequest(
            f"'messages' may hold at most {messages_max}.",
            param="messages",
            code="array_above_max_length",
        )
    if fields.n not in (None, 1):
        raise _unsupported("Only one answer is given: 'n' must be 1.", "n")
    if fields.modalities not in (None, ["text"]):
        raise _unsupported("Only text is answered: 'modalities' must be [\"text\"].", "modalities")
    if fields.max_tokens is not None and fields.max_completion_tokens is not None:
        raise _unsupported(
            "Only one of 'max_tokens' and 'max_completion_tokens' can be given.", "max_tokens"
        )
    if fields.top_logprobs is not None and not fields.logprobs:
        raise _unsupported("'top_logprobs' needs 'logprobs'.", "top_logprobs")
    if fields.stream_options is not None and not document.get("stream"):
        raise _unsupported("'stream_options' needs 'stream'.", "stream_options")


def _unsupported(message: str, param: str) -> InvalidRequest:
    return InvalidRequest(message, param=param, code="unsupported_parameter")


def _translated(document: dict[str, Any], fields: CompletionFields) -> dict[str, Any]:
    """What both say alike, and what only engines understand, stays as it is."""
    instructions, messages = split_instructions(fields.messages)
    said = {
        "input": list(items_of(messages)),
        "instructions": instructions,
        "max_output_tokens": fields.tokens_max,
        "top_logprobs": fields.top_logprobs,
        "include": [LOGPROBS] if fields.logprobs else None,
        "reasoning": {"effort": fields.reasoning_effort} if fields.reasoning_effort else None,
        "text": _text(fields),
        "tools": [_tool(tool) for tool in fields.tools] if fields.tools else None,
        "tool_choice": _tool_choice(fields.tool_choice),
    }
    kept = {name: value for name, value in document.items() if name not in OURS}
    return kept | {name: value for name, value in said.items() if value is not None}


def _text(fields: CompletionFields) -> dict[str, Any] | None:
    text: dict[str, Any] = {}
    if fields.verbosity:
        text["verbosity"] = fields.verbosity
    match fields.response_format:
        case SchemaFormat(schema):
            given = {"name": schema.name, "schema": schema.schema or {}}
            more = {"description": schema.description, "strict": schema.strict}
            text["format"] = {"type": "json_schema", **given, **_without_none(more)}
        case ObjectFormat():
            text["format"] = {"type": "json_object"}
    return text or None


def _tool(tool: Tool) -> dict[str, Any]:
    """Not strict unless it says so: in the Responses API it is the other way round."""
    function = tool.function
    return {
        "type": "function",
        "name": function.name,
        **_without_none({"description": function.description}),
        "parameters": function.parameters or {"type": "object", "properties": {}},
        "strict": bool(function.strict),
    }


def _tool_choice(
    choice: str | FunctionChoice | AllowedChoice | None,
) -> str | dict[str, Any] | None:
    match choice:
        case FunctionChoice(function):
            return {"type": "function", "name": function.name}
        case AllowedChoice(allowed):
            tools = [{"type": "function", "name": tool.function.name} for tool in allowed.tools]
            return {"type": "allowed_tools", "mode": allowed.mode, "tools": tools}
        case _:
            return choice


def _without_none(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}

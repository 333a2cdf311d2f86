"""Reading what a client asks about a context: the fields of a response that make its input."""

from typing import Any

from app.config import Config
from app.conversations.given import check_items
from app.engine.types import Item
from app.errors import InvalidRequest
from app.responses.request import conversation_id
from app.responses.types import (
    CompactFields,
    ContextFields,
    CountFields,
    CreateRequest,
    Parameters,
    ResponseFields,
)
from app.web.body import convert, decode_object

COUNTED = ("tools", "tool_choice", "parallel_tool_calls", "text", "reasoning")
"""What of the other fields an engine counts."""
UNNAMED = "default"
"""Where a client counts for no model."""


def read_count(body: bytes, config: Config) -> CreateRequest:
    """Raises InvalidRequest."""
    document = decode_object(body)
    fields = convert(document, CountFields)
    convert(document, Parameters)
    parameters = {n: document[n] for n in COUNTED if document.get(n) is not None}
    return _request(fields, fields.model or UNNAMED, parameters, config)


def read_compact(body: bytes, config: Config) -> CreateRequest:
    """Raises InvalidRequest."""
    fields = convert(decode_object(body), CompactFields)
    asked = _request(fields, fields.model, {}, config)
    if not (asked.items or asked.conversation or fields.previous_response_id):
        raise InvalidRequest(
            "Missing required parameter: 'input'.",
            param="input",
            code="missing_required_parameter",
        )
    return asked


def _request(
    fields: ContextFields, model: str, parameters: dict[str, Any], config: Config
) -> CreateRequest:
    """As of a response that is not stored."""
    return CreateRequest(
        fields=ResponseFields(
            model=model,
            instructions=fields.instructions,
            previous_response_id=fields.previous_response_id,
            user=fields.user,
            store=False,
        ),
        items=_items(fields.input, config.items_per_request_max),
        parameters=parameters,
        conversation=conversation_id(fields.conversation),
    )


def _items(given: str | list[Item] | None, most: int) -> list[Item]:
    if isinstance(given, str):
        return [{"type": "message", "role": "user", "content": given}]
    check_items(given or [], "input", most)
    return given or []

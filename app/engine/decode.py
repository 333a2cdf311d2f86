"""What an engine sends, decoded; whatever is not as it should be is EngineBroken."""

from collections.abc import Iterable
from typing import Any

import msgspec

from app.engine.types import EngineModel, Event
from app.errors import EngineBroken, EngineError

NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding a stranger's bytes can raise."""

_object_decoder = msgspec.json.Decoder(dict[str, Any])


def decode_object(data: bytes) -> dict[str, Any]:
    try:
        return _object_decoder.decode(data)
    except NOT_JSON:
        raise EngineBroken("The engine sent an event that is not a JSON object.") from None


def up_to_error(events: Iterable[Event]) -> tuple[list[Event], EngineError | None]:
    """What came before an error is not lost by it, though it arrived in the same piece."""
    read: list[Event] = []
    try:
        read.extend(events)
    except EngineError as error:
        return read, error
    return read, None


class _Model(msgspec.Struct):
    id: str
    created: float | None = None
    owned_by: str | None = None
    context_length: Any = None
    context_window: Any = None
    max_context_length: Any = None
    max_model_len: Any = None
    meta: Any = None


class _Models(msgspec.Struct):
    data: list[_Model]


def decode_models(body: bytes) -> list[EngineModel]:
    try:
        models = msgspec.json.decode(body, type=_Models).data
    except NOT_JSON:
        raise EngineBroken("The engine's list of models is not of OpenAI's shape.") from None
    return [
        EngineModel(
            id=model.id,
            created=int(model.created or 0),
            owned_by=model.owned_by or "engine",
            context_tokens=_context_tokens(model),
        )
        for model in models
    ]


def _context_tokens(model: _Model) -> int | None:
    """By the name that vLLM, llama.cpp or a gateway gives it."""
    meta = model.meta if isinstance(model.meta, dict) else {}
    said = (
        model.context_length,
        model.max_model_len,
        model.context_window,
        model.max_context_length,
        meta.get("n_ctx"),
    )
    return next((value for value in said if isinstance(value, int) and value > 0), None)

"""Every answer of the service, checked by where it came from, whoever asked."""

import re
from array import array
from base64 import b64decode
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
from openai.types import CreateEmbeddingResponse, FileObject, Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.conversations import Conversation
from openai.types.responses import CompactedResponse
from openai.types.responses.input_token_count_response import InputTokenCountResponse
from pydantic import BaseModel

from tests.support.differences import for_openai
from tests.support.lifecycle import Lifecycle
from tests.support.standard import (
    check_by_document,
    check_event,
    check_listed_item,
    check_response,
)

Json = dict[str, Any]
Check = Callable[[Json], None]

DONE = b"data: [DONE]\n\n"
EVENT_STREAM = "text/event-stream"


def _model(model: type[BaseModel]) -> Check:
    def check(body: Json) -> None:
        model.model_validate(body)

    return check


def _list_of(check: Check) -> Check:
    def check_list(body: Json) -> None:
        assert body["object"] == "list"
        assert isinstance(body["has_more"], bool)
        for name, place in (("first_id", 0), ("last_id", -1)):
            assert body[name] == (body["data"][place]["id"] if body["data"] else None)
        for entry in body["data"]:
            check(entry)

    return check_list


def _check_models(body: Json) -> None:
    assert body["object"] == "list"
    for entry in body["data"]:
        Model.model_validate(entry)


def _check_deleted(body: Json) -> None:
    assert body["deleted"] is True
    assert isinstance(body["id"], str)
    assert isinstance(body["object"], str)


def _check_compaction(body: Json) -> None:
    CompactedResponse.model_validate(for_openai(body))
    for item in body["output"]:
        check_listed_item(item)
    check_by_document("CompactResource", body)


def _check_embeddings(body: Json) -> None:
    """Base64, which the SDK asks for by itself, is no part of its type."""
    entries = [{**entry, "embedding": _as_floats(entry["embedding"])} for entry in body["data"]]
    CreateEmbeddingResponse.model_validate(body | {"data": entries})


def _as_floats(embedding: str | list[float]) -> list[float]:
    if isinstance(embedding, list):
        return embedding
    return list(array("f", b64decode(embedding, validate=True)))


_CHECKS: list[tuple[str, Check]] = [
    (r"POST /v1/responses", check_response),
    (r"POST /v1/responses/input_tokens", _model(InputTokenCountResponse)),
    (r"POST /v1/responses/compact", _check_compaction),
    (r"GET /v1/responses/[^/]+", check_response),
    (r"POST /v1/responses/[^/]+/cancel", check_response),
    (r"GET /v1/responses/[^/]+/input_items", _list_of(check_listed_item)),
    (r"GET /v1/conversations/[^/]+/items", _list_of(check_listed_item)),
    (r"GET /v1/conversations/[^/]+/items/[^/]+", check_listed_item),
    (r"POST /v1/conversations(/[^/]+)?", _model(Conversation)),
    (r"GET /v1/conversations/[^/]+", _model(Conversation)),
    (r"DELETE /v1/(responses|conversations|files)/[^/]+", _check_deleted),
    (r"POST /v1/chat/completions", _model(ChatCompletion)),
    (r"POST /v1/embeddings", _check_embeddings),
    (r"GET /v1/models", _check_models),
    (r"POST /v1/files", _model(FileObject)),
    (r"GET /v1/files", _list_of(_model(FileObject))),
    (r"GET /v1/files/[^/]+", _model(FileObject)),
    (r"GET /v1/conversations", _list_of(_model(Conversation))),
]
_COMPILED = [(re.compile(pattern), check) for pattern, check in _CHECKS]


def check_answer(method: str, target: str, status: int, media_type: str, body: bytes) -> None:
    """Raises AssertionError or pydantic's error. `target` is the path and its query."""
    url = urlsplit(target)
    if not url.path.startswith("/v1/"):
        return
    if status >= 400:
        _check_error(msgspec.json.decode(body))
    elif media_type.startswith(EVENT_STREAM):
        _check_stream(url.path, parse_qs(url.query), body)
    elif check := _check_for(f"{method} {url.path}"):
        check(msgspec.json.decode(body))


def _check_for(request: str) -> Check | None:
    return next((check for pattern, check in _COMPILED if pattern.fullmatch(request)), None)


def _check_error(body: Json) -> None:
    assert body.keys() == {"error"}
    error = body["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert isinstance(error["message"], str)
    assert error["message"]
    assert isinstance(error["type"], str)
    assert isinstance(error["param"], str | None)
    assert isinstance(error["code"], str | None)


def _check_stream(path: str, query: dict[str, list[str]], body: bytes) -> None:
    """What came of it, where its client left before the end; only whole frames are ever written."""
    assert body.endswith(b"\n\n") or not body, body[-200:]
    frames = body.removesuffix(DONE).split(b"\n\n")[:-1]
    if path.startswith("/v1/chat"):
        for frame in frames:
            _check_chunk(msgspec.json.decode(frame.removeprefix(b"data: ")))
        return
    first = int(query.get("starting_after", ["-1"])[0]) + 1
    _check_events([_event(frame) for frame in frames], first)


def _check_chunk(chunk: Json) -> None:
    """A chat completion that fails after its beginning ends with an error alone."""
    if "error" in chunk:
        _check_error(chunk)
    else:
        ChatCompletionChunk.model_validate(chunk)


def _event(frame: bytes) -> Json:
    name, data = frame.split(b"\n")
    event: Json = msgspec.json.decode(data.removeprefix(b"data: "))
    assert name == b"event: " + event["type"].encode()
    return event


def _check_events(events: list[Json], first: int) -> None:
    lifecycle = Lifecycle()
    for number, event in enumerate(events, first):
        check_event(event)
        assert event["sequence_number"] == number
        if first == 0:
            lifecycle.take(event)

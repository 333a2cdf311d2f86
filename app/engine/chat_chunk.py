"""One chunk of a streamed chat completion, as far as we read it."""

from typing import Any

import msgspec

from app.engine.decode import NOT_JSON
from app.errors import EngineBroken


class FunctionDelta(msgspec.Struct):
    name: str | None = None
    arguments: str | dict[str, Any] | None = None


class CallDelta(msgspec.Struct):
    function: FunctionDelta
    index: int | None = None
    id: str | None = None


class Delta(msgspec.Struct):
    """vLLM and llama.cpp say reasoning_content, Ollama and newer vLLM reasoning."""

    content: str | None = None
    refusal: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[CallDelta] | None = None


class Logprobs(msgspec.Struct):
    content: list[dict[str, Any]] | None = None


class Choice(msgspec.Struct):
    index: int = 0
    delta: Delta | None = None
    logprobs: Logprobs | None = None
    finish_reason: str | None = None


class PromptDetails(msgspec.Struct):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class CompletionDetails(msgspec.Struct):
    reasoning_tokens: int | None = None


class ChatUsage(msgspec.Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int | None = None
    prompt_tokens_details: PromptDetails | None = None
    completion_tokens_details: CompletionDetails | None = None


class Chunk(msgspec.Struct):
    choices: list[Choice] | None = None
    usage: ChatUsage | None = None
    error: Any = None


_decoder = msgspec.json.Decoder(Chunk)


def decode_chunk(data: bytes) -> Chunk:
    try:
        return _decoder.decode(data)
    except NOT_JSON:
        raise EngineBroken("The engine sent a chunk that is not of OpenAI's shape.") from None

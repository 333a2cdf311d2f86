"""What an engine answers instead of a stream, as an EngineError."""

from collections.abc import Mapping
from typing import Any, TypeGuard

import msgspec

from app.engine.decode import NOT_JSON
from app.errors import (
    EngineAuthFailed,
    EngineBroken,
    EngineError,
    EngineFailed,
    EngineOverloaded,
    EngineRefused,
    EngineTimeout,
)

MESSAGE_CHARACTERS_MAX = 2_000

_CONTEXT_TOO_LONG = ("exceed_context_size", "maximum context length", "context_length_exceeded")
"""How llama.cpp, vLLM and OpenAI say it."""


def error_of_status(
    status: int, headers: Mapping[str, str], body: bytes, secret: str | None
) -> EngineError:
    """The error for a status of 300 or more; the secret never appears in it."""
    said = _said(body)
    if status in (401, 403):
        # Engines quote the key that they refuse: nothing of their message is kept.
        return EngineAuthFailed(
            "The engine refused the API key that Backstory or its project has set "
            f"(status {status})."
        )
    message = _message(said, secret) or f"The engine answered with status {status}."
    if status == 429:
        return EngineOverloaded(message, code=_text(said, "code"), headers=_retry_after(headers))
    if status == 408:
        return EngineTimeout(message)
    if status in (404, 405) and not said:
        return EngineBroken(
            f"The engine has no such endpoint (status {status}): its base URL is wrong, or it "
            "knows only chat completions and needs BACKSTORY_ENGINE_KIND=chat."
        )
    if 400 <= status < 500:
        return _refused(message, status, said)
    text = f"The engine failed (status {status}): {message}"
    return (
        EngineFailed(text, headers=_retry_after(headers)) if status >= 500 else EngineBroken(text)
    )


def error_of_event(error: object, secret: str | None) -> EngineError:
    """The error for a stream's `{"error": …}` that is no event of its protocol."""
    said: dict[str, Any] = error if _is_object(error) else {"message": str(error)}
    message = _message(said, secret) or "no reason given"
    status = said.get("code")
    if isinstance(status, int) and 400 <= status < 500:
        return _refused(message, status, said)
    return EngineBroken(f"The engine failed while it answered: {message}")


def too_long_by_event(event: Mapping[str, Any]) -> EngineRefused | None:
    """Some engines begin an answer before they find that the context is too long."""
    if event.get("type") not in ("response.failed", "error"):
        return None
    response = event.get("response")
    error = (response if _is_object(response) else event).get("error") or event
    if not _is_object(error) or error.get("code") != "context_length_exceeded":
        return None
    return _refused(str(error.get("message") or "The context is too long."), 400, error)


def ended_early() -> EngineBroken:
    return EngineBroken("The engine ended its stream before its answer was complete.")


def _refused(message: str, status: int, said: Mapping[str, Any]) -> EngineRefused:
    if any(
        sign in f"{said.get('type')} {said.get('code')} {message}" for sign in _CONTEXT_TOO_LONG
    ):
        return EngineRefused(message, status=400, param="input", code="context_length_exceeded")
    return EngineRefused(
        message, status=status, param=_text(said, "param"), code=_text(said, "code")
    )


def _said(body: bytes) -> dict[str, Any]:
    """The error object of OpenAI's shape, of FastAPI's or Ollama's; empty where there is none."""
    try:
        answer = msgspec.json.decode(body)
    except NOT_JSON:
        return {}
    if not _is_object(answer):
        return {}
    error = answer.get("error")
    if isinstance(error, str):
        return {"message": error}
    if _is_object(error):
        return error
    return answer if isinstance(answer.get("message"), str) else {}


def _message(said: Mapping[str, Any], secret: str | None) -> str | None:
    message = _text(said, "message")
    if message and secret:
        message = message.replace(secret, "[key]")
    return message[:MESSAGE_CHARACTERS_MAX] if message else None


def _text(said: Mapping[str, Any], name: str) -> str | None:
    value = said.get(name)
    return value if isinstance(value, str) and value else None


def _retry_after(headers: Mapping[str, str]) -> dict[str, str]:
    seconds = headers.get("Retry-After")
    return {"Retry-After": seconds} if seconds else {}


def _is_object(value: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)

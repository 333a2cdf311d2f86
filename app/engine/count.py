"""Asking an engine how many tokens a request has, where it can tell."""

import time
from typing import Any

import msgspec

from app.engine.decode import NOT_JSON
from app.engine.http import EngineHttp
from app.engine.types import Secret
from app.errors import EngineBroken, EngineError, EngineRefused

ABSENT_SECONDS = 300.0
"""How long an engine that has no counter is not asked again."""


class _Counted(msgspec.Struct):
    input_tokens: int


class Counter:
    """One endpoint that counts, at OpenAI and llama.cpp; most engines have none."""

    def __init__(self, http: EngineHttp, path: str) -> None:
        self._http = http
        self._path = path
        self._absent_until = 0.0

    async def count(self, body: dict[str, Any], secret: Secret | None) -> int | None:
        """Never raises: there is an estimate for where it can't be told."""
        if time.monotonic() < self._absent_until:
            return None
        try:
            answer = await self._http.ask(self._path, body, secret)
            return msgspec.json.decode(answer, type=_Counted).input_tokens
        except (EngineBroken, *NOT_JSON):
            self._absent_until = time.monotonic() + ABSENT_SECONDS
        except EngineRefused as refusal:
            if refusal.status in (404, 405):
                self._absent_until = time.monotonic() + ABSENT_SECONDS
        except EngineError:
            pass
        return None

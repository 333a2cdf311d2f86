"""How many tokens a model's context may have, where that is known."""

import asyncio
import re

import structlog
from cachetools import TTLCache

from app.engine.types import Engine
from app.errors import EngineError

log = structlog.get_logger()

KNOWN_SECONDS = 300.0
MODELS_MAX = 1_000
ASKED_SECONDS_MAX = 5.0

_TOLD = re.compile(r"(?:context length is|context size \(|context window of) ?(\d{2,9}) ?tokens")
"""How OpenAI, vLLM and llama.cpp name it when they refuse."""


class Windows:
    """Of the engine's models: as configured, else as its list of models or a refusal says."""

    def __init__(self, engine: Engine, configured: int | None) -> None:
        self._engine = engine
        self._configured = configured
        self._learned: TTLCache[str, int] = TTLCache(MODELS_MAX, KNOWN_SECONDS)
        self._listed: TTLCache[str, dict[str, int | None]] = TTLCache(1, KNOWN_SECONDS)

    async def tokens(self, model: str) -> int | None:
        if self._configured:
            return self._configured
        return self._learned.get(model) or (await self._list()).get(model)

    def learn(self, model: str, refusal: str) -> int | None:
        """From what an engine says when a context is too long."""
        told = _TOLD.search(refusal)
        if told is None:
            return None
        self._learned[model] = int(told[1])
        return self._learned[model]

    async def _list(self) -> dict[str, int | None]:
        """Empty where the engine does not tell: it is not asked again for a while."""
        if (listed := self._listed.get("models")) is not None:
            return listed
        listed = {}
        try:
            async with asyncio.timeout(ASKED_SECONDS_MAX):
                listed = {model.id: model.context_tokens for model in await self._engine.models()}
        except (EngineError, TimeoutError) as error:
            log.warning("windows.not_listed", why=type(error).__name__)
        self._listed["models"] = listed
        return listed

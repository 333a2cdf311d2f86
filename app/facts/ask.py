"""Asking the engine, of background work: held to a schema where it can be."""

from collections.abc import Sequence
from typing import Any

import structlog

from app.config import Config
from app.engine.types import EngineRequest
from app.errors import EngineRefused, InvalidRequest
from app.facts import judge
from app.facts.answer import proposed_in
from app.facts.judge import Pair
from app.facts.passages import Cut, cut
from app.facts.prompt import extraction, held_to, schema_of
from app.facts.types import Message, Proposed, Verdict
from app.ids import ProjectId
from app.jobs.types import Job
from app.usage.errands import Answer, Errands, waiting_for_engine

log = structlog.get_logger()

HALVED_MAX = 3
"""How often less is sent, where an engine says that it is too much."""
TOO_LONG = "context_length_exceeded"
NOT_SO = (400, 404, 415, 422, 501)
"""How engines refuse a schema."""


class Asking:
    def __init__(self, config: Config, errands: Errands) -> None:
        self._config = config
        self._errands = errands
        self._without_schema: set[str] = set()
        """Models that took a request only without one."""

    async def model(self, named: str | None, project: ProjectId) -> str:
        """The one that is named, or the only one that there is. Raises InvalidRequest, or
        Unavailable where no engine can be reached."""
        if named:
            return named
        with waiting_for_engine():
            secret = await self._errands.keys.read(project)
            found = await self._errands.engine.models(secret)
        if found and (len(found) == 1 or self._errands.engine.name == "local"):
            return found[0].id
        raise InvalidRequest(
            "The engine has several models: name one by the setting 'facts_model'."
        )

    async def propose(
        self, job: Job, model: str, messages: Sequence[Message], start: int
    ) -> tuple[Cut, list[Proposed | None]]:
        """What was shown of the messages, and the facts that the engine found in it. Raises
        Unreadable, EngineError, or Unavailable where no engine can be reached."""
        chars = self._config.facts_prompt_chars_max
        for halved in range(HALVED_MAX + 1):
            shown = cut(messages, start, chars >> halved)
            if not shown.passages:
                return shown, []
            try:
                return shown, await self._propose(job, model, shown)
            except EngineRefused as refusal:
                if refusal.code != TOO_LONG or halved == HALVED_MAX:
                    raise
        raise AssertionError("unreachable")

    async def compare(self, job: Job, model: str, pairs: Sequence[Pair]) -> list[Verdict]:
        """One verdict a pair. Raises as `propose` does."""
        request = judge.comparison(model, pairs)
        answer = await self._ask(job, "compare_facts", request, judge.SCHEMA)
        return judge.verdicts_on(answer.text, pairs)

    async def _propose(self, job: Job, model: str, shown: Cut) -> list[Proposed | None]:
        request = extraction(model, shown.passages, self._config.facts_output_tokens_max)
        schema = schema_of(self._config.facts_per_call_max)
        answer = await self._ask(job, "extract_facts", request, schema)
        return proposed_in(answer.text)

    async def _ask(
        self, job: Job, purpose: str, request: EngineRequest, schema: dict[str, Any]
    ) -> Answer:
        with waiting_for_engine():
            return await self._held(job, purpose, request, schema)

    async def _held(
        self, job: Job, purpose: str, request: EngineRequest, schema: dict[str, Any]
    ) -> Answer:
        seconds = self._config.facts_timeout_seconds
        if request.model not in self._without_schema:
            try:
                held = held_to(request, purpose, schema)
                return await self._errands.ask(job, purpose, held, seconds)
            except EngineRefused as refusal:
                if refusal.code == TOO_LONG or refusal.status not in NOT_SO:
                    raise
                log.info("facts.without_schema", model=request.model, code=refusal.code)
        answer = await self._errands.ask(job, purpose, request, seconds)
        self._without_schema.add(request.model)
        return answer

"""Responses on their way in this worker."""

import asyncio
from collections.abc import Coroutine, Hashable
from typing import Any

import msgspec

from app.responses.run import Run
from app.responses.types import ClientLeft
from app.web.idempotency import Claim, check_same_body

WATCH_AFTER_SECONDS = 0.1
"""Most answers have begun by then, and need no watching."""


class Answer(msgspec.Struct, frozen=True):
    """A response on its way, and what is to be said of it in headers."""

    run: Run
    task: asyncio.Task[None]
    headers: dict[str, str]
    finish_without_client: bool

    def abandon(self) -> None:
        """A client has left. The run goes on where it is stored, or where others still read."""
        if not (self.finish_without_client or self.run.log.readers or self.run.log.closed):
            self.task.cancel()

    async def while_client_waits(self, wait: Coroutine[Any, Any, None], left: ClientLeft) -> None:
        """Watches for the client's leaving where that matters, once it has waited a while."""
        if self.finish_without_client:
            await wait
            return
        watching = asyncio.create_task(self._abandon_when(left))
        try:
            await wait
        finally:
            watching.cancel()

    async def _abandon_when(self, left: ClientLeft) -> None:
        await asyncio.sleep(WATCH_AFTER_SECONDS)
        await left()
        self.abandon()


Outcome = Answer | str
"""The answer on its way, or the id of the response that answered before."""


class Running:
    """Outcomes by the idempotency key that asked for them first."""

    def __init__(self) -> None:
        self._begun: dict[Hashable, tuple[Claim, asyncio.Future[Outcome]]] = {}

    def find(self, claim: Claim) -> asyncio.Future[Outcome] | None:
        """Raises IdempotencyMismatch where the key began with another body."""
        known = self._begun.get(_key(claim))
        if known is None or _has_failed(known[1]):
            return None
        check_same_body(known[0].body_hash, claim)
        return known[1]

    def add(self, claim: Claim) -> asyncio.Future[Outcome]:
        outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._begun[_key(claim)] = (claim, outcome)
        return outcome

    def remove(self, claim: Claim) -> None:
        known = self._begun.get(_key(claim))
        if known and known[0] is claim:
            del self._begun[_key(claim)]


def _has_failed(outcome: asyncio.Future[Outcome]) -> bool:
    """It only gives its key up now: another attempt has to wait for that, not to join it."""
    if not outcome.done() or outcome.exception():
        return False
    answer = outcome.result()
    if isinstance(answer, str):
        return False
    return answer.run.log.closed and answer.run.resource["status"] == "failed"


def _key(claim: Claim) -> Hashable:
    return claim.principal.id, claim.key_hash

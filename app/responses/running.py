"""Responses on their way in this worker."""

import asyncio
from collections.abc import Hashable

import msgspec

from app.responses.run import Run
from app.web.idempotency import Claim, check_same_body


class Answer(msgspec.Struct, frozen=True):
    """A response on its way, and what is to be said of it in headers."""

    run: Run
    task: asyncio.Task[None]
    headers: dict[str, str]
    finish_without_client: bool


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

"""The same Idempotency-Key again: the same running response, or the stored one once more."""

import asyncio
from collections.abc import Hashable

from app.errors import BackstoryError, Conflict
from app.ids import id_text
from app.responses.create import Answer, create
from app.responses.parts import Parts
from app.responses.types import Call
from app.web.idempotency import Claim, check_same_body, release, take

GIVEN_UP = Conflict("The request that began with this Idempotency-Key was given up: try again.")

Outcome = Answer | str
"""The answer on its way, or the id of the response that answered before."""


class Running:
    """Responses on their way in this worker, by the idempotency key that began them."""

    def __init__(self) -> None:
        self._begun: dict[Hashable, tuple[Claim, asyncio.Future[Outcome]]] = {}

    def find(self, claim: Claim) -> asyncio.Future[Outcome] | None:
        """Raises IdempotencyMismatch where the key began with another body."""
        known = self._begun.get(_key(claim))
        if known is None:
            return None
        check_same_body(known[0].body_hash, claim)
        return known[1]

    def add(self, claim: Claim) -> asyncio.Future[Outcome]:
        outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._begun[_key(claim)] = (claim, outcome)
        return outcome

    def remove(self, claim: Claim) -> None:
        self._begun.pop(_key(claim), None)


async def create_once(parts: Parts, running: Running, call: Call) -> Outcome:
    """Raises what kept the response from beginning, to all who asked for it with this key."""
    claim = call.claim
    if claim is None:
        return await create(parts, call)
    if begun := running.find(claim):
        return await asyncio.shield(begun)
    outcome = running.add(claim)
    try:
        outcome.set_result(await _take_or_create(parts, running, call, claim))
    except BaseException as error:
        running.remove(claim)
        outcome.set_exception(error if isinstance(error, BackstoryError) else GIVEN_UP)
        outcome.exception()  # read here, since nobody else may wait for it
        raise
    return outcome.result()


async def _take_or_create(parts: Parts, running: Running, call: Call, claim: Claim) -> Outcome:
    ttl_seconds = parts.config.idempotency_ttl_seconds
    stored = await take(parts.database, claim, call.caller.user, ttl_seconds)
    if stored is not None:
        running.remove(claim)
        assert stored.response_id is not None
        return id_text("resp", stored.response_id)
    try:
        answer = await create(parts, call)
    except BaseException:
        await release(parts.database, claim)
        raise
    answer.task.add_done_callback(lambda _: running.remove(claim))
    return answer


def _key(claim: Claim) -> Hashable:
    return claim.principal.id, claim.key_hash

"""The same Idempotency-Key again: the same running response, or the stored one once more."""

import asyncio

from app.errors import BackstoryError, Conflict
from app.ids import id_text
from app.responses.create import create
from app.responses.parts import Parts
from app.responses.running import Outcome
from app.responses.types import Call
from app.web.idempotency import Claim, release, take

GIVEN_UP = Conflict("The request that began with this Idempotency-Key was given up: try again.")


async def create_once(parts: Parts, call: Call) -> Outcome:
    """Raises what kept the response from beginning, to all who asked for it with this key."""
    claim = call.claim
    if claim is None:
        return await create(parts, call)
    running = parts.running
    if begun := running.find(claim):
        return await asyncio.shield(begun)
    outcome = running.add(claim)
    try:
        outcome.set_result(await _take_or_create(parts, call, claim))
    except BaseException as error:
        running.remove(claim)
        outcome.set_exception(error if isinstance(error, BackstoryError) else GIVEN_UP)
        outcome.exception()  # read here, since nobody else may wait for it
        raise
    return outcome.result()


async def _take_or_create(parts: Parts, call: Call, claim: Claim) -> Outcome:
    ttl_seconds = parts.config.idempotency_ttl_seconds
    stored = await take(parts.database, claim, call.caller.user, ttl_seconds)
    if stored is not None:
        parts.running.remove(claim)
        assert stored.response_id is not None
        return id_text("resp", stored.response_id)
    try:
        answer = await create(parts, call)
    except BaseException:
        await release(parts.database, claim)
        raise
    answer.task.add_done_callback(lambda _: parts.running.remove(claim))
    return answer

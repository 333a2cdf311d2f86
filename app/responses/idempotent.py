"""The same Idempotency-Key again: the same running response, or the stored one once more."""

from collections.abc import Hashable

from app.errors import IdempotencyMismatch
from app.ids import id_text
from app.responses.create import Answer, create
from app.responses.parts import Parts
from app.responses.types import Call
from app.web.idempotency import Claim, release, take


class Running:
    """Responses on their way in this worker, by the idempotency key that began them."""

    def __init__(self) -> None:
        self._answers: dict[Hashable, tuple[Claim, Answer]] = {}

    def find(self, claim: Claim) -> Answer | None:
        """Raises IdempotencyMismatch where the key began with another body."""
        known = self._answers.get(_key(claim))
        if known is None:
            return None
        if known[0].body_hash != claim.body_hash:
            raise IdempotencyMismatch(
                "This Idempotency-Key was used with another body; use a new key."
            )
        return known[1]

    def add(self, claim: Claim, answer: Answer) -> None:
        self._answers[_key(claim)] = (claim, answer)
        answer.task.add_done_callback(lambda _: self._answers.pop(_key(claim), None))


async def create_once(parts: Parts, running: Running, call: Call) -> Answer | str:
    """The answer on its way, or the id of the response that answered before."""
    claim = call.claim
    if claim is None:
        return await create(parts, call)
    if answer := running.find(claim):
        return answer
    ttl_seconds = parts.config.idempotency_ttl_seconds
    stored = await take(parts.database, claim, call.caller.user, ttl_seconds)
    if stored is not None:
        # Another attempt of this worker may be the one that holds it: its stream is the answer.
        if answer := running.find(claim):
            return answer
        assert stored.response_id is not None
        return id_text("resp", stored.response_id)
    try:
        answer = await create(parts, call)
    except BaseException:
        await release(parts.database, claim)
        raise
    running.add(claim, answer)
    return answer


def _key(claim: Claim) -> Hashable:
    return claim.principal.id, claim.key_hash

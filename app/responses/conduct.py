"""A response from its beginning to its place in the store."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from app.ids import UserId
from app.responses.commit import FinishedTurn, TurnPlan, commit
from app.responses.native import copy_of
from app.responses.parts import Parts
from app.responses.run import Run
from app.responses.survey import Road
from app.responses.types import EngineCopy
from app.web.idempotency import held


def turn_plan(road: Road) -> TurnPlan:
    return TurnPlan(
        caller=road.call.caller,
        record=road.call.record,
        response_id=road.response_id,
        context=road.context,
        conversation=road.call.request.conversation,
        asked_model=road.call.request.fields.model,
        inputs=road.inputs,
        recalled=road.recollection.memory_ids,
        remember=road.memory.remember,
        images=road.images,
    )


def flight_key(road: Road) -> tuple[Any, ...]:
    assert road.cache is not None
    plan = road.cache
    return (road.call.caller.project, plan.user, plan.namespace, plan.key, _payer(road))


def _payer(road: Road) -> tuple[UUID, UserId | None] | None:
    """None where nothing is limited: what others may spend cuts no answer that one reads along."""
    caller, allowance = road.call.caller, road.call.allowance
    limited = allowance is not None and allowance.limits_calls
    return (caller.principal.id, caller.user) if limited else None


async def conduct(parts: Parts, road: Road, run: Run, plan: TurnPlan) -> None:
    """The flight lands when its output is stored, or failed: from then on it can be found."""
    try:
        with _in_sight(parts, road, run, plan):
            async with held(parts.database, road.call.claim):
                await run.execute(lambda: _store(parts, road, run, plan))
    finally:
        land(parts, road)
        if not run.stored:
            road.call.record.response_id = None
            parts.request_log.add(road.call.record)


def land(parts: Parts, road: Road) -> None:
    """Whoever leads a flight ends it; those who read along have nothing to do."""
    if road.flight and road.status != "COALESCED":
        parts.flights.land(flight_key(road), road.flight)


@contextmanager
def _in_sight(parts: Parts, road: Road, run: Run, plan: TurnPlan) -> Iterator[None]:
    """What will be stored can be followed and cancelled while it is made."""
    if not road.call.request.store:
        yield
        return
    parts.leases.watch(run, plan)
    try:
        with parts.runs.found(plan.response_id, run):
            yield
    finally:
        parts.leases.leave(plan.response_id, stored=run.stored)


async def _store(parts: Parts, road: Road, run: Run, plan: TurnPlan) -> None:
    """Raises Unavailable where the turn could not be made durable."""
    if not road.call.request.store:
        return
    visible = await parts.leases.close(plan.response_id)
    outputs = run.completer.output_items()
    turn = FinishedTurn(
        plan=plan,
        claim=road.call.claim,
        hasher=road.hasher,
        resource=run.resource,
        outputs=outputs,
        frames=[*run.log.entries, run.completer.last_frame()],
        replayed=_own_log(road),
        cache=road.cache if road.status == "MISS" else None,
        copy=_engine_copy(parts, road, run, len(outputs)),
        compaction=road.fit.made if road.fit else None,
        worker_id=parts.leases.worker_id if visible else None,
    )
    await commit(parts.database, turn, retry_seconds=parts.config.commit_retry_seconds)
    run.stored = True
    if plan.remember:
        parts.jobs.wake("remember_turn")


def _own_log(road: Road) -> UUID | None:
    """What is replayed from a namespace may be another user's, and go with them: a log of its own
    then."""
    if road.entry is None or road.cache is None or road.cache.namespace:
        return None
    log_id: UUID = road.entry.log_id
    return log_id


def _engine_copy(parts: Parts, road: Road, run: Run, outputs: int) -> EngineCopy | None:
    """Where the engine was asked for this response itself."""
    if road.status not in (None, "MISS"):
        return None
    return copy_of(
        parts.engine.address,
        run.completer.engine_response_id,
        road.context,
        road.engine_request,
        road.inputs,
        outputs,
    )

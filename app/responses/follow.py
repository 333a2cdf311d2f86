"""The events of a stored response, running or ended, made here or by any other worker."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from itertools import islice

import msgspec

from app.db.signals import wait
from app.errors import NotFound
from app.ids import ResponseId, id_text, parse_id
from app.responses import queries
from app.responses.log import unpack
from app.responses.parts import Parts
from app.responses.resource import Resource
from app.responses.retrieve import get_response, refilled, replay
from app.responses.run import Run
from app.responses.types import RunningResponse, Segment
from app.web.frames import frame
from app.web.principal import Caller

FRAMES_AT_ONCE = 1000
LOOK_AGAIN_SECONDS = 1.0
"""Where no signal is heard."""


async def get_any(parts: Parts, caller: Caller, text: str) -> Resource:
    """A response as it is now. Raises NotFound."""
    if run := find_here(parts, caller, text):
        return run.as_begun if not run.log.closed else run.resource
    try:
        return await get_response(parts.database, caller, text)
    except NotFound:
        if running := await find_running(parts, caller, text):
            resource: Resource = running.resource
            return resource
    return await get_response(parts.database, caller, text)  # it ended between the two looks


async def follow(parts: Parts, caller: Caller, text: str, after: int) -> AsyncGenerator[bytes]:
    """The frames whose number is above `after`, to the last one. Raises NotFound at once."""
    if run := find_here(parts, caller, text):
        return _follow_here(run, after)
    if running := await find_running(parts, caller, text):
        return _follow_there(parts, caller, running.response_id, after)
    return pieces(await replay(parts.database, caller, text, after))


async def pieces(frames: Iterator[bytes]) -> AsyncGenerator[bytes]:
    """Many frames a write, never a part of one."""
    while piece := b"".join(islice(frames, FRAMES_AT_ONCE)):
        yield piece


def find_here(parts: Parts, caller: Caller, text: str) -> Run | None:
    """One that this worker makes."""
    response_id = parse_id("resp", text)
    run = response_id and parts.runs.find(ResponseId(response_id))
    if not run or run.call.caller.project != caller.project:
        return None
    return run if caller.may_reach(run.call.record.user_id) else None


async def find_running(parts: Parts, caller: Caller, text: str) -> RunningResponse | None:
    """One that some worker makes."""
    response_id = parse_id("resp", text)
    if response_id is None:
        return None
    async with parts.database.tenant(caller.project) as conn:
        running = await queries.get_running(conn, caller.project, ResponseId(response_id))
    return running if running and caller.may_reach(running.user_id) else None


async def _follow_here(run: Run, after: int) -> AsyncGenerator[bytes]:
    async with aclosing(run.log.follow(after + 1)) as batches:
        async for batch in batches:
            yield b"".join(batch)


async def _follow_there(
    parts: Parts, caller: Caller, response_id: ResponseId, after: int
) -> AsyncGenerator[bytes]:
    """Segment by segment while it runs, then what is stored of it."""
    text = id_text("resp", response_id)
    number = 0
    async with parts.signals.about(response_id) as changed:
        while running := await find_running(parts, caller, text):
            for segment in await _segments(parts, caller, response_id, number):
                number = segment.number + 1
                frames, after = _frames_of(segment, running, after)
                if frames:
                    yield frames
            await wait(changed, LOOK_AGAIN_SECONDS)
    try:
        rest = await replay(parts.database, caller, text, after)
    except NotFound as error:
        rest = iter([_deleted(error, after + 1)])
    async for piece in pieces(rest):
        yield piece


async def _segments(
    parts: Parts, caller: Caller, response_id: ResponseId, from_number: int
) -> list[Segment]:
    async with parts.database.tenant(caller.project) as conn:
        return await queries.list_segments(conn, caller.project, response_id, from_number)


def _frames_of(segment: Segment, running: RunningResponse, after: int) -> tuple[bytes, int]:
    """The frames of a segment in one piece, and the number of the last."""
    events = [event for event in unpack(segment.events) if event["sequence_number"] > after]
    frames = [
        frame(event["type"], msgspec.json.encode(refilled(event, running.resource)))
        for event in events
    ]
    return b"".join(frames), events[-1]["sequence_number"] if events else after


def _deleted(error: NotFound, number: int) -> bytes:
    """A stream ends with a last event, also where what it told of was deleted meanwhile."""
    event = {
        "type": "error",
        "sequence_number": number,
        "code": error.code,
        "message": error.message,
        "param": None,
    }
    return frame("error", msgspec.json.encode(event))

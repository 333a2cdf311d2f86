"""From the outbox: what was said in a turn becomes memories of kind `message`."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from app.conversations import turns
from app.conversations.contents import message_text
from app.conversations.types import StoredItem, Turn
from app.db.database import Database
from app.db.sql import Connection
from app.ids import MemoryId, TurnId, created_at, id_text
from app.jobs.outbox import done
from app.jobs.runner import JobRunner
from app.jobs.types import Handler, Job
from app.memory.clean import cut
from app.memory.marks import Marks
from app.memory.readings import Readings
from app.memory.remember import remember
from app.memory.types import NewMemory, SourceKey
from app.recall.pack import without_quoted
from app.summaries.enqueue import Automatic

SAID_BY = {"user": "user", "assistant": "assistant"}


class Kept(msgspec.Struct, frozen=True):
    turn: Turn
    memories: list[MemoryId]


def turn_handler(
    database: Database,
    jobs: JobRunner,
    marks: Marks,
    readings: Readings,
    automatic: Automatic,
    memory_bytes_max: int,
) -> Handler:
    async def handle(batch: Sequence[Job]) -> None:
        for job in batch:
            read = await readings.wanted_for(job.project_id, job.user_id)
            summarised = await automatic.wanted_for(job.project_id, job.user_id)
            async with database.tenant(job.project_id) as conn:
                kept = await _remember_turn(conn, marks, job, memory_bytes_max)
                if read:
                    model = job.payload.get("model")
                    await readings.enqueue(conn, job.project_id, kept.memories, model)
                if summarised:
                    await automatic.enqueue(conn, job.project_id, kept.turn)
                await done(conn, job)
        jobs.wake("embed_memories")
        jobs.wake("extract_facts")
        jobs.wake("summarize")

    return handle


async def _remember_turn(conn: Connection, marks: Marks, job: Job, bytes_max: int) -> Kept:
    """Of what was deleted meanwhile nothing is left, nor is it remembered; what was forgotten is
    passed over where it is said again."""
    assert job.subject_id is not None
    turn = await turns.get_turn(conn, job.project_id, TurnId(job.subject_id))
    assert turn is not None
    items = await turns.list_items(
        conn, job.project_id, turn.branch_id, turn.start_position, turn.end_position
    )
    memories = [memory for item in items if (memory := _memory(turn, item, bytes_max))]
    kept = await marks.without_forgotten(conn, job.project_id, memories)
    return Kept(turn, await remember(conn, job.project_id, kept) if kept else [])


def _memory(turn: Turn, item: StoredItem, bytes_max: int) -> NewMemory | None:
    """Only what users and assistants said, never instructions, nor again what memory had put into
    the prompt; the item's UUID is the memory's.

    A message may be longer than a memory: of one longer than `bytes_max`, the beginning is kept.
    """
    speaker = SAID_BY.get(str(item.body.get("role")))
    text = cut(without_quoted(message_text(item.body)), bytes_max)
    if item.type != "message" or speaker is None or not text.strip():
        return None
    occurred_at = created_at(item.item_id)
    return NewMemory(
        memory_id=MemoryId(item.item_id),
        user_id=turn.user_id,
        kind="message",
        content=text,
        occurred_at=occurred_at,
        trust="user" if speaker == "user" else "assistant",
        speaker=speaker,
        conversation_id=turn.conversation_id,
        episode=_episode(turn, occurred_at),
        sources=(SourceKey("item", item.item_id),),
    )


def _episode(turn: Turn, at: datetime) -> str:
    """A day of a conversation; where there is none, of the branch that its turns lie on."""
    day = at.date().isoformat()
    return day if turn.conversation_id else f"{day} {id_text('branch', turn.branch_id)}"

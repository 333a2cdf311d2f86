"""Forgetting what turns say, with all that came from it: what every verb of erasure rests on."""

from collections.abc import Sequence

import msgspec

from app.blobs.store import drop_unused, linked
from app.conversations.compactions import forget_compactions
from app.conversations.contents import message_text
from app.conversations.types import Turn
from app.db.database import beyond_user
from app.db.sql import Connection
from app.erasure import queries
from app.erasure.at_engine import forget_at_engine
from app.erasure.queries import GoneItem, Span
from app.erasure.types import Erased
from app.ids import ProjectId, ResponseId, UserId
from app.jobs.outbox import cancel, enqueue
from app.memory.clean import cut
from app.memory.forget import forget_by_source
from app.memory.marks import Marks
from app.memory.types import Forgotten
from app.responses.parts import Parts

ITEMS_AT_A_TIME = 500
"""For one statement on their memories, which has to end in time."""


class Forgetting(msgspec.Struct, frozen=True):
    """What is needed to know again what was forgotten."""

    marks: Marks
    bytes_max: int
    """Of a message, so much is remembered."""


def forgetting(parts: Parts) -> Forgetting:
    return Forgetting(parts.marks, parts.config.memory_bytes_max)


async def forget_turns(
    conn: Connection, marked: Forgetting, project: ProjectId, last: Turn, spans: Sequence[Span]
) -> Erased:
    """Turns on the path to the last of them, which belong to its user. They leave tombstones."""
    response_ids = [ResponseId(span.turn_id) for span in spans]
    gone, erased = await forget_said(conn, marked, project, last, spans)
    hashes = [item.content_hash for item in gone]
    replies = await queries.delete_replies(conn, project, response_ids)
    entries = await forget_entries(conn, project, response_ids)
    shared = await queries.delete_responses(conn, project, response_ids)
    hashes += [hash_ for one in shared if (hash_ := one.instructions_hash)]
    hashes += [hash_ for one in shared if (hash_ := one.tools_hash)]
    async with beyond_user(conn):
        logs = await queries.delete_logs(conn, project, [one.log_id for one in shared])
    await queries.bury_turns(conn, project, [span.turn_id for span in spans])
    erased += await forget_contents(conn, project, last.user_id, hashes)
    return erased + Erased(
        responses=len(shared), event_logs=logs, cache_entries=entries, idempotent_replies=replies
    )


async def forget_entries(
    conn: Connection, project: ProjectId, response_ids: Sequence[ResponseId]
) -> int:
    """Those in namespaces too, which are nobody's own."""
    async with beyond_user(conn):
        return await queries.delete_cache_entries(conn, project, response_ids)


async def forget_said(
    conn: Connection, marked: Forgetting, project: ProjectId, last: Turn, spans: Sequence[Span]
) -> tuple[list[GoneItem], Erased]:
    """The items, and what was remembered or named after them. Contents and logs are left."""
    # First, since it waits for the worker that remembers these turns right now, if one does.
    waiting = await cancel(conn, project, "remember_turn", [span.turn_id for span in spans])
    await forget_at_engine(conn, project, last, [ResponseId(span.turn_id) for span in spans])
    gone = await queries.delete_items(conn, project, spans)
    item_ids = [item.item_id for item in gone]
    compactions = await forget_compactions(conn, project, item_ids)
    erased = Erased(items=len(gone), compactions=compactions, jobs=len(waiting))
    for start in range(0, len(gone), ITEMS_AT_A_TIME):
        erased += await _forget_memories(
            conn, marked, project, last.user_id, gone[start : start + ITEMS_AT_A_TIME]
        )
    untitled = await queries.clear_titles(conn, project, item_ids)
    for conversation in untitled:
        subject = conversation.conversation_id
        await enqueue(conn, project, "title_conversation", conversation.user_id, subject, {})
    for span in spans:
        if span.partly and span.turn_id in waiting:
            await enqueue(conn, project, "remember_turn", last.user_id, span.turn_id, {})
    return gone, erased + Erased(titles=len(untitled))


async def _forget_memories(
    conn: Connection,
    marked: Forgetting,
    project: ProjectId,
    user: UserId,
    gone: Sequence[GoneItem],
) -> Forgotten:
    """With marks of all that was said, remembered or not: it does not come back."""
    hashes = [item.content_hash for item in gone]
    bodies = await queries.list_messages(conn, project, user, hashes)
    texts = [cut(message_text(body), marked.bytes_max) for body in bodies]
    forgotten = await forget_by_source(conn, project, "item", [item.item_id for item in gone])
    await marked.marks.leave(conn, project, user, texts)
    return forgotten


async def forget_contents(
    conn: Connection, project: ProjectId, user: UserId, hashes: Sequence[bytes]
) -> Erased:
    """Those that nothing says any more, and the images that only they showed."""
    await queries.hold_contents(conn, project, user, hashes)
    shown = await linked(conn, project, user, hashes)
    contents = await queries.delete_contents(conn, project, user, hashes)
    blobs = await drop_unused(conn, project, user, shown)
    return Erased(contents=contents, blobs=blobs)

"""Forgetting what turns say, with all that came from it: what every verb of erasure rests on."""

from collections.abc import Sequence

from app.blobs.store import drop_unused, linked
from app.conversations.compactions import forget_compactions
from app.conversations.types import Turn
from app.db.sql import Connection
from app.erasure import queries
from app.erasure.at_engine import forget_at_engine
from app.erasure.queries import GoneItem, Span
from app.ids import ProjectId, ResponseId, UserId
from app.jobs.outbox import cancel, enqueue
from app.memory.forget import forget_by_source

ITEMS_AT_A_TIME = 500
"""For one statement on their memories, which has to end in time."""


async def forget_turns(
    conn: Connection, project: ProjectId, last: Turn, spans: Sequence[Span]
) -> None:
    """Turns on the path to the last of them, which belong to its user. They leave tombstones."""
    response_ids = [ResponseId(span.turn_id) for span in spans]
    gone = await forget_said(conn, project, last, spans)
    hashes = [item.content_hash for item in gone]
    await queries.delete_replies(conn, project, response_ids)
    await queries.delete_cache_entries(conn, project, response_ids)
    shared = await queries.delete_responses(conn, project, response_ids)
    hashes += [hash_ for one in shared if (hash_ := one.instructions_hash)]
    hashes += [hash_ for one in shared if (hash_ := one.tools_hash)]
    await queries.delete_logs(conn, project, [one.log_id for one in shared])
    await queries.bury_turns(conn, project, [span.turn_id for span in spans])
    await forget_contents(conn, project, last.user_id, hashes)


async def forget_said(
    conn: Connection, project: ProjectId, last: Turn, spans: Sequence[Span]
) -> list[GoneItem]:
    """The items, and what was remembered or named after them. Contents and logs are left."""
    # First, since it waits for the worker that remembers these turns right now, if one does.
    waiting = await cancel(conn, project, "remember_turn", [span.turn_id for span in spans])
    await forget_at_engine(conn, project, last, [ResponseId(span.turn_id) for span in spans])
    gone = await queries.delete_items(conn, project, spans)
    item_ids = [item.item_id for item in gone]
    await forget_compactions(conn, project, item_ids)
    for start in range(0, len(item_ids), ITEMS_AT_A_TIME):
        some = item_ids[start : start + ITEMS_AT_A_TIME]
        await forget_by_source(conn, project, "item", some)
    for untitled in await queries.clear_titles(conn, project, item_ids):
        subject = untitled.conversation_id
        await enqueue(conn, project, "title_conversation", untitled.user_id, subject, {})
    for span in spans:
        if span.partly and span.turn_id in waiting:
            await enqueue(conn, project, "remember_turn", last.user_id, span.turn_id, {})
    return gone


async def forget_contents(
    conn: Connection, project: ProjectId, user: UserId, hashes: Sequence[bytes]
) -> None:
    """Those that nothing says any more, and the images that only they showed."""
    await queries.hold_contents(conn, project, user, hashes)
    shown = await linked(conn, project, user, hashes)
    await queries.delete_contents(conn, project, user, hashes)
    await drop_unused(conn, project, user, shown)

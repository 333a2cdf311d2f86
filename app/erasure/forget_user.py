"""Forgetting a user: everything that is theirs, in transactions that each end in time.

Who is forgotten may be speaking at this moment, by another worker that knows them for some seconds
yet, or in a response that runs: what comes of that is swept later (sweep.py). All of it can be done
again: what was interrupted goes on where it stood. Marks of what was said stay, without the user.
"""

from app.audit.record import audit
from app.audit.types import Event, Subject
from app.conversations.contents import message_text
from app.db.crossed import again_if_crossed
from app.db.database import Database
from app.db.sql import Connection
from app.erasure import queries
from app.erasure.at_engine import leave_to_project
from app.erasure.queries import Span
from app.erasure.spans import Forgetting, forget_contents, forgetting
from app.erasure.types import Erased
from app.errors import NotFound
from app.ids import ProjectId, ResponseId, TurnId, UserId
from app.jobs.outbox import cancel
from app.memory.clean import cut
from app.memory.forget import forget_scope, forget_some
from app.memory.types import Forgotten
from app.responses.cancel import end_all_for
from app.responses.parts import Parts
from app.web.principal import Caller, Principal

TURNS_AT_A_TIME = 200
ROWS_AT_A_TIME = 1_000
SWEEP_MARGIN_SECONDS = 5.0

AFTER_TURNS = {
    "delete_conversations_of": "conversations",
    "delete_files_of": "files",
    "delete_contents_of": "contents",
    "delete_blobs_of": "blobs",
    "delete_entries_of": "cache_entries",
    "delete_replies_of": "idempotent_replies",
    "unname_requests": "requests",
}
"""What may be much, and as what it is counted."""

AT_LAST = {
    "delete_settings_of": "settings",
    "delete_setting_changes_of": None,
    "delete_fact_counts_of": None,
    "delete_limit_counters_of": None,
    "delete_running_of": None,
    "delete_jobs_of": "jobs",
    "unname_jobs": None,
    "unplace_acts_of": None,
    "unplace_events_about": None,
    "delete_user": None,
}
"""What is little."""


async def forget_user(parts: Parts, principal: Principal, name: str, address: str | None) -> Erased:
    """What runs for them is ended first. Raises NotFound."""
    user = await parts.users.find(principal.project, name)
    if user is None:
        raise NotFound(f"User '{name}' not found.")
    sweep_seconds = parts.config.principal_ttl_seconds + SWEEP_MARGIN_SECONDS
    async with parts.database.tenant(principal.project) as conn:
        await queries.keep_erased(conn, principal.project, user, sweep_seconds)
        await audit(
            conn,
            principal.project,
            Event.USER_DELETED,
            principal=principal,
            subject=Subject("user", user),
            address=address,
        )
    await end_all_for(parts, Caller(principal, user, name))
    erased = await erase(parts.database, forgetting(parts), principal.project, user)
    parts.users.forget(principal.project, user, name)
    parts.jobs.wake("delete_at_engine")
    return erased


async def erase(database: Database, marked: Forgetting, project: ProjectId, user: UserId) -> Erased:
    """All rows of a user."""
    erased = Erased()
    while (memories := await _forget_memories(database, marked, project, user)).memories:
        erased += memories
    while (turns := await _forget_turns(database, marked, project, user)) is not None:
        erased += turns
    for name, sort in AFTER_TURNS.items():
        while touched := await _touch(database, project, user, name):
            erased += Erased(**{sort: touched})
    for name, counted in AT_LAST.items():
        touched = await _touch(database, project, user, name)
        erased += Erased(**{counted: touched}) if counted else Erased()
    return erased


@again_if_crossed
async def _forget_memories(
    database: Database, marked: Forgetting, project: ProjectId, user: UserId
) -> Forgotten:
    async with database.tenant(project) as conn:
        some = await forget_some(conn, marked.marks, project, user)
        if not some.memories:
            await forget_scope(conn, project, user)
    return some


@again_if_crossed
async def _forget_turns(
    database: Database, marked: Forgetting, project: ProjectId, user: UserId
) -> Erased | None:
    """Some of them, with what hangs on them; None where there are no more."""
    async with database.tenant(project) as conn:
        spans = await queries.list_spans_of(conn, project, user, TURNS_AT_A_TIME)
        return await _forget_spans(conn, marked, project, user, spans) if spans else None


async def _forget_spans(
    conn: Connection, marked: Forgetting, project: ProjectId, user: UserId, spans: list[Span]
) -> Erased:
    turn_ids = [span.turn_id for span in spans]
    waiting = await cancel(conn, project, "remember_turn", turn_ids)
    gone = await queries.delete_items(conn, project, spans)
    hashes = [item.content_hash for item in gone]
    bodies = await queries.list_messages(conn, project, user, hashes)
    texts = [cut(message_text(body), marked.bytes_max) for body in bodies]
    await marked.marks.leave(conn, project, user, texts)
    erased = Erased(items=len(gone), jobs=len(waiting))
    erased += await _forget_responses(conn, project, user, turn_ids, hashes)
    branches = await queries.delete_turns(conn, project, turn_ids)
    await queries.delete_branches(conn, project, sorted(branches))
    return erased


async def _forget_responses(
    conn: Connection,
    project: ProjectId,
    user: UserId,
    turn_ids: list[TurnId],
    hashes: list[bytes],
) -> Erased:
    """With their logs, but for those that others' responses were replayed from."""
    ids = [ResponseId(turn_id) for turn_id in turn_ids]
    await leave_to_project(conn, project, ids)
    replies = await queries.delete_replies(conn, project, ids)
    entries = await queries.delete_cache_entries(conn, project, ids)
    shared = await queries.delete_responses(conn, project, ids)
    log_ids = [one.log_id for one in shared]
    logs = await queries.delete_logs(conn, project, log_ids)
    await queries.lend_logs(conn, project, log_ids)
    said = {hash_ for one in shared for hash_ in (one.instructions_hash, one.tools_hash) if hash_}
    erased = await forget_contents(conn, project, user, [*hashes, *said])
    return erased + Erased(
        responses=len(shared), event_logs=logs, cache_entries=entries, idempotent_replies=replies
    )


@again_if_crossed
async def _touch(database: Database, project: ProjectId, user: UserId, name: str) -> int:
    async with database.tenant(project) as conn:
        return await queries.run_of(conn, project, user, name, ROWS_AT_A_TIME)

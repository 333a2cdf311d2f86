"""What memory is like as a whole: how much of what, how good, and what will go."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec

from app.db.database import Database
from app.db.sql import Connection
from app.ids import UserId
from app.jobs.outbox import users_backlog
from app.jobs.types import Backlog
from app.memory import queries
from app.memory.retention import outdated
from app.memory.types import Kind, Quality, Trust
from app.web.principal import Caller

SOON = timedelta(days=7)


class Stats(msgspec.Struct, kw_only=True):
    """`expiring` will be gone before `expiring_before`, by their `expires_at` or by retention;
    `expired` has run out and is about to be dropped. `never_used` was never recalled. `has_more`
    says that there may be others, which are not counted."""

    object: Literal["memory.stats"] = "memory.stats"
    user: str | None
    memories: int
    has_more: bool
    kinds: dict[Kind, int]
    trust: dict[Trust, int]
    current: int
    superseded: int
    expired: int
    expiring: int
    expiring_before: datetime
    retention_days: int | None
    never_used: int
    awaiting_vectors: int
    jobs: Sequence[Backlog]


async def memory_stats(
    database: Database,
    caller: Caller,
    *,
    model: str,
    retention_days: int | None,
    before: datetime | None,
    most: int,
) -> Stats:
    """Of at most so many memories."""
    before = before or datetime.now(UTC) + SOON
    async with database.tenant(caller.project) as conn:
        users = await _whose(conn, caller)
        found = await queries.count_quality(
            conn,
            caller.project,
            users,
            going_before=before,
            outdated=outdated(retention_days, before),
            model=model,
            most=most,
        )
        jobs = await users_backlog(conn, caller.project, users)
    return _summed(caller, found, jobs, before, retention_days, most)


async def _whose(conn: Connection, caller: Caller) -> list[UserId]:
    if caller.everyone:
        return await queries.list_owners(conn, caller.project)
    return [caller.owner]


def _summed(
    caller: Caller,
    found: Sequence[Quality],
    jobs: Sequence[Backlog],
    before: datetime,
    retention_days: int | None,
    most: int,
) -> Stats:
    memories, superseded = sum(q.memories for q in found), sum(q.superseded for q in found)
    kinds: Counter[Kind] = Counter()
    trust: Counter[Trust] = Counter()
    for quality in found:
        kinds[quality.kind] += quality.memories
        trust[quality.trust] += quality.memories
    return Stats(
        user="*" if caller.everyone else caller.external_id,
        memories=memories,
        has_more=memories >= most,
        kinds=dict(kinds),
        trust=dict(trust),
        current=memories - superseded,
        superseded=superseded,
        expired=sum(q.expired for q in found),
        expiring=sum(q.expiring for q in found),
        expiring_before=before,
        retention_days=retention_days,
        never_used=sum(q.never_used for q in found),
        awaiting_vectors=sum(q.awaiting_vectors for q in found),
        jobs=jobs,
    )

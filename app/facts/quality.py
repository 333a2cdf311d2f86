"""How good facts are: what engines said, what was kept of it, and why the rest was not."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec

from app.db.database import Database
from app.facts import queries
from app.ids import PROJECT_ITSELF
from app.web.principal import Caller
from app.web.times import parse_time

DAYS_DEFAULT = 30
REFUSED = "refused:"


class Quality(msgspec.Struct, kw_only=True):
    """Counted by whole days, in UTC. `kept` is by what became of them, `refused` by reason."""

    object: Literal["memory.quality"] = "memory.quality"
    start: datetime
    end: datetime
    messages: int
    proposed: int
    kept: dict[str, int]
    refused: dict[str, int]


async def read_quality(database: Database, caller: Caller, query: Mapping[str, str]) -> Quality:
    now = datetime.now(UTC)
    end = parse_time(query["end"], "end") if "end" in query else now
    before = end - timedelta(days=DAYS_DEFAULT)
    start = parse_time(query["start"], "start") if "start" in query else before
    user = None if caller.everyone else caller.user or PROJECT_ITSELF
    async with database.tenant(caller.project) as conn:
        found = await queries.sum_counts(
            conn, caller.project, user, start.astimezone(UTC).date(), end.astimezone(UTC).date()
        )
    counts = {one.outcome: one.facts for one in found}
    messages = counts.pop("messages", 0)
    refused = {n.removeprefix(REFUSED): c for n, c in counts.items() if n.startswith(REFUSED)}
    return Quality(
        start=start,
        end=end,
        messages=messages,
        proposed=sum(counts.values()),
        kept={name: count for name, count in counts.items() if not name.startswith(REFUSED)},
        refused=refused,
    )

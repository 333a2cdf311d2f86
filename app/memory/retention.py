"""How long a project keeps memories (the setting `memory_retention_days`), counted from when they
were remembered: their ids tell it."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from app.ids import PROJECT_ITSELF, MemoryId, ProjectId, UserId, id_at
from app.memory.types import LOWEST_ID, Retention
from app.settings.types import RETENTION_DAYS_MAX


class Rule(msgspec.Struct, frozen=True):
    """What of a project is kept no longer: of one user, or of all but those with their own rule."""

    project: ProjectId
    below: MemoryId
    user: UserId | None
    but: list[UserId] = []


def outdated(days: int | None, at: datetime) -> MemoryId:
    """What is below this id is kept no longer at that time."""
    return LOWEST_ID if days is None else MemoryId(id_at(at - timedelta(days=days)))


def rules_of(retentions: Iterable[Retention]) -> list[Rule]:
    """A user's value overlays the project's, null too."""
    by_project: dict[ProjectId, dict[UserId, Any]] = defaultdict(dict)
    for retention in retentions:
        by_project[retention.project_id][retention.user_id] = retention.days
    return [rule for project, values in by_project.items() for rule in _rules_in(project, values)]


def _rules_in(project: ProjectId, values: dict[UserId, Any]) -> Iterable[Rule]:
    now = datetime.now(UTC)
    own = [user for user in values if user != PROJECT_ITSELF]
    for user, days in values.items():
        if not isinstance(days, int) or isinstance(days, bool):
            continue
        if not 1 <= days <= RETENTION_DAYS_MAX:
            continue
        below = outdated(days, now)
        if user == PROJECT_ITSELF:
            yield Rule(project, below, None, own)
        else:
            yield Rule(project, below, user)

"""Messages given out to be read for facts: each version of each once, several a job.

What is done with them is the business of `app/facts`; here they are only enqueued, in the
transaction that remembers them.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby

import msgspec

from app.config import Config
from app.db.database import Database
from app.db.sql import Connection
from app.ids import PROJECT_ITSELF, ConversationId, MemoryId, ProjectId, UserId
from app.jobs.outbox import gather
from app.jobs.types import Work
from app.memory import queries
from app.memory.types import NewMemory, Unread
from app.settings.read import SettingsReader


class Readings:
    """How messages are gathered, and for whom at all."""

    def __init__(self, config: Config, settings: SettingsReader) -> None:
        self._settings = settings
        self._most = config.facts_messages_max
        self._wait_seconds = config.facts_wait_seconds

    async def wanted_for(self, project: ProjectId, user: UserId) -> bool:
        """Asked before a transaction begins, since it may need a connection of its own."""
        settings = await self._settings.read(project, None if user == PROJECT_ITSELF else user)
        return settings.facts == "engine"

    async def wanted(self, project: ProjectId, memories: Sequence[NewMemory]) -> bool:
        """Whether any of these is a message of somebody whose messages become facts."""
        users = {memory.user_id for memory in memories if memory.kind == "message"}
        return any([await self.wanted_for(project, user) for user in sorted(users)])

    async def enqueue(
        self,
        conn: Connection,
        project: ProjectId,
        ids: Sequence[MemoryId],
        model: str | None = None,
    ) -> int:
        """How many messages were not given out before. `model` is asked, where no setting names
        another. After the commit, wake the topic `extract_facts`."""
        unread = await queries.mark_for_reading(conn, project, ids)
        for work in self._works(unread, model):
            await gather(conn, project, work, self._most, self._wait_seconds)
        return len(unread)

    def _works(self, unread: Sequence[Unread], model: str | None) -> Iterator[Work]:
        """Of one user, within one conversation."""
        talks = groupby(unread, lambda one: (one.user_id, one.conversation_id))
        for (user, conversation), group in talks:
            ids = [one.memory_id.hex for one in group]
            for start in range(0, len(ids), self._most):
                payload = {"memories": ids[start : start + self._most]}
                yield Work(user, conversation, payload | ({"model": model} if model else {}))


class Given(msgspec.Struct, frozen=True):
    messages: int
    more: bool
    """Whether there are messages beyond the limit: ask again."""


async def give_out_unread(
    database: Database,
    readings: Readings,
    project: ProjectId,
    user: UserId,
    conversation: ConversationId | None,
    most: int,
) -> Given:
    """All that a user's messages say and was not read for facts yet, oldest first."""
    async with database.tenant(project) as conn:
        ids = await queries.list_unread(conn, project, user, conversation, most + 1)
        count = await readings.enqueue(conn, project, ids[:most])
    return Given(count, more=len(ids) > most)

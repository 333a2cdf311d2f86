"""Summaries that are to be made in the background."""

from datetime import timedelta
from typing import Any

from app.conversations.types import Turn
from app.db.sql import Connection
from app.ids import PROJECT_ITSELF, ProjectId, UserId
from app.jobs import outbox
from app.settings.read import SettingsReader
from app.summaries.about import About, conversation_key

PROFILE_REST = timedelta(hours=1)


class Automatic:
    """Conversations whose length a setting watches."""

    def __init__(self, settings: SettingsReader) -> None:
        self._settings = settings

    async def wanted_for(self, project: ProjectId, user: UserId) -> bool:
        """Asked before a transaction begins, since it may need a connection of its own."""
        owner = None if user == PROJECT_ITSELF else user
        return (await self._settings.read(project, owner)).summarize_after is not None

    async def enqueue(self, conn: Connection, project: ProjectId, turn: Turn) -> None:
        """After the commit, wake the topic `summarize`."""
        if turn.conversation_id:
            about = About(project, turn.user_id, conversation_key(turn.conversation_id))
            await enqueue_once(conn, about, {"about": about.key, "automatic": True})


async def enqueue_profile(conn: Connection, about: About) -> None:
    """Each reading of a profile asks for it: so it rests where the engine fails at it."""
    await outbox.enqueue_alone(
        conn,
        about.project,
        "summarize",
        about.user,
        about.user,
        {"about": about.key},
        PROFILE_REST,
    )


async def enqueue_once(conn: Connection, about: About, payload: dict[str, Any]) -> None:
    """Unless just that waits already, and nobody has begun with it."""
    subject = about.conversation or about.user
    await outbox.enqueue_once(conn, about.project, "summarize", about.user, subject, payload)

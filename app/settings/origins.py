"""From which origins projects let browsers call (the setting `cors_origins`)."""

import asyncio
import time

from app.db.database import Database
from app.errors import Unavailable
from app.ids import ProjectId
from app.settings import queries
from app.settings.read import SettingsReader

EVERY_ORIGIN = "*"


FAILED_SECONDS = 1.0
"""So long those who wait behind one who could not read them do not try each by themselves."""


class ProjectOrigins:
    """All projects' together are read anew when they are older than `ttl_seconds`."""

    def __init__(self, database: Database, settings: SettingsReader, ttl_seconds: float) -> None:
        self._database = database
        self._settings = settings
        self._ttl_seconds = ttl_seconds
        self._known: frozenset[str] | None = None
        self._good_until = 0.0
        self._read_after = 0
        self._failed_until = 0.0
        self._reading = asyncio.Lock()

    async def any_allows(self, origin: str) -> bool:
        """While the database is away, what was known holds. Raises Unavailable."""
        if not self._is_fresh:
            await self._read()
        return _holds(self._known or frozenset(), origin)

    async def allows(self, project: ProjectId, origin: str) -> bool:
        """While the database is away and its settings are forgotten, any project's will do."""
        try:
            settings = await self._settings.read(project, None)
        except Unavailable:
            return await self.any_allows(origin)
        return _holds(settings.cors_origins, origin)

    @property
    def _is_fresh(self) -> bool:
        unchanged = self._read_after == self._settings.changes
        return unchanged and time.monotonic() < self._good_until

    async def _read(self) -> None:
        async with self._reading:
            if self._is_fresh:
                return
            if time.monotonic() < self._failed_until:
                raise Unavailable
            self._read_after = self._settings.changes
            try:
                async with self._database.across() as conn:
                    self._known = frozenset(await queries.list_origins(conn))
            except Unavailable:
                if self._known is None:
                    self._failed_until = time.monotonic() + FAILED_SECONDS
                    raise
            self._good_until = time.monotonic() + self._ttl_seconds


def _holds(origins: frozenset[str] | list[str], origin: str) -> bool:
    return origin in origins or EVERY_ORIGIN in origins

"""The one typed reader of Backstory's own settings, remembered for a few seconds."""

from collections.abc import Sequence
from typing import Any

import msgspec
from cachetools import TTLCache

from app.db.database import Database
from app.db.sql import Connection
from app.errors import InvalidRequest
from app.ids import PROJECT_ITSELF, ProjectId, UserId
from app.settings import queries
from app.settings.types import OF_PROJECT_ALONE, OWN_KEY, GatewaySettings
from app.web.body import convert

CACHED_MAX = 50_000


class SettingsReader:
    def __init__(self, database: Database, ttl_seconds: float) -> None:
        self._database = database
        self._known: TTLCache[tuple[ProjectId, UserId | None], GatewaySettings]
        self._known = TTLCache(CACHED_MAX, ttl_seconds)
        self.changes = 0
        """That this worker took."""

    def forget(self, project: ProjectId, user: UserId | None) -> None:
        """They were changed: here that holds at once; the project's are in those of all users."""
        self.changes += 1
        changed = [
            known for known in self._known if known[0] == project and user in (None, known[1])
        ]
        for known in changed:
            self._known.pop(known, None)

    async def read(self, project: ProjectId, user: UserId | None) -> GatewaySettings:
        if known := self._known.get((project, user)):
            return known
        changes = self.changes
        async with self._database.tenant(project, everyone=True) as conn:
            documents = await queries.list_overlaid(conn, project, user, OWN_KEY)
        merged: dict[str, Any] = {}
        for document in documents:
            merged.update(document.value)
        settings = msgspec.convert(merged, GatewaySettings)
        if changes == self.changes:  # else it may be from before a change
            self._known[project, user] = settings
        return settings


async def own_values(
    conn: Connection, project: ProjectId, users: Sequence[UserId], field: str
) -> dict[UserId, str]:
    """A setting that is a text, of those of the users for whom it is set."""
    found = await queries.list_values(conn, project, users, OWN_KEY, field)
    values = {setting.user_id: setting.value for setting in found}
    common = values.get(PROJECT_ITSELF)
    return {user: value for user in users if (value := values.get(user, common)) is not None}


def check_own(document: Any, *, of_user: bool) -> GatewaySettings:
    """Raises InvalidRequest where a document is not one of Backstory's settings."""
    if not isinstance(document, dict):
        raise InvalidRequest(f"The setting '{OWN_KEY}' must be an object.", param="value")
    unknown = set(document) - set(GatewaySettings.__struct_fields__)
    if unknown:
        raise InvalidRequest(f"There is no setting '{min(unknown)}'.", param=min(unknown))
    if of_user and (misplaced := OF_PROJECT_ALONE & set(document)):
        name = min(misplaced)
        raise InvalidRequest(f"The setting '{name}' is the project's alone.", param=name)
    return convert(document, GatewaySettings)

"""What memories were before they were changed: kept, and shown page by page."""

from collections.abc import Mapping, Sequence

import msgspec

from app.db.database import Database
from app.db.sql import Connection
from app.errors import InvalidRequest
from app.ids import MemoryId, ProjectId, id_text
from app.memory import queries
from app.memory.reach import reached
from app.memory.types import MemoryVersion, StoredVersion, Why
from app.web.pages import Page, PageQuery, page
from app.web.principal import Caller

VERSIONS_MAX = 100
"""Of one memory, beside the current one; when there are more, the oldest go."""


async def keep_versions(
    conn: Connection, project: ProjectId, ids: Sequence[MemoryId], why: Why
) -> None:
    """Called before these memories are changed, in the transaction that holds them; who changes
    them counts `version` up."""
    await queries.keep_versions(conn, project, ids, why, VERSIONS_MAX)


async def list_versions(database: Database, caller: Caller, text: str, paging: PageQuery) -> Page:
    """What a memory is and was. Raises NotFound."""
    cursor = _cursor(paging)
    async with database.tenant(caller.project) as conn:
        stored = await reached(conn, caller, text)
        found = await queries.list_versions(
            conn,
            caller.project,
            stored.memory_id,
            descending=paging.descending,
            cursor=cursor,
            most=paging.limit + 1,
        )
    return _named(page([_shown(version) for version in found], paging))


def _cursor(paging: PageQuery) -> int | None:
    """Versions are paged by their numbers. Raises InvalidRequest."""
    text = paging.cursor
    if not text:
        return None
    if not text.isdecimal() or not 0 < int(text) <= queries.VERSION_MAX:
        param = "before" if paging.before else "after"
        raise InvalidRequest(f"'{param}' must be the number of a version.", param=param)
    return int(text)


def _named(found: Page) -> Page:
    """With version numbers to page by, since all entries have the memory's id."""
    versions: Sequence[MemoryVersion] = found.data
    if not versions:
        return found
    first, last = str(versions[0].version), str(versions[-1].version)
    return msgspec.structs.replace(found, first_id=first, last_id=last)


def _shown(version: StoredVersion) -> MemoryVersion:
    values: Mapping[str, object] = msgspec.structs.asdict(version)
    kept = {name: values[name] for name in values if name in MemoryVersion.__struct_fields__}
    conversation, by = version.conversation_id, version.superseded_by
    return msgspec.convert(
        {
            **kept,
            "id": id_text("mem", version.memory_id),
            "conversation": id_text("conv", conversation) if conversation else None,
            "superseded_by": id_text("mem", by) if by else None,
        },
        MemoryVersion,
    )

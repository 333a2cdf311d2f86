"""Projects: who may administer which."""

from app.db.database import Database
from app.errors import NotFound
from app.identity import queries
from app.ids import ProjectId, parse_id
from app.web.principal import Principal


async def administered(database: Database, principal: Principal, named: str | None) -> ProjectId:
    """The project that is named, or the principal's own. To a key that is not the root project's,
    no other is there. Raises NotFound."""
    parsed = parse_id("proj", named) if named is not None else principal.project
    if parsed == principal.project:
        return principal.project
    if parsed is not None and principal.root:
        project = ProjectId(parsed)
        async with database.tenant(project) as conn:
            if await queries.get_project(conn, project):
                return project
    raise NotFound(f"Project with id '{named}' not found.")

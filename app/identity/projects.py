"""Projects: made, seen, renamed, and given up to be forgotten (erasure/forget_project.py)."""

from collections.abc import Mapping
from uuid import UUID

from app.audit.record import audit
from app.audit.types import Event, Subject
from app.db.database import turn_to
from app.db.sql import Connection
from app.errors import Conflict
from app.identity import queries
from app.identity.administration import Admin, Administration, administered, project_not_found
from app.identity.bodies import NewProject, ProjectPatch
from app.identity.types import DeletedProject, Project, StoredProject
from app.ids import PROJECT_ITSELF, ProjectId, id_text, new_id
from app.jobs.outbox import enqueue
from app.web.idempotency import Claim, Keep, Reply, once
from app.web.pages import Page, PageQuery, page


async def create_project(
    parts: Administration, admin: Admin, asked: NewProject, claim: Claim | None = None
) -> Project:
    """Raises Forbidden, or Conflict where there are too many."""
    admin.must_be_root()

    async def create(keep: Keep) -> Reply:
        return await _create(parts, admin, asked, keep)

    ttl_seconds = parts.config.idempotency_ttl_seconds
    _, reply = await once(parts.database, claim, None, ttl_seconds, create)
    return await get_project(parts, admin, id_text("proj", UUID(hex=reply["project"])))


async def list_projects(parts: Administration, admin: Admin, paging: PageQuery) -> Page:
    """All there are, told to the root project; to others, they themselves."""
    own, cursor = admin.principal.project, paging.cursor_id("proj")
    async with parts.database.tenant(own) as conn:
        if admin.principal.root:
            found = await queries.list_projects(
                conn, cursor, descending=paging.descending, most=paging.limit + 1
            )
        else:
            itself = None if cursor else await queries.get_project(conn, own)
            found = [itself] if itself else []
    return page([_shown(project) for project in found], paging)


async def get_project(parts: Administration, admin: Admin, named: str) -> Project:
    """Raises NotFound."""
    project = await administered(parts.database, admin.principal, named)
    async with parts.database.tenant(project) as conn:
        return _shown(await _existing(conn, project, named))


async def rename_project(
    parts: Administration, admin: Admin, named: str, asked: ProjectPatch
) -> Project:
    """Raises NotFound."""
    project = await administered(parts.database, admin.principal, named)
    async with parts.database.tenant(project) as conn:
        await queries.lock_project(conn, project)
        before = await _existing(conn, project, named)
        await queries.rename_project(conn, project, asked.name)
        renaming = {"from": before.name, "to": asked.name}
        await _audit(conn, project, Event.PROJECT_RENAMED, admin, project, renaming)
        return _shown(await _existing(conn, project, named))


async def delete_project(parts: Administration, admin: Admin, named: str) -> DeletedProject:
    """Nobody speaks for it from now on; what it has goes in the background. Raises NotFound,
    Forbidden, or Conflict for the root project."""
    project = await administered(parts.database, admin.principal, named)
    admin.must_be_root()
    root = admin.principal.project
    if project == root:
        raise Conflict("The root project cannot be deleted.", code="root_project")
    async with parts.database.tenant(root) as conn:
        await enqueue(conn, root, "forget_project", PROJECT_ITSELF, project, {})
        await turn_to(conn, project)
        gone = await _existing(conn, project, named)
        if not await queries.mark_project_deleted(conn, project):
            raise project_not_found(named)
        await turn_to(conn, root)
        await _audit(conn, root, Event.PROJECT_DELETED, admin, project, {"name": gone.name})
    parts.authenticator.forget_project(project)
    return DeletedProject(id=id_text("proj", project))


async def _create(parts: Administration, admin: Admin, asked: NewProject, keep: Keep) -> Reply:
    root, project = admin.principal.project, ProjectId(new_id())
    reply = 200, {"project": project.hex}
    async with parts.database.tenant(root) as conn:
        await queries.lock_project(conn, root)
        await _check_room(conn, parts.config.projects_max)
        await _audit(conn, root, Event.PROJECT_CREATED, admin, project, {"name": asked.name})
        await keep(conn, reply)
        await turn_to(conn, project)
        await queries.insert_project(conn, project, asked.name)
    return reply


async def _check_room(conn: Connection, most: int) -> None:
    """Raises Conflict."""
    if await queries.count_projects(conn, most) >= most:
        raise Conflict(
            f"There are {most} projects already, the most there may be.", code="too_many_projects"
        )


async def _existing(conn: Connection, project: ProjectId, named: str) -> StoredProject:
    """Raises NotFound."""
    found = await queries.get_project(conn, project)
    if found is None:
        raise project_not_found(named)
    return found


async def _audit(
    conn: Connection,
    place: ProjectId,
    event: Event,
    admin: Admin,
    project: ProjectId,
    detail: Mapping[str, str],
) -> None:
    await audit(
        conn,
        place,
        event,
        principal=admin.principal,
        subject=Subject("project", project),
        address=admin.address,
        detail=detail,
    )


def _shown(stored: StoredProject) -> Project:
    return Project(
        id=id_text("proj", stored.project_id),
        name=stored.name,
        root=stored.root,
        created_at=stored.created_at,
    )

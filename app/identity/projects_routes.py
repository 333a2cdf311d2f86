"""/v1/projects."""

from typing import Any

from litestar import Request, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from app.identity import projects
from app.identity.administration import Administration, admin_of
from app.identity.bodies import NewProject, ProjectPatch
from app.identity.types import DeletedProject, Project
from app.jobs.runner import JobRunner
from app.web.body import decode, takes
from app.web.idempotency import HEADER, claim_for
from app.web.pages import Page, page_query
from app.web.principal import Access, Scope, guarded

ADMIN = guarded(Access.ADMIN, Scope.ADMIN)
ONE = "/v1/projects/{project_id:str}"

Asking = Request[Any, Any, Any]


@post("/v1/projects", opt=ADMIN, status_code=200, operation_class=takes(NewProject))
async def create_project(
    request: Asking, administration: NamedDependency[Administration]
) -> Project:
    """The root project's keys alone make others."""
    body = await request.body()
    asked = decode(body, NewProject)
    key = request.headers.get(HEADER)
    claim = claim_for(request.auth, key, b"POST /v1/projects\x00" + body) if key else None
    return await projects.create_project(administration, admin_of(request), asked, claim)


@get("/v1/projects", opt=ADMIN)
async def list_projects(request: Asking, administration: NamedDependency[Administration]) -> Page:
    """All, told to the root project; a project's own key sees that alone."""
    paging = page_query(request.query_params, administration.config.list_limit_max)
    return await projects.list_projects(administration, admin_of(request), paging)


@get(ONE, opt=ADMIN)
async def get_project(
    request: Asking, project_id: FromPath[str], administration: NamedDependency[Administration]
) -> Project:
    return await projects.get_project(administration, admin_of(request), project_id)


@patch(ONE, opt=ADMIN, status_code=200, operation_class=takes(ProjectPatch))
async def rename_project(
    request: Asking, project_id: FromPath[str], administration: NamedDependency[Administration]
) -> Project:
    asked = decode(await request.body(), ProjectPatch)
    return await projects.rename_project(administration, admin_of(request), project_id, asked)


@delete(ONE, opt=ADMIN, status_code=200)
async def delete_project(
    request: Asking,
    project_id: FromPath[str],
    administration: NamedDependency[Administration],
    jobs: NamedDependency[JobRunner],
) -> DeletedProject:
    """Its keys and sessions open nothing from now on; all that it has goes in the background."""
    deleted = await projects.delete_project(administration, admin_of(request), project_id)
    jobs.wake("forget_project")
    return deleted


ROUTES = [create_project, list_projects, get_project, rename_project, delete_project]

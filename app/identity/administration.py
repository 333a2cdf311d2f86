"""What projects and keys are administered with, and who does it."""

from typing import Any

import msgspec
from litestar import Request

from app.config import Config
from app.db.database import Database
from app.errors import Forbidden, NotFound
from app.identity import queries
from app.identity.authenticate import Authenticator
from app.ids import ProjectId, parse_id
from app.web.address import address_of
from app.web.principal import Principal


class Administration(msgspec.Struct, frozen=True):
    config: Config
    database: Database
    authenticator: Authenticator


def admin_of(request: Request[Any, Any, Any]) -> "Admin":
    return Admin(request.auth, address_of(request.scope))


class Admin(msgspec.Struct, frozen=True):
    """Who asks, and from where."""

    principal: Principal
    address: str | None = None

    def must_be_root(self) -> None:
        """Raises Forbidden."""
        if not self.principal.root:
            raise Forbidden("Only an admin key of the root project may do this.")


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
    raise project_not_found(named)


def project_not_found(named: str | None) -> NotFound:
    return NotFound(f"Project with id '{named}' not found.")

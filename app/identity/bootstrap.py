"""The first project and its keys, made by the owner of the database at the first start."""

import msgspec

from app.db.connect import connect_as
from app.db.database import Database
from app.db.sql import Connection
from app.errors import Unauthenticated
from app.identity import queries
from app.identity.authenticate import Authenticator, is_current
from app.identity.secrets import make_token, parse_token
from app.ids import KeyId, ProjectId, new_id
from app.web.principal import Scope

DEFAULT_PROJECT = "default"
ALL_BUT_ADMIN = [scope.value for scope in Scope if scope is not Scope.ADMIN]
ALL = [scope.value for scope in Scope]


class FirstKeys(msgspec.Struct, frozen=True):
    api_key: str
    admin_key: str


async def ensure_first_project(owner_url: str, known: FirstKeys | None) -> FirstKeys:
    """The keys known from an earlier start where they still work, else new ones."""
    conn = await connect_as(owner_url, "its owner")
    try:
        async with conn.transaction():
            # The lock keeps two services that start at once from making two.
            await conn.execute("LOCK TABLE projects IN SHARE ROW EXCLUSIVE MODE")
            project = await _default_project(conn)
            if known and await _work(conn, known):
                return known
            return FirstKeys(
                await issue_key(conn, project, "default", ALL_BUT_ADMIN),
                await issue_key(conn, project, "admin", ALL),
            )
    finally:
        await conn.close()


async def keys_work(database: Database, keys: FirstKeys) -> bool:
    """Whether both open this database, asked as the service asks. Raises Unavailable."""
    authenticate = Authenticator(database, ttl_seconds=1)
    try:
        for text in (keys.api_key, keys.admin_key):
            await authenticate(text)
    except Unauthenticated:
        return False
    return True


async def issue_key(conn: Connection, project: ProjectId, name: str, scopes: list[str]) -> str:
    """Makes a key; its text is given here and never again."""
    text = make_token(project)
    parsed = parse_token(text)
    assert parsed is not None
    await queries.insert_key(
        conn,
        project,
        KeyId(new_id()),
        name=name,
        prefix=parsed.prefix,
        secret_hash=parsed.hash,
        scopes=scopes,
    )
    return text


async def _default_project(conn: Connection) -> ProjectId:
    found = await conn.fetchval("SELECT project_id FROM projects WHERE root")
    if found is not None:
        return ProjectId(found)
    project = ProjectId(new_id())
    await conn.execute(
        "INSERT INTO projects (project_id, name, root) VALUES ($1, $2, true)",
        *(project, DEFAULT_PROJECT),
    )
    return project


async def _work(conn: Connection, known: FirstKeys) -> bool:
    for text in (known.api_key, known.admin_key):
        parsed = parse_token(text)
        stored = parsed and await queries.find_key(conn, parsed.project, parsed.prefix)
        if not parsed or not stored or not parsed.matches(stored.secret_hash):
            return False
        if not is_current(stored):
            return False
    return True

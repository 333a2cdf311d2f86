"""The first project and its keys, made by the owner of the database at the first start."""

import msgspec

from app.audit.record import audit
from app.audit.types import Event, Subject
from app.db.connect import connect_as
from app.db.database import Database, set_json_codecs
from app.db.sql import Connection
from app.errors import Unauthenticated
from app.identity import queries
from app.identity.authenticate import Authenticator, is_current
from app.identity.secrets import make_token, parse_token, parsed_token
from app.ids import KeyId, ProjectId, new_id
from app.web.principal import Scope

DEFAULT_PROJECT = "default"
ALL_BUT_ADMIN = [scope.value for scope in Scope if scope is not Scope.ADMIN]
ALL = [scope.value for scope in Scope]


class FirstKeys(msgspec.Struct, frozen=True):
    api_key: str
    admin_key: str


async def ensure_first_project(owner_url: str, known: FirstKeys | None) -> FirstKeys:
    """Each key known from an earlier start where it still works, else a new one."""
    old = known or FirstKeys("", "")
    conn = await connect_as(owner_url, "its owner")
    try:
        await set_json_codecs(conn)
        async with conn.transaction():
            # The lock keeps two services that start at once from making two.
            await conn.execute("LOCK TABLE projects IN SHARE ROW EXCLUSIVE MODE")
            project = await _default_project(conn)
            return FirstKeys(
                await _kept_or_new(conn, project, old.api_key, "default", ALL_BUT_ADMIN),
                await _kept_or_new(conn, project, old.admin_key, "admin", ALL),
            )
    finally:
        await conn.close()


async def are_of(database: Database, keys: FirstKeys) -> bool:
    """Whether these are, or were, keys of the root project of this database. Raises Unavailable."""
    parsed = parse_token(keys.admin_key)
    if parsed is None:
        return False
    async with database.tenant(parsed.project) as conn:
        project = await queries.get_project(conn, parsed.project)
    return project is not None and project.root


async def work(database: Database, keys: FirstKeys) -> bool:
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
    await _insert(conn, project, KeyId(new_id()), text, name, scopes)
    return text


async def _kept_or_new(
    conn: Connection, project: ProjectId, known: str, name: str, scopes: list[str]
) -> str:
    if await _works(conn, known):
        return known
    key_id, text = KeyId(new_id()), make_token(project)
    await _insert(conn, project, key_id, text, name, scopes)
    await audit(
        conn,
        project,
        Event.KEY_CREATED,
        principal=None,
        subject=Subject("api_key", key_id),
        detail={"name": name, "kind": "secret", "scopes": scopes},
    )
    return text


async def _insert(
    conn: Connection, project: ProjectId, key_id: KeyId, text: str, name: str, scopes: list[str]
) -> None:
    token = parsed_token(text)
    await queries.insert_key(
        conn,
        project,
        key_id,
        name=name,
        prefix=token.prefix,
        secret_hash=token.hash,
        scopes=scopes,
    )


async def find_root(conn: Connection) -> ProjectId | None:
    """For the owner, who sees all projects."""
    found: ProjectId | None = await conn.fetchval("SELECT project_id FROM projects WHERE root")
    return found


async def _default_project(conn: Connection) -> ProjectId:
    found = await find_root(conn)
    if found is not None:
        return found
    project = ProjectId(new_id())
    await conn.execute(
        "INSERT INTO projects (project_id, name, root) VALUES ($1, $2, true)",
        *(project, DEFAULT_PROJECT),
    )
    return project


async def _works(conn: Connection, text: str) -> bool:
    token = parse_token(text)
    stored = token and await queries.find_key(conn, token.project, token.prefix)
    if not token or not stored:
        return False
    return token.matches(stored.secret_hash) and is_current(stored)

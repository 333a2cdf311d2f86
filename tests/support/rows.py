"""The database as its owner sees it: what is there, whatever the API says."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import asyncpg

from app.db.sql import Connection
from app.identity.bootstrap import issue_key
from app.identity.secrets import make_token, parse_token
from app.identity.sessions import begin_session
from app.ids import ProjectId, new_id
from app.web.principal import Kind
from tests.support.service import Service

TENANT_TABLES = """
    SELECT c.relname FROM pg_class c
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'project_id'
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
      AND NOT c.relispartition
    ORDER BY c.relname
"""


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Connection]:
    conn = await asyncpg.connect(url)
    try:
        yield conn
    finally:
        await conn.close()


async def tenant_tables(conn: Connection) -> list[str]:
    return [row["relname"] for row in await conn.fetch(TENANT_TABLES)]


async def tables_with(service: Service, text: str) -> set[str]:
    """The tables that have a row in which this text stands."""
    async with connected(service.urls.owner) as conn:
        return {
            table
            for table in await tenant_tables(conn)
            if await conn.fetchval(
                f"SELECT EXISTS (SELECT FROM {table} t WHERE t::text LIKE '%' || $1 || '%')", text
            )
        }


async def tables_of_user(service: Service, name: str) -> set[str]:
    """The tables that have a row of this user."""
    async with connected(service.urls.owner) as conn:
        user_id = await conn.fetchval("SELECT user_id FROM users WHERE external_id = $1", name)
        assert user_id is not None
    return await tables_with(service, str(user_id))


async def count(service: Service, sql: str, *values: object) -> int:
    async with connected(service.urls.owner) as conn:
        found: int = await conn.fetchval(sql, *values)
        return found


async def new_key(
    service: Service,
    *scopes: str,
    project: ProjectId | None = None,
    expires_at: datetime | None = None,
    revoked_at: datetime | None = None,
) -> str:
    """A key with these scopes, of the service's first project unless another is said."""
    async with connected(service.urls.owner) as conn:
        if project is None:
            project = await conn.fetchval("SELECT project_id FROM projects WHERE name = 'default'")
        assert project is not None
        name = new_id().hex
        key = await issue_key(conn, project, name, list(scopes))
        await conn.execute(
            "UPDATE api_keys SET expires_at = $1, revoked_at = $2 WHERE name = $3",
            expires_at,
            revoked_at,
            name,
        )
    return key


async def new_publishable_key(service: Service, project: ProjectId) -> str:
    text = make_token(project, Kind.PUBLISHABLE)
    token = parse_token(text)
    assert token is not None
    async with connected(service.urls.owner) as conn:
        await conn.execute(
            """INSERT INTO api_keys
                   (project_id, key_id, name, prefix, secret_hash, scopes, kind)
               VALUES ($1, $2, 'browser', $3, $4, '{}', 'publishable')""",
            *(project, new_id(), token.prefix, token.hash),
        )
    return text


async def new_session(service: Service, name: str, *, project: ProjectId | None = None) -> str:
    """The access token of a session of this user, who is made where there is none yet."""
    async with connected(service.urls.owner) as conn:
        if project is None:
            project = await conn.fetchval("SELECT project_id FROM projects WHERE root")
        assert project is not None
        user = await conn.fetchval(
            """INSERT INTO users (project_id, user_id, external_id) VALUES ($1, $2, $3)
               ON CONFLICT (project_id, external_id)
               DO UPDATE SET external_id = excluded.external_id
               RETURNING user_id""",
            *(project, new_id(), name),
        )
        tokens = await begin_session(conn, project, user, token_seconds=3600, session_seconds=7200)
    return tokens.access_token


async def new_project(service: Service) -> ProjectId:
    project = ProjectId(new_id())
    async with connected(service.urls.owner) as conn:
        await conn.execute(
            "INSERT INTO projects (project_id, name) VALUES ($1, $2)", project, project.hex
        )
    return project

"""Queries without their predicates on purpose: row security alone keeps what is others' hidden."""

from typing import Any
from uuid import UUID

import msgspec
import pytest

from app.accounts import queries as accounts
from app.conversations import queries as conversations
from app.db.database import Database, acting_user, open_database
from app.db.sql import Statement
from app.ids import ProjectId, UserId
from app.memory import queries as memory
from app.responses import queries as responses
from tests.support.api import open_api
from tests.support.forgetful import forgetful
from tests.support.heard import something
from tests.support.memories import remember, somebody
from tests.support.rows import connected, new_key, new_project, new_session
from tests.support.service import Service

READS: dict[str, Statement] = {
    "memory.get_memories": memory._get_memories,
    "memory.list_newest_first": memory._newest_first,
    "conversations.list_range_items": conversations._list_range_items,
    "conversations.list_newest_first": conversations._newest_first,
    "responses.get_response": responses._get_response,
}
WRITES: dict[str, Statement] = {
    "conversations.update_metadata": conversations._update_metadata,
    "memory.delete_memories": memory._delete_memories,
    "accounts.end_sessions": accounts._end_sessions,
}
FIRST, LAST = UUID(int=0), UUID(int=2**128 - 1)


class Owner(msgspec.Struct, frozen=True):
    """A user of a project, and what the queries are asked of theirs."""

    project: ProjectId
    user: UserId
    values: dict[str, Any]

    def arguments(self, statement: Statement) -> list[Any]:
        return [self.values.get(name) for name in statement.parameters]


class World(msgspec.Struct, frozen=True):
    victim: Owner
    neighbour: Owner
    stranger: Owner


@pytest.fixture(scope="module")
async def world(backstory: Service) -> World:
    here, there = await new_project(backstory), await new_project(backstory)
    return World(*[await _settled(backstory, project) for project in (here, here, there)])


@pytest.fixture(params=[*READS, *WRITES])
def statement(request: pytest.FixtureRequest) -> Statement:
    return (READS | WRITES)[request.param]


async def test_what_a_query_does_not_ask_row_security_does(
    backstory: Service, world: World, statement: Statement
) -> None:
    """Once everybody's rows are there to be had: the owner of the tables gets them."""
    victim = world.victim
    config = backstory.config
    async with (
        open_database(backstory.urls.owner, config) as owner,
        open_database(backstory.urls.service, config) as service,
    ):

        async def told(database: Database, project: ProjectId, user: UserId | None) -> list[Row]:
            return await _told(database, project, user, statement, victim)

        theirs = await told(service, victim.project, victim.user)
        assert theirs
        everything = await told(owner, world.stranger.project, None)
        assert set(everything) >= set(theirs)
        assert set(await told(service, victim.project, None)) >= set(theirs)
        for other in (world.neighbour, world.stranger):
            assert not set(theirs) & set(await told(service, other.project, other.user))
        assert not set(theirs) & set(await told(service, world.stranger.project, None))


Row = tuple[Any, ...]


async def _told(
    database: Database,
    project: ProjectId,
    user: UserId | None,
    statement: Statement,
    victim: Owner,
) -> list[Row]:
    """What the statement finds or changes without its predicates; what it changed is undone."""
    speaking = acting_user.set(user)
    try:
        async with database.tenant(project) as conn:
            await conn.execute("SAVEPOINT before")
            rows = await conn.fetch(_telling(statement), *victim.arguments(statement))
            await conn.execute("ROLLBACK TO before")
    finally:
        acting_user.reset(speaking)
    return [tuple(map(str, row)) for row in rows if any(row)]


def _telling(statement: Statement) -> str:
    """With what it changes, where it does not tell."""
    text = forgetful(statement, user=True)
    if statement is conversations._update_metadata:
        return text.rstrip("; \n") + " RETURNING conversation_id"
    return text


async def _settled(service: Service, project: ProjectId) -> Owner:
    """A user who has talked, remembers something, and is signed in."""
    name = somebody()
    key = await new_key(service, "engine", "memory:write", project=project)
    async with open_api(service) as api:
        speaker = api.with_key(key).as_user(name)
        conversation = (await speaker.send("POST", "/v1/conversations", {})).body["id"]
        response = await speaker.respond(something(), conversation=conversation)
        [kept] = await remember(speaker, something())
    await new_session(service, name, project=project)
    async with connected(service.urls.owner) as conn:
        found = await conn.fetchrow(
            """SELECT u.user_id, t.branch_id FROM users u JOIN turns t USING (project_id, user_id)
               WHERE project_id = $1 AND external_id = $2""",
            *(project, name),
        )
    assert found is not None
    values = {
        "project": project,
        "user_id": found["user_id"],
        "branch_id": found["branch_id"],
        "conversation_id": UUID(conversation.removeprefix("conv_")),
        "response_id": UUID(response["id"].removeprefix("resp_")),
        "memory_ids": [UUID(kept["id"].removeprefix("mem_"))],
        "metadata": {},
        "above": FIRST,
        "below": LAST,
        "expired": True,
        "from_position": 0,
        "until": 1000,
        "most": 100_000,
    }
    return Owner(project, found["user_id"], values)

"""Every route with everybody else's ids and names, as everybody: nothing is there to be had."""

import pytest

from app.ids import ProjectId
from tests.support.api import Api
from tests.support.engine import FakeEngine
from tests.support.forgetful import forget_all_projects
from tests.support.rows import connected
from tests.support.service import Service
from tests.support.walk import Walk
from tests.support.walk_routes import ROUTES, SAME_WORDS
from tests.support.walk_world import open_world

KEPT = (
    *("projects", "users", "logins", "password_resets", "engine_keys", "files", "blobs"),
    *("settings", "setting_changes", "conversations", "branches", "turns", "items", "contents"),
    *("responses", "event_logs", "cache_entries"),
    *("memories", "memory_postings", "memory_versions"),
)
"""Tables whose rows stay as they are, unless somebody with a right to it changes them."""


async def test_every_route_of_the_document_is_walked(api: Api) -> None:
    document = (await api.get("/openapi.json")).body
    methods = {"get", "put", "post", "patch", "delete"}
    documented = {
        f"{method.upper()} {path}"
        for path, operations in document["paths"].items()
        for method in set(operations) & methods
    }
    assert documented == set(ROUTES)


@pytest.mark.parametrize("queries", ["as they are", "without their predicates"])
async def test_what_is_somebody_elses_is_not_there(
    backstory: Service, shared_engine: FakeEngine, monkeypatch: pytest.MonkeyPatch, queries: str
) -> None:
    if queries == "without their predicates":
        assert forget_all_projects(monkeypatch) > 250
    async with open_world(backstory) as walkers:
        owners = {victim.word: victim for walker in walkers for victim in walker.victims}
        projects = {owner.project for owner in owners.values()}
        before = await rows_of(backstory, projects)
        shared_engine.received.clear()
        wrong = [found for walker in walkers for found in await Walk(walker).wrong()]
        assert not wrong, "\n".join(wrong)
        assert not before - await rows_of(backstory, projects)
        heard = str([call.body for call in shared_engine.received])
        assert heard.count(SAME_WORDS) > 10
        assert not [word for word in owners if word in heard]


async def rows_of(service: Service, projects: set[ProjectId]) -> set[str]:
    async with connected(service.urls.owner) as conn:
        rows = [
            await conn.fetch(f"SELECT t::text FROM {table} t WHERE project_id = ANY($1)", projects)
            for table in KEPT
        ]
    return {f"{table}: {row[0]}" for table, found in zip(KEPT, rows, strict=True) for row in found}

"""Every operation of the OpenAPI document, with what fits its schemas and what does not: nothing
breaks, and every answer is as the document says."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator

import msgspec
import pytest
from schemathesis import GenerationMode

from app.docs.headers import REPEATED
from app.ids import id_text, new_id
from app.web.idempotency import KEY_LENGTH_MAX
from app.web.principal import Access
from tests.support.api import Api, open_api
from tests.support.document import (
    DOCUMENT,
    GUARDS,
    Ids,
    Operation,
    answers_as_documented,
    can_be_wrong,
    operations,
)
from tests.support.rows import new_key, new_project
from tests.support.service import Service
from tests.support.walk import Step, request_of, send
from tests.support.walk_routes import ROUTES
from tests.support.walk_world import ALL_SCOPES, settle

OPERATIONS = operations()
FOR_SESSIONS = [one for one in OPERATIONS if GUARDS[one.label][0] in (Access.SESSION, Access.USER)]
POSITIVE, NEGATIVE = GenerationMode.POSITIVE, GenerationMode.NEGATIVE
OF_THE_ROOT = "/v1/projects"
ENGINE_KEY = "/v1/engine_key"
ENDING = ("DELETE", "POST /v1/auth/log", "POST /v1/auth/password", "POST /v1/api_keys/")


class Owned(msgspec.Struct, frozen=True):
    """A project of this test's own, and what is in it."""

    api: Api
    ids: Ids

    @property
    def key(self) -> str:
        assert self.api.key is not None
        return self.api.key


@pytest.fixture(scope="module")
async def owned(backstory: Service) -> AsyncIterator[Owned]:
    async with open_api(backstory) as api:
        project = await new_project(backstory)
        speaker = api.with_key(await new_key(backstory, *ALL_SCOPES, project=project))
        itself = await settle(backstory, speaker, None)
        yield Owned(speaker, itself.ids | await users_own(backstory, speaker))


async def users_own(service: Service, speaker: Api) -> Ids:
    return (await settle(service, speaker, f"user-{new_id().hex}")).ids


@pytest.fixture(scope="module")
async def of_user(backstory: Service, owned: Owned) -> Ids:
    """Of one whom no key changes meanwhile."""
    return await users_own(backstory, owned.api)


async def ids_for(operation: Operation, service: Service, owned: Owned) -> Ids:
    """What a test ends, no other test uses."""
    if not operation.label.startswith(ENDING):
        return owned.ids
    project = id_text("proj", await new_project(service))
    key = await owned.api.send("POST", "/v1/api_keys", {"name": "x", "scopes": ["engine"]})
    mine = {"project": project, "key": key.body["id"]}
    return owned.ids | await users_own(service, owned.api) | mine


async def key_for(operation: Operation, service: Service, owned: Owned) -> str:
    if operation.path.startswith(OF_THE_ROOT):
        return service.admin_key
    if operation.path == ENGINE_KEY:
        return await new_key(service, *ALL_SCOPES, project=await new_project(service))
    return owned.key


async def test_what_is_tried_is_what_is_served(api: Api) -> None:
    served = (await api.get("/openapi.json")).body
    assert served == msgspec.json.decode(msgspec.json.encode(DOCUMENT))
    routes = {
        f"{method.upper()} {path}" for path, found in served["paths"].items() for method in found
    }
    assert routes == {operation.label for operation in OPERATIONS}


async def test_an_idempotency_key_is_taken_where_the_document_says(
    backstory: Service, owned: Owned
) -> None:
    """And no other route reads it: one that is too long is refused, or not seen."""
    alone = await new_key(backstory, *ALL_SCOPES, project=await new_project(backstory))
    said = {"Idempotency-Key": "k" * (KEY_LENGTH_MAX + 1)}
    refusing = set()
    for route, tries in ROUTES.items():
        key = backstory.admin_key if OF_THE_ROOT in route else alone
        speaker = owned.api.with_key(key).with_headers(said)
        for one in tries:
            reply = await send(speaker, request_of(Step(route, one, frozenset()), names()))
            if b"An Idempotency-Key has" in reply.raw:
                refusing.add(route)
    assert refusing == set(REPEATED)


def names() -> dict[str, str]:
    """Of what there is not."""
    return defaultdict(lambda: "x")


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda found: found.label)
async def test_answers_to_a_key_are_as_documented(
    operation: Operation, backstory: Service, owned: Owned
) -> None:
    key = await key_for(operation, backstory, owned)
    ids = await ids_for(operation, backstory, owned)
    for mode in (POSITIVE, NEGATIVE) if can_be_wrong(operation) else (POSITIVE,):
        await asyncio.to_thread(
            answers_as_documented, operation, mode, ids, backstory.root_url, key
        )


@pytest.mark.parametrize("operation", FOR_SESSIONS, ids=lambda found: found.label)
async def test_answers_to_a_session_are_as_documented(
    operation: Operation, backstory: Service, owned: Owned, of_user: Ids
) -> None:
    ends = operation.label.startswith(ENDING)
    ids = await users_own(backstory, owned.api) if ends else of_user
    statuses = await asyncio.to_thread(
        answers_as_documented, operation, POSITIVE, ids, backstory.root_url, ids["token"]
    )
    assert set(statuses) - {401, 403}

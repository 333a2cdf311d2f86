"""The service behind PgBouncer, which gives a server to each transaction and then to the next."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from app.db.embedded import EmbeddedPostgres
from tests.support.accounts import open_accounts, some_email
from tests.support.api import Api, open_api, text_of
from tests.support.engine import FakeEngine
from tests.support.eventually import eventually
from tests.support.heard import heard, something
from tests.support.memories import embedded, recall, remember, somebody
from tests.support.pgbouncer import run_pgbouncer
from tests.support.postgres_fixtures import DatabaseUrls, fresh_database
from tests.support.rows import new_key, new_project, new_session
from tests.support.service import Service, run_service
from tests.support.serving import run_command, serving

SLOWLY = "[[words:60]] [[delay:0.02]]"
SCOPES = ("engine", "memory:read", "memory:write", "usage:read", "users", "settings", "admin")
TIMES = 10


class Two(msgspec.Struct, frozen=True):
    """Two services behind one PgBouncer, as of one installation."""

    first: Service
    second: Service


@contextmanager
def pooled_database(postgres: EmbeddedPostgres) -> Iterator[DatabaseUrls]:
    with fresh_database(postgres) as urls, run_pgbouncer(urls.service) as service:
        yield msgspec.structs.replace(urls, service=service)


@pytest.fixture(scope="module")
def urls(postgres: EmbeddedPostgres) -> Iterator[DatabaseUrls]:
    with pooled_database(postgres) as urls:
        yield urls


@pytest.fixture(scope="module", params=["polling", "listening"])
async def two(
    backstory: Service, urls: DatabaseUrls, request: pytest.FixtureRequest
) -> AsyncIterator[Two]:
    """Workers hear of one another by a connection past PgBouncer, where they are given one."""
    direct = past_pgbouncer(urls) if request.param == "listening" else None
    config = msgspec.structs.replace(
        backstory.config,
        database_statement_cache=False,
        database_direct_url=direct,
        database_pool_max=10,
        running_visible_after_seconds=0.05,
    )
    async with run_service(urls, config) as first, run_service(urls, config) as second:
        yield Two(first, second)


def past_pgbouncer(urls: DatabaseUrls) -> str:
    """The service's role past PgBouncer."""
    return urls.owner.replace("//backstory_owner@", "//backstory_service@")


@pytest.fixture
async def here(two: Two) -> AsyncIterator[Api]:
    project = await new_project(two.first)
    async with open_api(two.first) as api:
        yield api.with_key(await new_key(two.first, *SCOPES, project=project))


@pytest.fixture
async def there(two: Two, here: Api) -> AsyncIterator[Api]:
    """The same speaker at the other service."""
    async with open_api(two.second) as api:
        yield api.with_key(here.key)


async def test_conversations_go_on_at_whichever_service(
    here: Api, there: Api, shared_engine: FakeEngine
) -> None:
    async def converse(name: str) -> None:
        said = something()
        first = await here.as_user(name).respond(said)
        second = await there.as_user(name).stream("And then?", previous_response_id=first["id"])
        assert second.response["previous_response_id"] == first["id"]
        assert len(heard(shared_engine, said)) == 2  # the second call had the first in it

    await asyncio.gather(*(converse(somebody()) for _ in range(TIMES)))


async def test_what_is_remembered_here_is_recalled_there(two: Two, here: Api, there: Api) -> None:
    name = somebody()
    await remember(here.as_user(name), "I keep bees in Ulm.", "My boat is red.")

    await embedded(two.first, name, memories=2)
    found = await recall(there.as_user(name), "Where do I keep bees?")
    assert found["usage"]["vectors"] == "used"
    assert found["data"][0]["memory"]["content"] == "I keep bees in Ulm."


async def test_a_background_response_is_followed_and_cancelled_there(here: Api, there: Api) -> None:
    begun, ended = [
        await here.respond(f"{something()} {SLOWLY}", background=True) for _ in range(2)
    ]
    assert begun["status"] == ended["status"] == "queued"
    path = f"/v1/responses/{ended['id']}"
    cancelled = await there.send("POST", f"{path}/cancel")
    assert cancelled.status == 200, cancelled.raw

    async def is_over(of: str) -> str | None:
        status: str = (await there.get(f"/v1/responses/{of}")).body["status"]
        return None if status in ("queued", "in_progress") else status

    followed = await there.get(f"/v1/responses/{begun['id']}?stream=true")
    assert followed.raw.rstrip().endswith(b"data: [DONE]")
    assert await eventually(lambda: is_over(begun["id"])) == "completed"
    assert await eventually(lambda: is_over(ended["id"])) == "cancelled"
    response = (await here.get(f"/v1/responses/{begun['id']}")).body
    assert len(text_of(response).split()) == 60


async def test_users_sign_up_and_log_in(two: Two) -> None:
    async with open_accounts(two.first) as accounts:
        email = some_email()
        await accounts.signed_up(email)
        signed_in = (await accounts.log_in(email)).body
        refreshed = (await accounts.refresh(signed_in)).body
        session = accounts.session(refreshed)
        await session.respond(something())
        assert (await session.send("POST", "/v1/auth/logout")).status == 200
        assert (await session.get("/v1/auth/me")).status == 401


async def test_two_tenants_at_once_see_what_is_their_own(two: Two) -> None:
    """As keys for a user and as sessions, at both services, over fewer servers than clients."""
    async with open_api(two.first) as first, open_api(two.second) as second:
        speakers = []
        for _ in range(2):
            project = await new_project(two.first)
            key = await new_key(two.first, *SCOPES, project=project)
            token = await new_session(two.first, somebody(), project=project)
            speakers += [(api.with_key(key).as_user(somebody()), something()) for api in (first,)]
            speakers += [(api.with_key(token), something()) for api in (second,)]
        words = {word for _, word in speakers}

        async def speak(api: Api, word: str) -> None:
            for _ in range(TIMES):
                await remember(api, f"It is {word}.")
                await api.respond(word)
                for path in ("/v1/memories?limit=100", "/v1/requests?limit=100"):
                    told = (await api.get(path)).raw.decode()
                    assert {one for one in words if one in told} <= {word}
            assert (await api.get("/v1/memories?limit=100")).raw.decode().count(word) >= TIMES

        await asyncio.gather(*(speak(api, word) for api, word in speakers))


def test_it_is_started_and_examined_as_docs_operations_says(
    tmp_path: Path, postgres: EmbeddedPostgres
) -> None:
    data_dir = tmp_path / "data"
    with pooled_database(postgres) as urls:
        only = {
            "BACKSTORY_DATABASE_URL": urls.service,
            "BACKSTORY_DATABASE_DIRECT_URL": past_pgbouncer(urls),
            "BACKSTORY_DATABASE_STATEMENT_CACHE": "false",
        }
        environ = only | {"BACKSTORY_DATABASE_OWNER_URL": urls.owner}
        with serving(data_dir, **environ) as service:
            assert service.get("/v1/requests") == 200
            done = run_command("doctor", "--data-dir", str(data_dir), **environ)
            assert "The schema is up to date" in done.stdout, done.stdout
            assert "is bound by row security" in done.stdout
        with serving(data_dir, **only) as service:  # which looks at the schema by PgBouncer
            assert service.get("/v1/requests") == 200

"""Few connections for many tenants: whatever happens, the next sees nothing of the last."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import asyncpg
import msgspec
import pytest

from app.config import Config
from app.db.database import Database, acting_user, open_database
from app.db.embedded import EmbeddedPostgres
from app.db.migrate import migrate
from app.db.sql import Connection
from app.errors import Unavailable
from app.ids import ProjectId, UserId, new_id
from tests.support.pgbouncer import run_pgbouncer
from tests.support.postgres_fixtures import DatabaseUrls, fresh_database
from tests.support.rows import connected

SEED = 20_261_123
POOL = 2
TASKS = 200
CANCELLATIONS = 250
TURNS_MAX = 8
"""Of the loop, from a place on: it is cut off in the middle of the next statement, or before."""

SEEN = "SELECT project_id, user_id FROM users"
SET = "SELECT current_setting('app.project', true), current_setting('app.user', true)"
Seen = set[tuple[ProjectId, UserId]]


class Speaker(msgspec.Struct, frozen=True):
    project: ProjectId
    user: UserId | None
    sees: Seen


@pytest.fixture(scope="module", params=["Postgres", "PgBouncer"])
async def urls(
    postgres: EmbeddedPostgres, request: pytest.FixtureRequest
) -> AsyncIterator[DatabaseUrls]:
    """Of its own, since connections are killed in it."""
    with fresh_database(postgres) as urls:
        await migrate(urls.owner)
        if request.param == "Postgres":
            yield urls
        else:
            with run_pgbouncer(urls.service) as service:
                yield msgspec.structs.replace(urls, service=service)


@pytest.fixture(scope="module")
async def speakers(urls: DatabaseUrls) -> list[Speaker]:
    """Four projects of three users each: each project's key, and a session of each user."""
    found: list[Speaker] = []
    async with connected(urls.owner) as owner:
        for _ in range(4):
            project = ProjectId(new_id())
            users = [UserId(new_id()) for _ in range(3)]
            await owner.execute("INSERT INTO projects VALUES ($1, $2)", project, project.hex)
            await owner.executemany(
                "INSERT INTO users (project_id, user_id, external_id) VALUES ($1, $2, $3)",
                [(project, user, user.hex) for user in users],
            )
            found.append(Speaker(project, None, {(project, user) for user in users}))
            found += [Speaker(project, user, {(project, user)}) for user in users]
    return found


@pytest.fixture
async def database(urls: DatabaseUrls) -> AsyncIterator[Database]:
    config = Config(
        database_pool_max=POOL,
        database_acquire_timeout_seconds=60,
        database_statement_cache="port=5432" in urls.service,
    )
    async with open_database(urls.service, config) as database:
        yield database


@asynccontextmanager
async def speaking(database: Database, speaker: Speaker) -> AsyncIterator[Connection]:
    before = acting_user.set(speaker.user)
    try:
        async with database.tenant(speaker.project) as conn:
            yield conn
    finally:
        acting_user.reset(before)


async def seen(conn: Connection) -> Seen:
    return {(row[0], row[1]) for row in await conn.fetch(SEEN)}


async def check_nothing_is_left(database: Database, speakers: list[Speaker]) -> None:
    """On every connection of the pool at once, as it is and for whoever comes next."""
    together = asyncio.Barrier(POOL)

    async def look(following: Speaker) -> int:
        async with database.across() as conn:
            await together.wait()
            assert tuple(await conn.fetchrow(SET) or ()) == ("", "")
            assert await seen(conn) == set()
            backend: int = await conn.fetchval("SELECT pg_backend_pid()")
        async with speaking(database, following) as conn:
            await together.wait()
            assert await seen(conn) == following.sees
        return backend

    backends = await asyncio.gather(*(look(speaker) for speaker in speakers[:POOL]))
    assert len(set(backends)) == POOL


async def test_each_sees_what_it_may_among_many(
    database: Database, speakers: list[Speaker]
) -> None:
    dice = random.Random(SEED)
    answered: Counter[UserId | ProjectId] = Counter()

    async def ask(speaker: Speaker) -> None:
        for _ in range(3):
            async with speaking(database, speaker) as conn:
                assert await seen(conn) == speaker.sees
                await asyncio.sleep(0)
                assert await seen(conn) == speaker.sees
            async with database.tenant(speaker.project, everyone=True) as conn:
                assert {project for project, _ in await seen(conn)} == {speaker.project}
                assert len(await seen(conn)) == 3
        answered[speaker.user or speaker.project] += 1

    await asyncio.gather(*(ask(dice.choice(speakers)) for _ in range(TASKS)))
    assert answered.total() == TASKS
    assert len(answered) == len(speakers)
    await check_nothing_is_left(database, speakers)


async def test_a_cancellation_leaves_nothing_wherever_it_comes(
    database: Database, speakers: list[Speaker]
) -> None:
    dice = random.Random(SEED)
    cut_off: Counter[str] = Counter()

    async def ask(speaker: Speaker, reached: list[str]) -> None:
        async with speaking(database, speaker) as conn:
            reached.append("begun")
            assert await seen(conn) == speaker.sees
            reached.append("read")
            await conn.execute("UPDATE users SET external_id = external_id")
            reached.append("written")
            await conn.execute("SELECT pg_sleep(0.001)")
            reached.append("waited")
        reached.append("committed")

    while cut_off.total() - cut_off["ended"] < CANCELLATIONS:
        reached = ["asked"]
        task = asyncio.create_task(ask(dice.choice(speakers), reached))
        place = dice.randrange(5)
        while len(reached) <= place and not task.done():  # noqa: ASYNC110  # turns are counted
            await asyncio.sleep(0)
        for _ in range(dice.randrange(TURNS_MAX)):
            await asyncio.sleep(0)
        task.cancel()
        following = dice.choice(speakers)
        async with speaking(database, following) as conn:
            assert await seen(conn) == following.sees
        await asyncio.wait({task})
        cut_off[reached[-1] if task.cancelled() else "ended"] += 1
        assert task.cancelled() or task.exception() is None
        await check_nothing_is_left(database, speakers)
    assert set(cut_off) >= {"asked", "begun", "read", "written", "waited"}, cut_off


async def fail(conn: Connection) -> None:
    await conn.execute("SELECT 1 / 0")


async def fail_and_go_on(conn: Connection) -> None:
    """The transaction is aborted, and its end is no commit."""
    with suppress(asyncpg.DivisionByZeroError):
        await conn.execute("SELECT 1 / 0")


async def overrun_the_servers_time(conn: Connection) -> None:
    await conn.execute("SET LOCAL statement_timeout = '5ms'; SELECT pg_sleep(10)")


async def overrun_our_time(conn: Connection) -> None:
    async with asyncio.timeout(0.005):
        await conn.execute("SELECT pg_sleep(10)")


async def overrun_the_drivers_time(conn: Connection) -> None:
    await conn.execute("SELECT pg_sleep(10)", timeout=0.005)


async def be_killed(conn: Connection) -> None:
    await conn.execute("SELECT pg_terminate_backend(pg_backend_pid())")


async def end_the_transaction(conn: Connection) -> None:
    await conn.execute("ROLLBACK")
    await conn.execute("BEGIN")


async def set_for_good(conn: Connection) -> None:
    """As no query of ours does: for the connection, beyond the transaction."""
    project, user = await conn.fetchrow(SET) or ("", "")
    await conn.execute(f"COMMIT; SET app.project = '{project}'; SET app.\"user\" = '{user}'; BEGIN")


async def set_as_another(conn: Connection) -> None:
    await conn.execute(f"SET LOCAL app.project = '{new_id()}'; SET app.\"user\" = '{new_id()}'")


TROUBLE: list[Callable[[Connection], Awaitable[None]]] = [
    *(fail, fail_and_go_on, overrun_the_servers_time, overrun_our_time, overrun_the_drivers_time),
    *(be_killed, end_the_transaction, set_for_good, set_as_another),
]


@pytest.mark.parametrize("trouble", TROUBLE, ids=lambda one: one.__name__)
async def test_trouble_leaves_nothing(
    database: Database,
    speakers: list[Speaker],
    trouble: Callable[[Connection], Awaitable[None]],
) -> None:
    for speaker in speakers[:4]:  # a key and sessions, on each connection
        with suppress(asyncpg.PostgresError, TimeoutError, Unavailable):
            async with speaking(database, speaker) as conn:
                await trouble(conn)
        await check_nothing_is_left(database, speakers)


async def test_a_connection_that_is_killed_takes_nobody_along(
    database: Database, speakers: list[Speaker], urls: DatabaseUrls
) -> None:
    """One in ten is ended from outside, in the middle of its transaction, while many ask."""
    dice = random.Random(SEED)
    told: Counter[str] = Counter()

    async def ask(speaker: Speaker, *, killed: bool) -> None:
        try:
            async with speaking(database, speaker) as conn:
                assert await seen(conn) == speaker.sees
                if killed:
                    await kill(await conn.fetchval("SELECT pg_backend_pid()"))
                assert await seen(conn) == speaker.sees
        except Unavailable:
            told["killed" if killed else "beside"] += 1
        else:
            told["answered"] += 1

    async def kill(backend: int) -> None:
        async with connected(urls.superuser) as conn:
            await conn.execute("SELECT pg_terminate_backend($1, 10000)", backend)

    await asyncio.gather(
        *(ask(dice.choice(speakers), killed=not number % 10) for number in range(TASKS))
    )
    assert told == {"answered": TASKS * 9 // 10, "killed": TASKS // 10}
    await check_nothing_is_left(database, speakers)

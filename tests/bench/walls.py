"""What the walls cost, and a limit on a key: an engine call and a cache hit, with and without.

Two services of the same code, each on a database of its own in the same Postgres; from the tables
of one row security is taken away. Both set the project at the beginning of each transaction: what
that costs is measured by itself.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

from app.ids import new_id
from tests.bench.bare_sql import bare_connection
from tests.bench.calls import asker, asking, body
from tests.bench.client import Reply, connect, request
from tests.bench.measure import Progress, Way, interleave, timed
from tests.bench.options import Options
from tests.bench.report import Findings
from tests.bench.walls_report import (
    ALONE,
    CALLS,
    HITS,
    LIMIT,
    NO_LIMIT,
    NO_WALLS,
    SELDOM,
    SET,
    UNSET,
    WALLS,
    claims,
    costs_tables,
    times_table,
    way,
    works_table,
)
from tests.bench.work import Watch, in_blocks, open_watch
from tests.bench.world import ENGINE_KEY, World
from tests.support.postgres_fixtures import DatabaseUrls, data_folder, fresh_database, psql
from tests.support.serving import Serving, serving

WIDE = {"requests_per_minute": 10_000_000, "tokens_per_day": 1_000_000_000}
KEYS = {NO_LIMIT: 1, LIMIT: 1, SELDOM: 64}
"""So many keys in turns: of the last none is asked again while it holds a lease."""

TAKE_WALLS_AWAY = """
    DO $$ DECLARE found regclass; BEGIN
        FOR found IN SELECT oid FROM pg_class WHERE relrowsecurity LOOP
            EXECUTE format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY', found);
            EXECUTE format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY', found);
        END LOOP;
    END $$
"""
SEEN_WITHOUT_PROJECT = "SELECT count(*) FROM api_keys"


class Side(NamedTuple):
    """A service and its database, with walls or without."""

    service: Serving
    urls: DatabaseUrls

    @property
    def url(self) -> str:
        return self.service.credentials.base_url

    @property
    def shows_all(self) -> bool:
        return psql(self.urls.service, SEEN_WITHOUT_PROJECT) != "0"


async def run(world: World, options: Options, progress: Progress) -> Findings:
    progress("two services begin")
    with data_folder() as folder, _two_sides(world, folder) as sides:
        async with _opened(world, sides) as (least, watched):
            ways = {**least, **{name: asked for name, (_, asked) in watched.items()}}
            rounds, calls = options.rounds, options.calls
            samples = await interleave(ways, rounds=rounds, calls=calls, progress=progress)
            busy = {name: of_way for name, of_way in watched.items() if SELDOM not in name}
            works = await in_blocks(busy, rounds=rounds, calls=2 * calls, progress=progress)
    return Findings(
        "walls",
        [times_table(samples), works_table(works), *costs_tables(samples, works)],
        claims(samples, works),
    )


# The services


@contextmanager
def _two_sides(world: World, folder: Path) -> Iterator[dict[str, Side]]:
    with _side(world, folder / "walls") as walls, _side(world, folder / "none") as none:
        psql(none.urls.superuser, TAKE_WALLS_AWAY)
        assert none.shows_all
        assert not walls.shows_all
        yield {WALLS: walls, NO_WALLS: none}


@contextmanager
def _side(world: World, data_dir: Path) -> Iterator[Side]:
    with fresh_database(world.postgres) as urls:
        environ = {
            "BACKSTORY_DATABASE_URL": urls.service,
            "BACKSTORY_DATABASE_OWNER_URL": urls.owner,
            "BACKSTORY_ENGINE_URL": world.engine_url,
            "BACKSTORY_ENGINE_API_KEY": ENGINE_KEY,
            "BACKSTORY_LOG_LEVEL": "warning",
        }
        with serving(data_dir, **environ) as service:
            yield Side(service, urls)


# The ways


@asynccontextmanager
async def _opened(
    world: World, sides: dict[str, Side]
) -> AsyncIterator[tuple[dict[str, Way], dict[str, tuple[Watch, Way]]]]:
    """What is the least, and what is compared, beside what watches its service."""
    async with AsyncExitStack() as stack:

        async def asked(url: str, make: Callable[[], bytes]) -> Way:
            connection = await connect(url)
            stack.callback(connection.close)
            return asking(connection, make)

        engine = f"{world.engine_url}/responses"
        least = {ALONE: await asked(engine, asker(engine, stream=True))}
        conn = await stack.enter_async_context(bare_connection(world))
        least |= {name: _transaction(conn, begin) for name, begin in _begins().items()}
        watched = {}
        for name, side in sides.items():
            worker = side.service.child("multiprocessing.spawn")
            watch = await stack.enter_async_context(open_watch(worker, side.urls.superuser))
            for limit in KEYS if name == WALLS else (NO_LIMIT, LIMIT):
                for kind, make in (await _makers(side, limit)).items():
                    watched[way(kind, name, limit)] = watch, await asked(side.url, make)
        yield least, watched


def _begins() -> dict[str, str]:
    """Without a project, and as the service begins."""
    project = f"SET LOCAL app.project = '{new_id()}'"
    return {UNSET: "BEGIN", SET: f"BEGIN; {project}; SET LOCAL app.\"user\" = ''"}


def _transaction(conn: Any, begin: str) -> Way:
    async def empty() -> None:
        await conn.execute(begin)
        await conn.execute("COMMIT")

    return timed(empty)


async def _makers(side: Side, limit: str) -> dict[str, Callable[[], bytes]]:
    """By what they measure: what makes the requests."""
    keys = [await _key(side, limit) for _ in range(KEYS[limit])]
    url = f"{side.url}/responses"
    same = {**body(f"The same question of run {uuid4()}"), "temperature": 0, "store": True}
    await _check(url, request(url, {**same, **HITS["hit, stored"]}, key=keys[0]), limit)
    makers: dict[str, Callable[[], bytes]] = {}
    for place, (kind, fields) in enumerate({**CALLS, **HITS}.items()):
        of_kind = keys[place :: len(CALLS) + len(HITS)] or keys
        if kind in CALLS:
            makers[kind] = _in_turns([asker(url, key, **fields) for key in of_kind])
        else:
            sent = [request(url, {**same, **fields}, key=key) for key in of_kind]
            makers[kind] = cycle(sent).__next__
    return makers


def _in_turns(makers: list[Callable[[], bytes]]) -> Callable[[], bytes]:
    turns = cycle(makers)
    return lambda: next(turns)()


async def _check(url: str, stored: bytes, limit: str) -> None:
    """It is answered from the cache from here on, and the limit is in force."""
    await _sent(url, stored)
    again = (await _sent(url, stored)).head.lower()
    assert b"x-cache: hit" in again, again
    assert (b"x-ratelimit-limit-requests" in again) == (limit != NO_LIMIT), again


async def _key(side: Side, limit: str) -> str:
    """A new one; its limits, if any, are never reached."""
    admin, url = side.service.credentials.admin_key, f"{side.url}/api_keys"
    wanted = {"name": limit, "scopes": ["engine", "cache"]}
    made = (await _sent(url, request(url, wanted, key=admin))).json()
    if limit != NO_LIMIT:
        limits = f"{url}/{made['id']}/limits"
        await _sent(url, request(limits, WIDE, key=admin, method="PUT"))
    key: str = made["key"]
    return key


async def _sent(url: str, sent: bytes) -> Reply:
    connection = await connect(url)
    try:
        return await connection.send(sent)
    finally:
        connection.close()

"""What the walls cost, and a limit on a key: an engine call and a cache hit, with and without.

Two services of the same code, each on a database of its own in the same Postgres; from the tables
of one row security is taken away. Both set the project at the beginning of each transaction: what
that costs is measured by itself.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from app.ids import new_id
from tests.bench.bare_sql import bare_connection
from tests.bench.calls import asker, asking, body
from tests.bench.client import connect, request
from tests.bench.measure import (
    Progress,
    Ratio,
    Samples,
    Way,
    difference,
    interleave,
    percentile,
    ratio,
    timed,
)
from tests.bench.options import Options
from tests.bench.report import Claim, Findings, Table
from tests.bench.world import ENGINE_KEY, World
from tests.support.postgres_fixtures import DatabaseUrls, data_folder, fresh_database, psql
from tests.support.serving import Serving, serving

ALONE = "engine alone"
UNSET, SET = "an empty transaction", "an empty transaction of a project"
SERVICES = ("walls", "no walls")
KEYS = ("no limit", "limit")
WIDE = {"requests_per_minute": 10_000_000, "tokens_per_day": 1_000_000_000}
CALLS: dict[str, dict[str, Any]] = {
    "call, store: false": {"stream": True, "store": False},
    "call, stored": {"stream": True, "memory": False},
}
HITS: dict[str, dict[str, Any]] = {
    "hit, store: false": {"store": False},
    "hit, stored": {"memory": False},
}
NO_WALLS = """
    DO $$ DECLARE found regclass; BEGIN
        FOR found IN SELECT oid FROM pg_class WHERE relrowsecurity LOOP
            EXECUTE format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY', found);
            EXECUTE format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY', found);
        END LOOP;
    END $$
"""


async def run(world: World, options: Options, progress: Progress) -> Findings:
    progress("two services begin")
    with data_folder() as folder, _two_services(world, folder) as services:
        async with _ways(world, services) as ways:
            samples = await interleave(
                ways, rounds=options.rounds, calls=options.calls, progress=progress
            )
    return Findings("walls", [_times(samples), _costs(samples)], _claims(samples))


# The services


@contextmanager
def _two_services(world: World, folder: Path) -> Iterator[dict[str, Serving]]:
    with (
        _service(world, folder / "walls") as (walls, _),
        _service(world, folder / "none") as (none, urls),
    ):
        psql(urls.superuser, NO_WALLS)
        yield dict(zip(SERVICES, (walls, none), strict=True))


@contextmanager
def _service(world: World, data_dir: Path) -> Iterator[tuple[Serving, DatabaseUrls]]:
    with fresh_database(world.postgres) as urls:
        environ = {
            "BACKSTORY_DATABASE_URL": urls.service,
            "BACKSTORY_DATABASE_OWNER_URL": urls.owner,
            "BACKSTORY_ENGINE_URL": world.engine_url,
            "BACKSTORY_ENGINE_API_KEY": ENGINE_KEY,
            "BACKSTORY_LOG_LEVEL": "warning",
        }
        with serving(data_dir, **environ) as service:
            yield service, urls


# The ways


@asynccontextmanager
async def _ways(world: World, services: dict[str, Serving]) -> AsyncIterator[dict[str, Way]]:
    async with AsyncExitStack() as stack:

        async def asked(url: str, make: Any) -> Way:
            connection = await connect(url)
            stack.callback(connection.close)
            return asking(connection, make)

        engine = f"{world.engine_url}/responses"
        ways = {ALONE: await asked(engine, asker(engine, stream=True))}
        for name, service in services.items():
            url = f"{service.credentials.base_url}/responses"
            for limit, key in (await _keys(service)).items():
                for kind, make in (await _makers(url, key)).items():
                    ways[_way(kind, name, limit)] = await asked(url, make)
        conn = await stack.enter_async_context(bare_connection(world))
        begin = f"BEGIN; SET LOCAL app.project = '{new_id()}'"
        ways[UNSET] = timed(lambda: _empty(conn, "BEGIN"))
        ways[SET] = timed(lambda: _empty(conn, begin))
        yield ways


async def _empty(conn: Any, begin: str) -> None:
    await conn.execute(begin)
    await conn.execute("COMMIT")


def _way(kind: str, service: str, limit: str) -> str:
    return f"{kind}, {service}, {limit}"


async def _makers(url: str, key: str) -> dict[str, Any]:
    """By what they measure: what makes the requests."""
    same = {**body(f"The same question of run {uuid4()}"), "temperature": 0, "store": True}
    connection = await connect(url)
    try:
        await connection.send(request(url, {**same, "memory": False}, key=key))
        again = await connection.send(request(url, {**same, **HITS["hit, stored"]}, key=key))
    finally:
        connection.close()
    assert b"x-cache: hit" in again.head.lower(), again.head
    hits = {name: request(url, {**same, **fields}, key=key) for name, fields in HITS.items()}
    calls = {name: asker(url, key, **fields) for name, fields in CALLS.items()}
    return {**calls, **{name: lambda sent=sent: sent for name, sent in hits.items()}}


async def _keys(service: Serving) -> dict[str, str]:
    """A new key without a limit, and one with limits that are never reached."""
    admin, url = service.credentials.admin_key, f"{service.credentials.base_url}/api_keys"
    keys = {}
    connection = await connect(url)
    try:
        for name in KEYS:
            wanted = {"name": name, "scopes": ["engine", "cache"]}
            made = (await connection.send(request(url, wanted, key=admin))).json()
            keys[name] = made["key"]
            if name == "limit":
                limits = f"{url}/{made['id']}/limits"
                await connection.send(request(limits, WIDE, key=admin, method="PUT"))
    finally:
        connection.close()
    return keys


# Reporting


def _times(samples: dict[str, Samples]) -> Table:
    alone = samples[ALONE].medians()
    rows: list[dict[str, Any]] = [
        {
            "way": name,
            "p10_ms": percentile(sampled.totals, 10),
            "p50_ms": percentile(sampled.totals, 50),
            "p99_ms": percentile(sampled.totals, 99),
            "added_p50_ms": difference(sampled.medians(), alone) if "call" in name else None,
        }
        for name, sampled in samples.items()
    ]
    notes = [
        "Without walls: no table has row security; the project is still set, at no round trip."
    ]
    return Table("With and without walls and limits, one at a time", rows, notes)


def _costs(samples: dict[str, Samples]) -> Table:
    kinds = (*CALLS, *HITS)
    rows: list[dict[str, Any]] = [
        {
            "what": kind,
            "walls_to_none": _of_walls(samples, kind, "no limit"),
            "walls_to_none_with_limit": _of_walls(samples, kind, "limit"),
            "limit_to_none": _of_limit(samples, kind, "walls"),
            "both_to_neither": _ratio(
                samples, kind, _way(kind, "walls", "limit"), _way(kind, "no walls", "no limit")
            ),
        }
        for kind in kinds
    ]
    rows.append(
        {
            "what": "setting the project",
            "walls_to_none": ratio(samples[SET].medians(), samples[UNSET].medians()),
        }
    )
    notes = ["Of a call: the time added to the engine's own. Of a hit: all of it."]
    return Table("What they cost, as ratios", rows, notes)


def _of_walls(samples: dict[str, Samples], kind: str, limit: str) -> Ratio:
    return _ratio(samples, kind, *(_way(kind, service, limit) for service in SERVICES))


def _of_limit(samples: dict[str, Samples], kind: str, service: str) -> Ratio:
    return _ratio(samples, kind, *(_way(kind, service, limit) for limit in reversed(KEYS)))


def _ratio(samples: dict[str, Samples], kind: str, one: str, other: str) -> Ratio:
    alone = samples[ALONE].medians() if kind in CALLS else [0.0] * len(samples[one].rounds)

    def own(way: str) -> list[float]:
        return [a - b for a, b in zip(samples[way].medians(), alone, strict=True)]

    return ratio(own(one), own(other))


def _claims(samples: dict[str, Samples]) -> list[Claim]:
    """No aim stands for them."""
    return [
        Claim(f"{kind}, {what}", found, "times", "")
        for kind in (*CALLS, *HITS)
        for what, found in (
            ("walls to none", _of_walls(samples, kind, "no limit")),
            ("a limit to none", _of_limit(samples, kind, "walls")),
        )
    ]

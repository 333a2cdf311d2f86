"""An exact cache hit: against a constant answer of the same server, an indexed read, a commit."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any
from uuid import uuid4

from app.cache.queries import find_entry
from app.db.sql import Connection
from app.ids import ProjectId, UserId
from tests.bench import references
from tests.bench.bare_sql import COMMIT, bare_connection, committing
from tests.bench.calls import asking, body
from tests.bench.client import connect, request
from tests.bench.load import Load, put_under_load
from tests.bench.measure import (
    Progress,
    Samples,
    Way,
    interleave,
    percentile,
    ratio,
    spread,
    timed,
    total,
)
from tests.bench.options import Options
from tests.bench.report import Claim, Findings, Table, at_least, at_most
from tests.bench.world import World

CONNECTIONS = 32
READ = "one indexed read"
SHAPES = {"stream": True, "whole": False}
STORING: dict[str, dict[str, Any]] = {
    "hit, store: false": {"store": False},
    "hit, stored": {"memory": False},
}
CONSTANT = "constant answer"


async def run(world: World, options: Options, progress: Progress) -> Findings:
    asked = {**body(f"The same question of run {uuid4()}"), "temperature": 0, "store": True}
    await _fill(world, asked)
    requests = {**_constants(world), **_hits(world, asked)}
    async with AsyncExitStack() as stack:
        ways: dict[str, Way] = {}
        for name, (url, sent) in requests.items():
            connection = await connect(url)
            stack.callback(connection.close)
            ways[name] = asking(connection, _always(sent))
        conn = await stack.enter_async_context(bare_connection(world))
        ways[READ], ways[COMMIT] = await _reading(conn), committing(conn)
        samples = await interleave(
            ways, rounds=options.rounds, calls=options.calls, progress=progress
        )
    loads = await _under_load(requests, options, progress)
    return Findings(
        "exact_hit",
        [_times_table(samples), _load_table(loads)],
        [*_time_claims(samples), *_load_claims(loads)],
    )


async def _fill(world: World, asked: dict[str, Any]) -> None:
    """Asked twice: the second answer is a hit, and its bytes are the constant answers'."""
    url, connection = f"{world.url}/responses", await connect(world.url)
    peer = await connect(world.peer_url)
    try:
        for _ in range(2):
            reply = await connection.send(request(url, {**asked, "memory": False}, key=world.key))
        assert b"x-cache: hit" in reply.head.lower(), reply.head
        streamed = await connection.send(
            request(url, {**asked, "stream": True, "store": False}, key=world.key)
        )
        for name, content in (("whole", reply.body), ("stream", streamed.body)):
            await peer.send(request(f"{world.peer_url}/kept/{name}", content, method="PUT"))
    finally:
        connection.close()
        peer.close()


# The ways


def _constants(world: World) -> dict[str, tuple[str, bytes]]:
    urls = {shape: f"{world.peer_url}/constant/{shape}" for shape in SHAPES}
    return {f"{CONSTANT}, {shape}": (url, request(url, {})) for shape, url in urls.items()}


def _hits(world: World, asked: dict[str, Any]) -> dict[str, tuple[str, bytes]]:
    url = f"{world.url}/responses"
    return {
        f"{name}, {shape}": (
            url,
            request(url, {**asked, **fields, "stream": stream}, key=world.key),
        )
        for name, fields in STORING.items()
        for shape, stream in SHAPES.items()
    }


def _always(sent: bytes) -> Callable[[], bytes]:
    return lambda: sent


async def _reading(conn: Connection) -> Way:
    found = await conn.fetchrow("SELECT project_id, user_id, namespace, key FROM cache_entries")
    assert found is not None
    project, user = ProjectId(found["project_id"]), UserId(found["user_id"])

    async def read() -> None:
        assert await find_entry(conn, project, user, found["namespace"], found["key"])

    return timed(read)


async def _under_load(
    requests: dict[str, tuple[str, bytes]], options: Options, progress: Progress
) -> dict[str, list[Load]]:
    rounds = 2 if options.quick else 4
    loads: dict[str, list[Load]] = {name: [] for name in requests}
    for round_ in range(rounds):
        progress(f"{CONNECTIONS} connections, round {round_ + 1} of {rounds}")
        for name, (url, sent) in requests.items():
            load = await put_under_load(
                url, _always(sent), connections=CONNECTIONS, seconds=options.load_seconds
            )
            loads[name].append(load)
    return loads


# Reporting


def _times_table(samples: dict[str, Samples]) -> Table:
    rows: list[dict[str, Any]] = [
        {
            "way": name,
            "p10_ms": percentile(sampled.totals, 10),
            "p50_ms": percentile(sampled.totals, 50),
            "p95_ms": percentile(sampled.totals, 95),
            "to_its_sum": _to_sum(name, samples) if name.startswith("hit") else None,
        }
        for name, sampled in samples.items()
    ]
    rows.append({"way": "LiteLLM, in memory (published)", "p50_ms": references.LITELLM_HIT_MS})
    notes = [
        "The sum of a hit: a constant answer of the same bytes, one read, and a commit if stored.",
        f"LiteLLM: {references.SOURCE}.",
    ]
    return Table("An exact hit, one at a time", rows, notes)


def _to_sum(name: str, samples: dict[str, Samples]) -> Any:
    shape = name.rpartition(", ")[2]
    parts = [f"{CONSTANT}, {shape}", READ, *([COMMIT] if "stored" in name else [])]
    return ratio(samples[name].medians(), total(*(samples[part].medians() for part in parts)))


def _load_table(loads: dict[str, list[Load]]) -> Table:
    rows: list[dict[str, Any]] = [
        {
            "way": name,
            "answers_per_s": spread([load.requests_per_second for load in rounds]),
            "p50_ms": spread([load.p50_ms for load in rounds]).middle,
            "p99_ms": spread([load.p99_ms for load in rounds]).middle,
        }
        for name, rounds in loads.items()
    ]
    known = references.LITELLM_HITS_PER_SECOND
    rows.append({"way": "LiteLLM, in memory (published)", "answers_per_s": known})
    return Table("Hits a second", rows, [f"{CONNECTIONS} connections, one worker."])


def _time_claims(samples: dict[str, Samples]) -> list[Claim]:
    return [
        at_most(f"{name}, to its sum", _to_sum(name, samples), 1.5)
        for name in samples
        if name.startswith("hit")
    ]


def _load_claims(loads: dict[str, list[Load]]) -> list[Claim]:
    known = references.LITELLM_HITS_PER_SECOND
    return [
        at_least(
            f"{name}, a second, to LiteLLM's (published)",
            spread([load.requests_per_second / known for load in rounds]),
            10,
        )
        for name, rounds in loads.items()
        if name.startswith("hit")
    ]

"""What a conversation of n turns costs to keep, and how long its context takes to be found.

The service of this bench runs in the bench, on a database of its own in the world's Postgres, with
the test engine, which answers each turn differently: equal answers would be stored once.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from app.config import Config
from app.conversations.contents import Hasher
from app.conversations.context import resolve
from app.conversations.thread import find_thread
from app.db.database import Database, open_database
from app.db.sql import Connection
from app.ids import parse_id
from app.vault import Vault, read_secret_key
from app.web.principal import Caller, Principal
from tests.bench.measure import Progress, Ratio, Samples, Way, interleave, ratio, spread, timed
from tests.bench.options import Options
from tests.bench.report import Claim, Findings, Table, at_most
from tests.bench.talkers import ByMessages, ByPreviousResponse, ByWholeInput, Talker
from tests.bench.world import World
from tests.support.api import open_api
from tests.support.engine import FakeEngine, run_fake_engine
from tests.support.postgres_fixtures import fresh_database
from tests.support.rows import connected, tenant_tables
from tests.support.service import SECRET, Service, run_service

WINDOW = 5
"""Bytes a turn are those of the last turns up to n: what one more turn costs there."""

GROWTH_MAX = 1.2
COLUMNS = """
    SELECT string_agg(format('coalesce(pg_column_size(%I), 0)', attname), ' + ')
    FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped"""
PASSING = "outbox"
"""Work that waits, and is gone in a moment."""

ROW_HEADER_BYTES = 24
BARE_READ = """
    SELECT c.body FROM items i
    JOIN contents c ON c.project_id = i.project_id AND c.user_id = i.user_id
        AND c.hash = i.content_hash
    WHERE i.project_id = $1 AND i.branch_id = $2 AND i.position < $3 ORDER BY i.position"""


class Grown(NamedTuple):
    """How one client's conversation grew."""

    user: str
    turn_bytes: dict[int, float]
    """What a turn costs, in rows, at so many turns."""
    disk_bytes: float
    """A turn over all of them, with indexes and the pages' slack."""


async def run(world: World, options: Options, progress: Progress) -> Findings:
    marks = (10, 100) if options.quick else (10, 100, 1_000)
    async with _service(world) as (service, engine), open_api(service) as api:
        named, sent = ByPreviousResponse(api), ByWholeInput(api)
        talkers: list[Talker] = [named, sent, ByMessages(api)]
        grown = [await _grow(service, engine, one, marks, progress) for one in talkers]
        samples = {n: await _resolve(service, named, sent, n, options, progress) for n in marks}
    tables = [_bytes_table(grown), _resolve_table(samples)]
    return Findings("storage", tables, [*_bytes_claims(grown, marks), *_resolve_claims(samples)])


@asynccontextmanager
async def _service(world: World) -> AsyncIterator[tuple[Service, FakeEngine]]:
    async with run_fake_engine() as engine:
        config = Config(
            data_dir=world.data_dir,
            engine_url=engine.url,
            engine_api_key=engine.key,
            engine_kind="responses",
            log_level="warning",
        )
        with fresh_database(world.postgres) as urls:
            async with run_service(urls, config) as service:
                yield service, engine


async def _grow(
    service: Service, engine: FakeEngine, talker: Talker, marks: Sequence[int], progress: Progress
) -> Grown:
    turn_bytes, disk = {}, await _disk_bytes(service)
    for mark in marks:
        progress(f"{talker.user}: up to {mark:,} turns")
        await _talk(talker, engine, mark - WINDOW)
        before = await _row_bytes(service, talker.user)
        await _talk(talker, engine, mark)
        turn_bytes[mark] = (await _row_bytes(service, talker.user) - before) / WINDOW
    return Grown(talker.user, turn_bytes, (await _disk_bytes(service) - disk) / marks[-1])


async def _talk(talker: Talker, engine: FakeEngine, turns: int) -> None:
    while talker.turns < turns:
        await talker.say()
        engine.received.clear()  # whole histories, which nobody here asks for


async def _row_bytes(service: Service, user: str) -> int:
    """Of all rows that belong to a user, as they lie in the tables: compressed, if they are."""
    async with connected(service.urls.superuser) as conn:
        user_id = await conn.fetchval("SELECT user_id FROM users WHERE external_id = $1", user)
        tables = [table for table in await tenant_tables(conn) if table != PASSING]
        return sum([await _table_bytes(conn, table, user_id) for table in tables])


async def _table_bytes(conn: Connection, table: str, user_id: Any) -> int:
    columns = await conn.fetchval(COLUMNS, table)
    if '"user_id"' not in columns and "(user_id)" not in columns:
        return 0
    size = f"SELECT coalesce(sum({ROW_HEADER_BYTES} + {columns}), 0) FROM {table}"
    found: int = await conn.fetchval(f"{size} WHERE user_id = $1", user_id)
    return found


async def _disk_bytes(service: Service) -> int:
    async with connected(service.urls.superuser) as conn:
        found: int = await conn.fetchval("SELECT pg_database_size(current_database())")
    return found


async def _resolve(
    service: Service,
    named: ByPreviousResponse,
    sent: ByWholeInput,
    n: int,
    options: Options,
    progress: Progress,
) -> dict[str, Samples]:
    progress(f"the context at {n:,} turns")
    async with (
        open_database(service.urls.service, service.config) as database,
        connected(service.urls.superuser) as bare,
    ):
        ways = {
            "resolve": await _resolving(database, bare, named, n),
            "known again": await _knowing(database, bare, sent, n),
            "bare read": await _reading(bare, named.responses[n - 1]),
        }
        return await interleave(
            ways, rounds=options.rounds, calls=options.calls // 4, progress=progress
        )


async def _resolving(
    database: Database, bare: Connection, named: ByPreviousResponse, n: int
) -> Way:
    caller, previous = await _caller(bare, named.user), named.responses[n - 1]

    async def found() -> None:
        async with database.tenant(caller.project) as conn:
            context = await resolve(
                conn, caller, previous_response=previous, conversation=None, items_max=10_000
            )
        assert len(context.items) == 2 * n

    return timed(found)


async def _knowing(database: Database, bare: Connection, sent: ByWholeInput, n: int) -> Way:
    """The history of n turns, and one message more."""
    caller = await _caller(bare, sent.user)
    key = Vault(read_secret_key(SECRET)).derive("contents")
    items = sent.items[: 2 * n]

    async def found() -> None:
        hasher = Hasher(key, caller.project, caller.owner)
        given = [hasher.item(item) for item in items]
        async with database.tenant(caller.project) as conn:
            context = await find_thread(conn, caller, hasher.beginning(None), given)
        assert context.resent == 2 * n

    return timed(found)


async def _reading(bare: Connection, response: str) -> Way:
    place = await bare.fetchrow(
        "SELECT project_id, branch_id, end_position FROM turns WHERE turn_id = $1",
        parse_id("resp", response),
    )
    assert place is not None

    async def read() -> None:
        rows = await bare.fetch(BARE_READ, *place.values())
        assert len(rows) == place["end_position"]

    return timed(read)


async def _caller(conn: Connection, user: str) -> Caller:
    row = await conn.fetchrow(
        """SELECT u.project_id, u.user_id, t.key_id FROM users u
           JOIN turns t ON t.project_id = u.project_id AND t.user_id = u.user_id
           WHERE u.external_id = $1 LIMIT 1""",
        user,
    )
    assert row is not None
    return Caller(Principal(row["project_id"], row["key_id"], frozenset()), row["user_id"], user)


def _bytes_table(grown: list[Grown]) -> Table:
    rows = [
        {
            "client": one.user,
            **{f"at_{n}_turns_bytes": round(size) for n, size in one.turn_bytes.items()},
            "on_disk_bytes": round(one.disk_bytes),
        }
        for one in grown
    ]
    notes = [
        "Rows of one more turn (a message of 200 characters and its answer, response, event log",
        "and request row), without memories; on disk: over all turns, with indexes and slack.",
    ]
    return Table("Bytes a turn", rows, notes)


def _resolve_table(samples: dict[int, dict[str, Samples]]) -> Table:
    rows = [
        {
            "turns": f"{n:,}",
            **{
                f"{name.replace(' ', '_')}_ms": spread(s.medians()).middle
                for name, s in ways.items()
            },
            "resolve_to_read": _to_read(ways, "resolve"),
            "known_again_to_read": _to_read(ways, "known again"),
        }
        for n, ways in samples.items()
    ]
    notes = [
        "Resolve: from previous_response_id to all items, read and decoded, as the service's role.",
        "Known again: a history that is sent is hashed, and found in one query.",
        "Bare read: the same items by one SQL range read, as a superuser, without decoding.",
    ]
    return Table("The context", rows, notes)


def _to_read(ways: dict[str, Samples], name: str) -> Ratio:
    return ratio(ways[name].medians(), ways["bare read"].medians())


def _bytes_claims(grown: list[Grown], marks: Sequence[int]) -> list[Claim]:
    first, last = marks[0], marks[-1]
    return [
        at_most(
            f"bytes of a turn at {last:,} turns, to those at {first}: {one.user}",
            spread([one.turn_bytes[last] / one.turn_bytes[first]]),
            GROWTH_MAX,
        )
        for one in grown
    ]


def _resolve_claims(samples: dict[int, dict[str, Samples]]) -> list[Claim]:
    return [
        Claim(f"resolving {n:,} turns, to a bare read", _to_read(ways, "resolve"), "times", "")
        for n, ways in samples.items()
    ]

"""The outbox when work fails, workers die, and what work waits for is not there."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import asyncpg
import msgspec
import pytest
from structlog.testing import capture_logs

from app.config import Config
from app.db.database import Database, open_database
from app.db.embedded import EmbeddedPostgres
from app.db.migrate import migrate
from app.db.sql import Connection
from app.errors import Unavailable
from app.ids import PROJECT_ITSELF, ProjectId, new_id
from app.jobs.outbox import backlog, cancel, done, enqueue, list_failed, retry_failed
from app.jobs.runner import (
    DROP_EXPIRED_MAX,
    STOP_SECONDS,
    JobRunner,
    open_job_runner,
    retry_seconds,
)
from app.jobs.types import Handler, Job, Topic
from app.memory.remember import remember
from app.memory.types import NewMemory
from tests.support.eventually import eventually
from tests.support.postgres_fixtures import fresh_database

TOPIC: Topic = "remember_turn"
LONG_SECONDS = 300.0


class House(msgspec.Struct, frozen=True):
    """A database of its own, and what its owner sees in it."""

    database: Database
    owner: Connection
    project: ProjectId

    async def enqueue(self, *payloads: Any, subject: Any = None) -> None:
        async with self.database.tenant(self.project) as conn:
            for payload in payloads:
                await enqueue(conn, self.project, TOPIC, PROJECT_ITSELF, subject, payload)

    async def waiting(self) -> int:
        found: int = await self.owner.fetchval(
            "SELECT count(*) FROM outbox WHERE topic = $1", TOPIC
        )
        return found

    async def effects(self) -> list[str]:
        rows = await self.owner.fetch("SELECT content FROM memories ORDER BY content")
        return [row[0] for row in rows]

    async def attempts(self) -> list[int]:
        rows = await self.owner.fetch("SELECT attempts FROM outbox ORDER BY outbox_id")
        return [row[0] for row in rows]

    async def end_delays(self) -> None:
        """Time passes, but not as much as a lease lasts."""
        await self.owner.execute(
            "UPDATE outbox SET run_at = now() WHERE run_at < now() + interval '10 seconds'"
        )

    async def end_leases(self) -> None:
        await self.owner.execute("UPDATE outbox SET run_at = now()")

    async def nothing_waits(self) -> bool:
        return await self.waiting() == 0


@pytest.fixture
async def house(postgres: EmbeddedPostgres) -> AsyncIterator[House]:
    with fresh_database(postgres) as urls:
        await migrate(urls.owner)
        owner = await asyncpg.connect(urls.owner)
        project = ProjectId(new_id())
        await owner.execute("INSERT INTO projects VALUES ($1, 'outbox')", project)
        async with open_database(urls.service, Config()) as database:
            yield House(database, owner, project)
        await owner.close()


@asynccontextmanager
async def working(
    house: House,
    handle: Handler,
    *,
    poll_seconds: float = LONG_SECONDS,
    stop_seconds_max: float = STOP_SECONDS,
    **limits: int,
) -> AsyncIterator[JobRunner]:
    """Polling seldom unless said otherwise, so that a test sees what `wake` does."""
    config = Config(outbox_poll_seconds=poll_seconds, outbox_attempts_max=3)
    async with open_job_runner(house.database, config, stop_seconds_max) as jobs:
        jobs.serve(TOPIC, handle, **limits)
        yield jobs


async def work(conn: Connection, job: Job) -> None:
    """Something that would be seen twice if it were done twice."""
    memory = NewMemory(
        user_id=PROJECT_ITSELF,
        kind="note",
        content=str(job.payload),
        occurred_at=datetime.now(UTC),
        trust="application",
    )
    await remember(conn, job.project_id, [memory])


def handler(house: House, fails: Callable[[Job], BaseException | None]) -> Handler:
    """Works in one transaction a job, and fails between the work and `done`."""

    async def handle(jobs: Sequence[Job]) -> None:
        for job in jobs:
            async with house.database.tenant(job.project_id) as conn:
                await work(conn, job)
                if error := fails(job):
                    raise error
                await done(conn, job)

    return handle


async def test_work_begins_when_it_is_woken(house: House) -> None:
    async with working(house, handler(house, lambda _: None)) as jobs:
        await house.enqueue("a", "b")
        jobs.wake(TOPIC)
        await eventually(house.nothing_waits)
    assert await house.effects() == ["a", "b"]


async def test_what_others_left_is_found_by_polling(house: House) -> None:
    await house.enqueue("left")
    async with working(house, handler(house, lambda _: None), poll_seconds=0.01):
        await eventually(house.nothing_waits)
    assert await house.effects() == ["left"]


async def test_work_that_is_rolled_back_was_never_enqueued(house: House) -> None:
    async def enqueue_and_fail() -> None:
        async with house.database.tenant(house.project) as conn:
            await enqueue(conn, house.project, TOPIC, PROJECT_ITSELF, None, "never")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await enqueue_and_fail()
    assert await house.waiting() == 0


async def test_a_crash_between_work_and_done_leaves_no_work(house: House) -> None:
    failures = [RuntimeError("crash"), RuntimeError("crash")]
    handle = handler(house, lambda _: failures.pop() if failures else None)
    await house.enqueue("once")
    async with working(house, handle, poll_seconds=0.01):

        async def tried_again() -> bool:
            await house.end_delays()
            return await house.nothing_waits()

        await eventually(tried_again)
    assert not failures
    assert await house.effects() == ["once"]


async def test_two_workers_on_one_job_have_one_effect(house: House) -> None:
    """The first overruns its lease; a second takes the job over."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(jobs: Sequence[Job]) -> None:
        begun.set()
        await go_on.wait()
        await handler(house, lambda _: None)(list(jobs))

    await house.enqueue("once")
    async with working(house, slow, batches_max=1):
        await eventually(lambda: _is_set(begun))
        await house.end_leases()
        async with working(house, handler(house, lambda _: None), poll_seconds=0.01):
            await eventually(house.nothing_waits)
        go_on.set()
    assert await house.effects() == ["once"]


async def test_a_bad_job_does_not_hold_up_its_batch(house: House) -> None:
    def fails(job: Job) -> BaseException | None:
        return ValueError("bad") if job.payload == "bad" else None

    await house.enqueue("a", "bad", "c")

    async def only_the_bad_one_waits() -> bool:
        return await house.effects() == ["a", "c"] and await house.waiting() == 1

    async with working(house, handler(house, fails), poll_seconds=0.01):
        await eventually(only_the_bad_one_waits)


async def test_what_fails_each_time_is_kept_to_be_seen_and_tried_again(house: House) -> None:
    failing = True

    def fails(job: Job) -> BaseException | None:
        return ValueError("no such thing\x00") if failing else None

    await house.enqueue("kept")
    async with working(house, handler(house, fails), poll_seconds=0.01):

        async def given_up() -> bool:
            await house.end_delays()
            return bool(await list_failed(house.database, house.project))

        await eventually(given_up)
        failed = (await list_failed(house.database, house.project))[0]
        assert failed.error == "ValueError: no such thing\ufffd"
        assert failed.attempts == 3
        counts = [(b.topic, b.waiting, b.failed) for b in await backlog(house.database)]
        assert counts == [(TOPIC, 0, 1)]
        failing = False
        assert await retry_failed(house.database, house.project) == 1
        await eventually(house.nothing_waits)
    assert await house.effects() == ["kept"]


async def test_waiting_for_the_embedder_costs_no_attempt(house: House) -> None:
    waits = 10

    def fails(job: Job) -> BaseException | None:
        nonlocal waits
        waits -= 1
        return Unavailable("The embedder is loading.") if waits > 0 else None

    await house.enqueue("patient")
    async with working(house, handler(house, fails), poll_seconds=0.01):
        await eventually(house.nothing_waits)
    assert await house.effects() == ["patient"]


async def test_what_is_waited_for_is_said(house: House) -> None:
    handle = handler(house, lambda _: Unavailable("The embedder is loading."))
    await house.enqueue("waits")

    async def said() -> Any:
        return await house.owner.fetchval("SELECT error FROM outbox")

    async with working(house, handle):
        assert await eventually(said) == "The embedder is loading."
    assert await house.attempts() == [0]
    oldest = (await backlog(house.database))[0]
    assert oldest.waiting == 1
    assert oldest.oldest_seconds > 0


async def test_a_rest_is_logged_once(house: House) -> None:
    both_begun = asyncio.Barrier(2)

    async def handle(jobs: Sequence[Job]) -> None:
        await both_begun.wait()
        raise Unavailable("The embedder is loading.")

    async def both_released() -> bool:
        errors = await house.owner.fetch("SELECT error FROM outbox")
        return all(row[0] for row in errors)

    await house.enqueue("a", "b")
    with capture_logs() as logs:
        async with working(house, handle, jobs_max=1, batches_max=2):
            await eventually(both_released)
    said = [log["event"] for log in logs if log.get("why") == "The embedder is loading."]
    assert said == ["jobs.released"]


async def test_a_statement_that_always_takes_too_long_is_given_up(house: House) -> None:
    async def handle(jobs: Sequence[Job]) -> None:
        async with house.database.tenant(jobs[0].project_id) as conn:
            await conn.execute("SET LOCAL statement_timeout = 10; SELECT pg_sleep(60)")

    await house.enqueue("endless")
    async with working(house, handle, poll_seconds=0.01):

        async def given_up() -> bool:
            await house.end_delays()
            return bool(await list_failed(house.database, house.project))

        await eventually(given_up)
    assert (await list_failed(house.database, house.project))[0].attempts == 3


async def test_a_job_that_kills_its_workers_is_given_up(house: House) -> None:
    await house.enqueue("deadly", "harmless")
    await house.owner.execute("UPDATE outbox SET attempts = 3 WHERE payload::text = '\"deadly\"'")
    async with working(house, handler(house, lambda _: None), poll_seconds=0.01):
        await eventually(lambda: list_failed(house.database, house.project))
    assert await house.effects() == ["harmless"]
    assert "worker" in (await list_failed(house.database, house.project))[0].error


async def test_a_stop_gives_leases_back(house: House) -> None:
    begun = asyncio.Event()

    async def never_ends(jobs: Sequence[Job]) -> None:
        begun.set()
        await asyncio.Event().wait()

    await house.enqueue("again")
    async with working(house, never_ends, stop_seconds_max=0.01):
        await eventually(lambda: _is_set(begun))
    assert await house.attempts() == [0]
    async with working(house, handler(house, lambda _: None), poll_seconds=0.01):
        await eventually(house.nothing_waits)


async def test_a_stop_lets_work_in_hand_end(house: House) -> None:
    begun = asyncio.Event()

    async def slow(jobs: Sequence[Job]) -> None:
        begun.set()
        async with house.database.tenant(house.project) as conn:
            await conn.execute("SELECT pg_sleep(0.2)")
        await handler(house, lambda _: None)(list(jobs))

    await house.enqueue("ended")
    async with working(house, slow):
        await eventually(lambda: _is_set(begun))
    assert await house.effects() == ["ended"]


async def test_no_more_batches_at_once_than_allowed(house: House) -> None:
    at_once = most = 0

    async def handle(jobs: Sequence[Job]) -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        assert len(jobs) <= 3
        await handler(house, lambda _: None)(list(jobs))
        at_once -= 1

    await house.enqueue(*map(str, range(40)))
    async with working(house, handle, poll_seconds=0.01, jobs_max=3, batches_max=2):
        await eventually(house.nothing_waits)
    assert most == 2
    assert len(await house.effects()) == 40


async def test_work_on_what_is_no_more_is_dropped(house: House) -> None:
    subject = new_id()
    await house.enqueue("gone", subject=subject)
    await house.enqueue("stays", subject=new_id())
    async with house.database.tenant(house.project) as conn:
        await cancel(conn, house.project, TOPIC, [subject])
    assert await house.waiting() == 1


async def test_what_has_run_out_is_dropped_however_much_it_is(house: House) -> None:
    """Long before the next minute, in which it is looked for again."""
    await house.owner.execute(
        """
        INSERT INTO idempotency_keys (
            project_id, principal_id, user_id, claim_id, key_hash, body_hash, lease_until,
            expires_at)
        SELECT $1, $2, $2, $2, int4send(n), '', now(), now() - interval '1 hour'
        FROM generate_series(1, $3::integer) AS n""",
        house.project,
        new_id(),
        2 * DROP_EXPIRED_MAX + 1,
    )

    async def all_dropped() -> bool:
        return not await house.owner.fetchval("SELECT count(*) FROM idempotency_keys")

    async with working(house, handler(house, lambda _: None)):
        await eventually(all_dropped)


def test_delays_grow_to_a_bound() -> None:
    assert [retry_seconds(n) for n in (1, 2, 3, 8, 40)] == [2, 4, 8, 256, 300]


async def _is_set(event: asyncio.Event) -> bool:
    return event.is_set()

"""Two workers on one Postgres, of which the first is killed at a random moment: rounds that check
that nothing acknowledged is lost, nothing is completed twice, nothing hangs.

The clients: some begin responses through the first worker and read there, some follow them through
the second, some cancel, and all who lose their connection resume through the second.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress

import aiohttp
import msgspec

from app.config import Config
from app.db.sql import Connection
from tests.support.api import Api, Json, open_api, text_of
from tests.support.eventually import eventually
from tests.support.postgres_fixtures import DatabaseUrls
from tests.support.rows import connected
from tests.support.worker import Worker, run_worker

LEASE_SECONDS = 2.0
SECONDS_MAX = 60.0
"""Until all of a round has ended; what takes longer hangs."""
KILL_SECONDS_MAX = 2.0
ENDS = ("response.completed", "response.failed", "response.incomplete", "error")
NOTHING_HALF = {
    "a segment": "SELECT count(*) FROM event_segments",
    "a response that is not one row of the request log": """
        SELECT count(*) FROM responses r
        WHERE (SELECT count(*) FROM requests q WHERE q.response_id = r.response_id) <> 1""",
    "a turn without all its items": """
        SELECT count(*) FROM turns t
        WHERE (SELECT count(*) FROM items i
               WHERE i.project_id = t.project_id AND i.turn_id = t.turn_id)
            <> t.end_position - t.start_position""",
}


class Seen(msgspec.Struct):
    """What one client saw of one response."""

    number: int
    background: bool
    response_id: str = ""
    events: list[Json] = []
    cancelled: bool = False

    @property
    def last(self) -> Json | None:
        ended = self.events and self.events[-1]["type"] in ENDS
        return self.events[-1] if ended else None

    @property
    def text(self) -> str:
        return "".join(
            event["delta"] for event in self.events if event["type"] == "response.output_text.delta"
        )

    def note(self, event: Json) -> None:
        if not self.response_id:
            self.response_id = event["response"]["id"]
        self.events.append(event)


async def read(answer: aiohttp.ClientResponse, seen: Seen) -> None:
    """To the end, or to where the connection breaks off."""
    with suppress(aiohttp.ClientError, ConnectionError, asyncio.IncompleteReadError):
        while frame := await answer.content.readuntil(b"\n\n"):
            data = frame.partition(b"data: ")[2]
            if frame.endswith(b"\n\n") and data != b"[DONE]\n\n":
                seen.note(msgspec.json.decode(data))


async def follow(api: Api, seen: Seen) -> None:
    """From after what was seen, to the end."""
    after = seen.events[-1]["sequence_number"] if seen.events else -1
    query = "?stream=true" + (f"&starting_after={after}" if after >= 0 else "")
    async with api.open("GET", f"/v1/responses/{seen.response_id}{query}") as answer:
        assert answer.status == 200, await answer.read()
        await read(answer, seen)


def workers_config(config: Config) -> Config:
    return msgspec.structs.replace(
        config,
        worker_lease_seconds=LEASE_SECONDS,
        running_visible_after_seconds=0.1,
        segment_seconds=0.1,
        drain_seconds=1,
        log_level="error",
    )


class Round:
    def __init__(self, first: Worker, first_api: Api, second: Api, chance: random.Random) -> None:
        self._first, self._first_api, self._second = first, first_api, second
        self._chance = chance
        self.counts: Counter[str] = Counter()

    async def run(self) -> None:
        async with asyncio.timeout(SECONDS_MAX):
            crowd = [self._speak(Seen(number, number % 2 == 0)) for number in range(10)]
            tasks = [asyncio.create_task(each) for each in crowd]
            await asyncio.sleep(self._chance.uniform(0, KILL_SECONDS_MAX))
            self._first.kill()
            for seen in await asyncio.gather(*tasks):
                await self._check(seen)

    async def _speak(self, seen: Seen) -> Seen:
        words = self._chance.randint(5, 80)
        said = f"Say something. [[words:{words}]] [[delay:0.02]]"
        with suppress(aiohttp.ClientError):
            if seen.background:
                await self._leave_it_running(seen, said)
            else:
                async with self._first_api.streaming(said) as answer:
                    await read(answer, seen)
        return seen

    async def _leave_it_running(self, seen: Seen, said: str) -> None:
        queued = await self._first_api.respond(said, background=True)
        seen.response_id = queued["id"]
        work: list[Awaitable[None]] = [follow(self._second, seen)]
        if seen.number % 4 == 0:
            work.append(self._cancel(seen))
        await asyncio.gather(*work)

    async def _cancel(self, seen: Seen) -> None:
        await asyncio.sleep(self._chance.uniform(0, KILL_SECONDS_MAX))
        path = f"/v1/responses/{seen.response_id}/cancel"
        first = await self._second.send("POST", path)
        again = await self._second.send("POST", path)
        assert first.status == 200, first.raw
        assert first.body == again.body
        seen.cancelled = first.body["status"] == "cancelled"

    async def _check(self, seen: Seen) -> None:
        """What a client was told is so, and its end can be had by all."""
        if not seen.response_id:
            self.counts["not begun"] += 1
            return
        stored = await self._second.get(f"/v1/responses/{seen.response_id}")
        if stored.status == 404:
            self._check_unknown(seen)
            return
        if seen.last is None:
            await follow(self._second, seen)
            self.counts["resumed"] += 1
        assert seen.last, "a stream without its end"
        body = (await self._second.get(f"/v1/responses/{seen.response_id}")).body
        assert seen.last["response"] == body
        self._check_text(seen, body)
        self.counts[body["status"]] += 1
        if body["status"] == "completed":
            await self._continue(seen)

    def _check_unknown(self, seen: Seen) -> None:
        """Only what no other worker could know yet, and whose client was told no end."""
        assert not seen.background, "an acknowledged response is gone"
        assert seen.last is None, "an ended response is gone"
        self.counts["too young to be kept"] += 1

    def _check_text(self, seen: Seen, body: Json) -> None:
        """A client may have had the last tenths of a second of a worker that died: no more."""
        lost = body["status"] == "failed"
        if lost:
            assert body["error"]["code"] == "worker_lost"
            assert seen.text.startswith(text_of(body))
            return
        assert seen.text == text_of(body)
        numbers = [event["sequence_number"] for event in seen.events]
        assert numbers == list(range(len(numbers)))
        assert seen.cancelled == (body["status"] == "cancelled")

    async def _continue(self, seen: Seen) -> None:
        more = await self._second.create("And then?", previous_response_id=seen.response_id)
        assert more.status == 200, more.raw
        self.counts["continued"] += 1


@asynccontextmanager
async def two_workers(urls: DatabaseUrls, config: Config) -> AsyncIterator["Pair"]:
    """The second lives; the first is another one in each round."""
    config = workers_config(config)
    async with run_worker(urls, config) as second, open_api(second.service) as api:
        yield Pair(urls, config, api)


class Pair:
    def __init__(self, urls: DatabaseUrls, config: Config, second: Api) -> None:
        self._urls, self._config, self._second = urls, config, second

    async def kill_the_first(self, seed: int) -> Counter[str]:
        """One round; what happened, counted. Fails where something was lost, twice or hung."""
        async with run_worker(self._urls, self._config) as first, open_api(first.service) as api:
            this = Round(first, api, self._second, random.Random(seed))
            try:
                await this.run()
            except BaseException as error:
                error.add_note(f"in the round with seed {seed}")
                raise
        async with connected(self._urls.owner) as conn:
            await eventually(lambda: _all_ended(conn), seconds=SECONDS_MAX)
            for what, sql in NOTHING_HALF.items():
                assert await conn.fetchval(sql) == 0, what
        return this.counts


async def _all_ended(conn: Connection) -> bool:
    """Also those of which no client was told."""
    return not await conn.fetchval("SELECT count(*) FROM running_responses")

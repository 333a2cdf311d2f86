"""Waking other workers: LISTEN on one direct connection a worker, polling where there is none.

Signals only, never payloads: what one is about is named by its id, and read from its table.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from uuid import UUID

import asyncpg
import structlog

from app.config import Config
from app.db.connect import REFUSED
from app.db.database import AWAY
from app.db.sql import Connection

log = structlog.get_logger()

CHANNEL = "backstory"
CONNECT_AGAIN_SECONDS = 2.0
CONNECT_SECONDS_MAX = 5.0


class Signals:
    """Heard in every worker, also in the one that sends; now and then one is lost."""

    def __init__(self) -> None:
        self._waiting: defaultdict[str, set[asyncio.Event]] = defaultdict(set)

    @asynccontextmanager
    async def about(self, *subjects: UUID) -> AsyncIterator[asyncio.Event]:
        """An event that is set by each signal about one of these, and for nothing at times."""
        changed = asyncio.Event()
        for subject in subjects:
            self._waiting[str(subject)].add(changed)
        try:
            yield changed
        finally:
            for subject in subjects:
                self._leave(str(subject), changed)

    def _leave(self, subject: str, changed: asyncio.Event) -> None:
        self._waiting[subject].discard(changed)
        if not self._waiting[subject]:
            del self._waiting[subject]

    def hear(self, subject: str) -> None:
        for changed in self._waiting.get(subject, ()):
            changed.set()

    def hear_all(self) -> None:
        for subject in list(self._waiting):
            self.hear(subject)


async def send(conn: Connection, subject: UUID) -> None:
    """Leaves with the transaction's commit."""
    await conn.execute("SELECT pg_notify($1, $2)", CHANNEL, str(subject))


async def wait(changed: asyncio.Event, seconds: float) -> None:
    """Until it changed, or for so long where the signal was lost; forgets what it has heard."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await changed.wait()
    changed.clear()


@asynccontextmanager
async def open_signals(config: Config) -> AsyncIterator[Signals]:
    """Listens where a URL leads to Postgres itself: behind a pooler nothing would be heard, and the
    server that another gets next would go on listening."""
    signals = Signals()
    url = config.database_direct_url
    if url is None and config.database_statement_cache:
        url = config.database_url
    if url is None:
        yield signals
        return
    task = asyncio.create_task(_listen_forever(url, signals))
    try:
        yield signals
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _listen_forever(url: str, signals: Signals) -> None:
    while True:
        try:
            await _listen(url, signals)
        except (*AWAY, *REFUSED, asyncpg.PostgresError) as error:
            log.debug("signals.not_heard", why=type(error).__name__)
        await asyncio.sleep(CONNECT_AGAIN_SECONDS)


async def _listen(url: str, signals: Signals) -> None:
    """Until the connection ends."""
    ended = asyncio.Event()
    conn = await asyncpg.connect(url, timeout=CONNECT_SECONDS_MAX)
    try:
        conn.add_termination_listener(lambda _: ended.set())
        await conn.add_listener(CHANNEL, lambda _conn, _pid, _channel, name: signals.hear(name))
        signals.hear_all()  # what was sent before we listened
        await ended.wait()
    finally:
        conn.terminate()

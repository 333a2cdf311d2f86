"""Writing the request log: a stored turn's row in its own commit, the others here in batches.

A kill may lose the rows of the last `request_flush_seconds`; a clean stop loses none.
"""

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import structlog
from litestar.types import Message, Scope

from app.config import Config
from app.db.database import Database
from app.errors import Unavailable
from app.ids import PROJECT_ITSELF, ProjectId, RequestId, created_at
from app.log import said
from app.usage import queries
from app.usage.types import RequestRecord
from app.web.front import visit
from app.web.principal import Principal

log = structlog.get_logger()

BATCH_MAX = 500
LOGGED_PATHS = "/v1/"


class RequestLog:
    def __init__(self, database: Database, buffer_max: int) -> None:
        self._database = database
        self._waiting: deque[RequestRecord] = deque()
        self._buffer_max = buffer_max
        self.dropped = 0

    def add(self, record: RequestRecord) -> None:
        """Keeps a record for the next batch; above the limit the oldest is dropped and counted."""
        if len(self._waiting) >= self._buffer_max:
            self._waiting.popleft()
            self.dropped += 1
        self._waiting.append(record)

    async def flush(self) -> None:
        """Writes what waits. Where the database is away it goes on waiting."""
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(BATCH_MAX, len(self._waiting)))]
            try:
                for project, records in _by_project(batch).items():
                    await self._write_what_can_be(project, records)
            except BaseException as error:
                # Also where a stop cuts it off: what is written twice is kept once.
                self._waiting.extendleft(reversed(batch))
                if isinstance(error, Unavailable):
                    return
                raise

    async def _write_what_can_be(self, project: ProjectId, records: list[RequestRecord]) -> None:
        """One record that the database refuses takes no other with it."""
        try:
            await self._write(project, records)
        except Unavailable:
            raise
        except Exception as error:
            if len(records) == 1:
                self.dropped += 1
                log.warning("requests.refused", endpoint=records[0].endpoint, error=said(error))
                return
            for record in records:
                await self._write_what_can_be(project, [record])

    async def _write(self, project: ProjectId, records: list[RequestRecord]) -> None:
        async with self._database.tenant(project) as conn:
            await queries.insert_requests(conn, records)


def _by_project(batch: Iterable[RequestRecord]) -> dict[ProjectId, list[RequestRecord]]:
    by_project: dict[ProjectId, list[RequestRecord]] = defaultdict(list)
    for record in batch:
        by_project[record.project_id].append(record)
    return by_project


async def observe(message: Message, scope: Scope) -> None:
    """A `before_send` hook: notes the status, and adds the record when the answer is sent.

    A record that was disowned is written by the one that has it.
    """
    state = scope.setdefault("state", {})
    if message["type"] == "http.response.start":
        state["status"] = message["status"]
    elif message["type"] == "http.response.body" and not message.get("more_body"):
        record = None if state.get("record_owned") else record_of(scope)
        if record is not None:
            record.status = state.get("status", 500)
            record.error_code = state.get("error_code")
            record.user_id = state.get("user") or record.user_id
            record.total_ms = elapsed_ms(scope)
            request_log: RequestLog = scope["app"].state["request_log"]
            request_log.add(record)


def record_of(scope: Scope) -> RequestRecord | None:
    """The request's record, made at the first call; None for what is not logged."""
    principal: Principal | None = scope.get("auth")
    if principal is None or not scope["path"].startswith(LOGGED_PATHS):
        return None
    state = scope.setdefault("state", {})
    if "record" not in state:
        state["record"] = _new_record(scope, principal)
    record: RequestRecord = state["record"]
    return record


def disown(scope: Scope) -> None:
    """From here on somebody else writes the record: with its turn, or when its stream ends."""
    scope["state"]["record_owned"] = True


def elapsed_ms(scope: Scope) -> float:
    return (time.perf_counter() - visit(scope)[1]) * 1000


def _new_record(scope: Scope, principal: Principal) -> RequestRecord:
    request_id = RequestId(visit(scope)[0])
    return RequestRecord(
        project_id=principal.project,
        created_at=created_at(request_id),
        request_id=request_id,
        user_id=PROJECT_ITSELF,
        key_id=principal.key,
        endpoint=f"{scope.get('method', 'WS')} {scope['path_template']}",
    )


@asynccontextmanager
async def open_request_log(database: Database, config: Config) -> AsyncIterator[RequestLog]:
    request_log = RequestLog(database, config.request_buffer_max)
    task = asyncio.create_task(_flush_forever(request_log, config.request_flush_seconds))
    try:
        yield request_log
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await request_log.flush()


async def _flush_forever(request_log: RequestLog, every_seconds: float) -> None:
    while True:
        await asyncio.sleep(every_seconds)
        try:
            await request_log.flush()
        except Exception:
            log.exception("requests.not_written")

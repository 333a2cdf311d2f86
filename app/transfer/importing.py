"""Memories on their way in: records as they arrive, in batches of one transaction each."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime

import msgspec
from litestar.exceptions import InternalServerException
from msgspec.structs import replace

from app.config import Config
from app.db.database import Database
from app.embeddings.types import Embedder
from app.errors import BackstoryError, Forbidden, InvalidRequest, TooLarge, Unavailable
from app.identity.users import Users
from app.ids import UserId
from app.jobs.runner import JobRunner
from app.memory.spoken import told_ahead
from app.transfer.formats import Format, told_by
from app.transfer.lines import Defaults, Reader
from app.transfer.records import Record, Records
from app.transfer.store import Fate, refresh_statistics, store
from app.transfer.types import ImportReport, Incoming, MemoryLine, Model, Tally
from app.web.principal import Caller, Scope

BATCH = 500
BATCH_BYTES_MAX = 8 * 2**20
"""A batch is stored when it has so many memories, or was so many bytes."""

SILENCE_SECONDS_MAX = 60.0
SKIPPED = {
    "differs": "Something else is stored under its id, and stays as it is.",
    "expired": "It has run out.",
}


class Services(msgspec.Struct, frozen=True):
    """What an import works with."""

    config: Config
    database: Database
    users: Users
    embedder: Embedder
    jobs: JobRunner


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """What a request says of the file. `reassign` makes every memory the caller's own."""

    format: Format | None
    reassign: bool
    defaults: Defaults


async def import_memories(
    services: Services, caller: Caller, wishes: Wishes, chunks: AsyncIterator[bytes]
) -> ImportReport:
    """What became of all that arrived. What is wrong with a record does not hold up the others.

    Raises TooLarge or InvalidRequest where the body is: what came before it is stored.
    """
    work = _Import(services, caller, wishes, await _model(services.embedder))
    records = Records(services.config.import_record_bytes_max)
    async for chunk in _bounded(chunks, services.config.import_bytes_max):
        for record in records.feed(chunk):
            await work.take(record)
    for record in records.end():
        await work.take(record)
    await work.flush()
    return work.tally.report


async def _model(embedder: Embedder) -> Model | None:
    """None while the embedder cannot be asked: then all is embedded anew."""
    if not embedder.dimensions:
        with suppress(Unavailable):
            await embedder.embed(["dimensions"], "query")
    return Model(embedder.model, embedder.dimensions) if embedder.dimensions else None


async def _bounded(chunks: AsyncIterator[bytes], bytes_max: int) -> AsyncIterator[bytes]:
    """Not more than is allowed, and no waiting for a client that says nothing."""
    left = bytes_max
    while True:
        try:
            async with asyncio.timeout(SILENCE_SECONDS_MAX):
                chunk = await anext(chunks)
        except StopAsyncIteration:
            return
        except (TimeoutError, InternalServerException):
            raise InvalidRequest("The body broke off; what had come is stored.") from None
        left -= len(chunk)
        if left < 0:
            raise TooLarge(f"The body is larger than {bytes_max} bytes: import it in parts.")
        yield chunk


class _Import:
    def __init__(
        self, services: Services, caller: Caller, wishes: Wishes, model: Model | None
    ) -> None:
        config = services.config
        self._services = services
        self._caller = caller
        self._wishes = wishes
        self._model = model
        self._reader = Reader(wishes.defaults, model, datetime.now(UTC), config.memory_bytes_max)
        self._batch: list[Incoming] = []
        self._bytes = 0
        self.tally = Tally(config.import_problems_max)

    async def take(self, record: Record) -> None:
        try:
            told = told_by(
                record, self._wishes.format, self._services.config.import_record_bytes_max
            )
        except BackstoryError as error:
            self.tally.failed(record.number, error)
            return
        self.tally.count("skipped", told.skipped)
        for line in told.lines:
            await self._take_line(record.number, line)
        self._bytes += len(record.data or b"")
        if self._bytes >= BATCH_BYTES_MAX:
            await self.flush()

    async def _take_line(self, number: int, line: MemoryLine) -> None:
        try:
            owner = await self._owner(line)
            self._batch.append(self._reader.read(number, line, owner))
        except (InvalidRequest, TooLarge, Forbidden) as error:
            self.tally.failed(number, error)
        if len(self._batch) >= BATCH:
            await self.flush()

    async def _owner(self, line: MemoryLine) -> UserId:
        """Raises Forbidden where the line names somebody else, and the key may not."""
        caller = self._caller
        if line.user is None or line.user == caller.external_id or self._wishes.reassign:
            return caller.owner
        if Scope.ADMIN not in caller.principal.scopes:
            raise Forbidden(
                "This line names another user: that needs the scope 'admin', or reassign=true.",
                param="user",
            )
        return (await self._services.users.caller(caller.principal, line.user)).owner

    async def flush(self) -> None:
        if not self._batch:
            return
        batch, self._batch, self._bytes = self._batch, [], 0
        services = self._services
        told = await told_ahead([one.memory for one in batch])
        batch = [replace(one, memory=memory) for one, memory in zip(batch, told, strict=True)]
        fates = await store(
            services.database,
            self._caller.project,
            batch,
            self._model,
            in_session=self._caller.principal.session is not None,
        )
        services.jobs.wake("embed_memories")
        if "imported" in fates:
            await refresh_statistics(services.database)
        self._count(batch, fates)

    def _count(self, batch: Sequence[Incoming], fates: Sequence[Fate]) -> None:
        for one, fate in zip(batch, fates, strict=True):
            if fate == "differs" or fate == "expired":
                self.tally.skipped(one.number, SKIPPED[fate], fate)
                continue
            self.tally.count(fate)
            if fate == "imported":
                self.tally.report.vectors += len(one.vectors)

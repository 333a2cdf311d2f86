"""Uploading a file to `POST /v1/memories/import`, batch by batch, with a bar, and resumable."""

import asyncio
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import aiohttp
import msgspec
from tqdm import tqdm

from app.cli.announce import say
from app.cli.remote import AWAY, Target, again_if_away, check, connected
from app.cli.upload_state import Counts, StateFile, Upload
from app.cli.waiting import wait_for_vectors
from app.errors import StartError
from app.transfer.records import Cutter, Record
from app.transfer.types import ImportReport, Problem

CHUNK = 256 * 2**10
BATCH_BYTES_MAX = 8 * 2**20
PROBLEMS_TOLD_MAX = 100
HEADER = b'{"object":"memory.export"}\n'
"""Before each batch, so that it is read line by line, whatever its first record looks like."""

Shape = Callable[[Record], bytes]
"""What of a record is sent: one line."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be uploaded: `file` None is stdin."""

    file: Path | None
    query: Mapping[str, str]
    cutter: Cutter
    shape: Shape
    batch: int
    fresh: bool
    wait: bool


def upload(target: Target, order: Order) -> int:
    """The exit code: 1 where something failed. Raises StartError."""
    try:
        with open(order.file, "rb") if order.file else sys.stdin.buffer as source:
            counts = asyncio.run(_Uploading(target, order, source).run())
    except AWAY:
        raise StartError(
            f"{target.base_url} does not answer. What it had acknowledged is stored: "
            "run the same again to go on."
        ) from None
    except OSError as error:
        raise StartError(f"{order.file} cannot be read: {error.strerror}.") from error
    say(
        f"{counts.imported:,} imported, {counts.unchanged:,} there already, "
        f"{counts.skipped:,} skipped, {counts.failed:,} failed"
    )
    return 1 if counts.failed else 0


class _Uploading:
    def __init__(self, target: Target, order: Order, source: BinaryIO) -> None:
        self._target = target
        self._order = order
        self._source = source
        self._state = StateFile(order.file)
        self._told = 0

    async def run(self) -> Counts:
        fresh = self._fresh()
        upload = fresh if self._order.fresh else self._state.read(fresh)
        if upload.records:
            say(f"Going on after {upload.records:,} records")
        with _bar(fresh.size) as bar:
            async with connected(self._target) as http:
                for batch, position in self._batches(upload.records):
                    self._count(upload, batch, await self._send(http, batch))
                    self._state.write(upload)
                    _show(bar, position, upload.counts)
        if self._order.wait:
            await wait_for_vectors(self._target)
        self._state.forget()
        return upload.counts

    def _fresh(self) -> Upload:
        file = self._order.file
        stat = file.stat() if file else None
        query = sorted(self._order.query.items())
        return Upload(
            file=file.name if file else "-",
            size=stat.st_size if stat else 0,
            modified_ns=stat.st_mtime_ns if stat else 0,
            target=f"{self._target.base_url} {query}",
        )

    def _batches(self, done: int) -> Iterator[tuple[list[Record], int]]:
        """Those that are not done yet, each with how many bytes were read for it."""
        batch: list[Record] = []
        size = 0
        for record, position in self._records():
            if record.number <= done:
                continue
            batch.append(record)
            size += len(record.data or b"")
            if len(batch) == self._order.batch or size >= BATCH_BYTES_MAX:
                yield batch, position
                batch, size = [], 0
        if batch:
            yield batch, self._source.tell() if self._order.file else 0

    def _records(self) -> Iterator[tuple[Record, int]]:
        position = 0
        while chunk := self._source.read(CHUNK):
            position += len(chunk)
            for record in self._order.cutter.feed(chunk):
                yield record, position
        for record in self._order.cutter.end():
            yield record, position

    @again_if_away
    async def _send(self, http: aiohttp.ClientSession, batch: Sequence[Record]) -> ImportReport:
        body = HEADER + b"\n".join(self._order.shape(record) for record in batch)
        async with http.post(
            f"{self._target.base_url}/memories/import",
            params=self._order.query,
            data=BytesIO(body),
            headers={"Content-Type": "application/x-ndjson"},
        ) as answer:
            await check(answer)
            return msgspec.json.decode(await answer.read(), type=ImportReport)

    def _count(self, upload: Upload, batch: Sequence[Record], report: ImportReport) -> None:
        for name in Counts.__struct_fields__:
            now = getattr(upload.counts, name) + getattr(report, name)
            setattr(upload.counts, name, now)
        upload.records = batch[-1].number
        for problem in report.problems[: max(0, PROBLEMS_TOLD_MAX - self._told)]:
            self._tell(batch[problem.line - 2], problem)  # line 1 is the header
        found = len(report.problems) + report.problems_left_out
        if self._told <= PROBLEMS_TOLD_MAX < self._told + found:
            tqdm.write("More of them are counted, but not told.", file=sys.stderr)
        self._told += found

    def _tell(self, record: Record, problem: Problem) -> None:
        message = problem.message if record.data is not None else "It is too long."
        tqdm.write(f"line {record.number}: {problem.outcome}: {message}", file=sys.stderr)


def _bar(size: int) -> "tqdm[None]":
    """Over the bytes of the file, on a terminal alone."""
    return tqdm(total=size or None, unit="B", unit_scale=True, disable=None, file=sys.stderr)


def _show(bar: "tqdm[None]", position: int, counts: Counts) -> None:
    seconds = bar.format_dict["elapsed"]
    rate = f"{counts.total / seconds:,.0f}/s" if seconds else ""
    bar.set_postfix_str(f"{counts.total:,} memories, {rate}", refresh=False)
    bar.update(position - bar.n)


def one_line(record: Record) -> bytes:
    """As it is: a line break can only stand between the signs of JSON, where a space does as well.
    One that is too large is sent as nothing that could be read."""
    if record.data is None:
        return b"too long"
    return record.data.replace(b"\r", b" ").replace(b"\n", b" ")

"""The embedder process of a host: `python -m app.embeddings.server --socket PATH …`.

It listens at once, and answers `not_loaded` until its model has been loaded. It keeps nothing
that must be put away, so it is stopped by a signal alone.
"""

import argparse
import asyncio
import os
from contextlib import suppress
from functools import partial
from pathlib import Path

import msgspec
import structlog

from app.embeddings.batches import Limits, Overloaded
from app.embeddings.frames import (
    TEXTS_MAX,
    Cancel,
    Embed,
    Embedded,
    Failed,
    Hello,
    Reply,
    Request,
    Status,
    decode_request,
    frame,
    read_frame,
)
from app.embeddings.model import DEFAULT_MODEL, environment, load_model
from app.embeddings.worker import NotLoaded, Worker
from app.processes import die_with_parent

log = structlog.get_logger()


async def serve(worker: Worker, socket: Path) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _Connection(worker, writer).run(reader)

    server = await asyncio.start_unix_server(connected, str(socket))
    log.info("listening", socket=str(socket), model=worker.name, pid=os.getpid())
    async with server, asyncio.TaskGroup() as tasks:
        tasks.create_task(server.serve_forever())
        tasks.create_task(worker.run())


class _Connection:
    """One client: its requests run side by side, and end when it goes."""

    def __init__(self, worker: Worker, writer: asyncio.StreamWriter) -> None:
        self._worker = worker
        self._writer = writer
        self._running: dict[int, asyncio.Task[None]] = {}

    async def run(self, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                self._take(decode_request(await read_frame(reader)))
        except (EOFError, OSError):
            pass  # the client went
        except (ValueError, msgspec.MsgspecError) as error:
            log.warning("a client speaks another protocol", error=str(error))
        finally:
            for task in self._running.values():
                task.cancel()
            self._writer.close()

    def _take(self, request: Request) -> None:
        match request:
            case Hello():
                self._send(_status(self._worker, request.id))
            case Cancel():
                if task := self._running.get(request.id):
                    task.cancel()
            case Embed():
                task = asyncio.create_task(self._embed(request))
                self._running[request.id] = task
                task.add_done_callback(lambda _task: self._running.pop(request.id, None))

    async def _embed(self, request: Embed) -> None:
        self._send(await _answer(self._worker, request))
        with suppress(OSError):  # the client went
            await self._writer.drain()

    def _send(self, reply: Reply) -> None:
        if not self._writer.is_closing():
            self._writer.write(frame(reply))


async def _answer(worker: Worker, request: Embed) -> Reply:
    if len(request.texts) > TEXTS_MAX:
        return Failed(request.id, "failed", f"more than {TEXTS_MAX} texts in a request")
    try:
        vectors, tokens = await worker.embed(request.lane, request.texts)
    except NotLoaded as error:
        return Failed(request.id, "not_loaded", str(error))
    except Overloaded as error:
        return Failed(request.id, "overloaded", str(error))
    except Exception as error:
        return Failed(request.id, "failed", f"The embedder failed: {type(error).__name__}.")
    packed = vectors.astype("<f4", copy=False).tobytes()
    return Embedded(request.id, vectors.shape[1], packed, tokens)


def _status(worker: Worker, request_id: int) -> Status:
    model = worker.model
    status = Status(
        id=request_id,
        model=worker.name,
        loaded=model is not None,
        backlog=worker.backlog.texts,
        error=worker.load_error,
    )
    if model is None:
        return status
    return msgspec.structs.replace(
        status,
        dimensions=model.dimensions,
        tokens_max=model.tokens_max,
        runtime=model.runtime,
        error="",
    )


def main() -> None:
    die_with_parent()
    os.umask(0o077)  # the socket asks for no secret: only our own user may open it
    options = _read_options()
    os.environ.update(environment(options.model, options.threads))
    asyncio.run(_main(options))


async def _main(options: argparse.Namespace) -> None:
    load = partial(load_model, options.model, options.data_dir, options.threads)
    limits = Limits(
        batch_texts_max=options.batch_texts_max,
        queries_waiting_max=options.queries_waiting_max,
        documents_waiting_max=options.documents_waiting_max,
    )
    await serve(Worker(options.model, load, limits), options.socket)


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="app.embeddings.server", description=__doc__)
    parser.add_argument("--socket", required=True, type=Path)
    parser.add_argument("--data-dir", required=True, type=Path)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch-texts-max", type=int, default=32)
    parser.add_argument("--queries-waiting-max", type=int, default=256)
    parser.add_argument("--documents-waiting-max", type=int, default=1024)
    return parser.parse_args()


if __name__ == "__main__":
    main()

"""The embedder process of a host: `python -m app.embeddings.server --socket PATH …`.

It listens at once, and answers `not_loaded` until its model has been loaded. It keeps nothing
that must be put away, so it is stopped by a signal alone.
"""

import argparse
import asyncio
import os
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec
import structlog

from app.embeddings.batches import Limits, Overloaded
from app.embeddings.frames import (
    RERANK_TEXTS_MAX,
    TEXTS_MAX,
    Cancel,
    Embed,
    Embedded,
    Failed,
    Hello,
    Reply,
    Request,
    Rerank,
    Reranked,
    Status,
    decode_request,
    frame,
    read_frame,
)
from app.embeddings.loading import NotLoaded
from app.embeddings.model import DEFAULT_MODEL, environment, load_model
from app.embeddings.ranker import PairModel, Ranker
from app.embeddings.worker import Worker
from app.processes import die_with_parent

M = TypeVar("M")

log = structlog.get_logger()


async def serve(worker: Worker, socket: Path, ranker: Ranker | None = None) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _Connection(worker, ranker, writer).run(reader)

    server = await asyncio.start_unix_server(connected, str(socket))
    log.info("listening", socket=str(socket), model=worker.name, pid=os.getpid())
    async with server, asyncio.TaskGroup() as tasks:
        tasks.create_task(server.serve_forever())
        tasks.create_task(worker.run())
        if ranker:
            tasks.create_task(ranker.run())


class _Connection:
    """One client: its requests run side by side, and end when it goes."""

    def __init__(self, worker: Worker, ranker: Ranker | None, writer: asyncio.StreamWriter) -> None:
        self._worker = worker
        self._ranker = ranker
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
                self._start(request.id, partial(_embed, self._worker, request))
            case Rerank():
                self._start(request.id, partial(_rerank, self._ranker, request))

    def _start(self, request_id: int, answer: Callable[[], Awaitable[Reply]]) -> None:
        task = asyncio.create_task(self._work(request_id, answer))
        self._running[request_id] = task
        task.add_done_callback(lambda _task: self._running.pop(request_id, None))

    async def _work(self, request_id: int, answer: Callable[[], Awaitable[Reply]]) -> None:
        self._send(await _answer(request_id, answer))
        with suppress(OSError):  # the client went
            await self._writer.drain()

    def _send(self, reply: Reply) -> None:
        if not self._writer.is_closing():
            self._writer.write(frame(reply))


async def _answer(request_id: int, answer: Callable[[], Awaitable[Reply]]) -> Reply:
    try:
        return await answer()
    except NotLoaded as error:
        return Failed(request_id, "not_loaded", str(error))
    except Overloaded as error:
        return Failed(request_id, "overloaded", str(error))
    except Exception as error:
        return Failed(request_id, "failed", f"The embedder failed: {type(error).__name__}.")


async def _embed(worker: Worker, request: Embed) -> Reply:
    if len(request.texts) > TEXTS_MAX:
        return Failed(request.id, "failed", f"more than {TEXTS_MAX} texts in a request")
    vectors, tokens = await worker.embed(request.lane, request.texts)
    packed = vectors.astype("<f4", copy=False).tobytes()
    return Embedded(request.id, vectors.shape[1], packed, tokens)


async def _rerank(ranker: Ranker | None, request: Rerank) -> Reply:
    if ranker is None:
        return Failed(request.id, "not_loaded", "This embedder has no reranking model.")
    if len(request.texts) > RERANK_TEXTS_MAX:
        return Failed(request.id, "failed", f"more than {RERANK_TEXTS_MAX} texts to rerank")
    return Reranked(request.id, await ranker.score(request.query, request.texts))


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
    models = [options.model, *filter(None, [options.rerank_model])]
    os.environ.update(environment(models, options.threads))
    asyncio.run(_main(options))


async def _main(options: argparse.Namespace) -> None:
    loading = threading.Lock()
    load = partial(load_model, options.model, options.data_dir, options.threads)
    limits = Limits(
        batch_texts_max=options.batch_texts_max,
        queries_waiting_max=options.queries_waiting_max,
        documents_waiting_max=options.documents_waiting_max,
    )
    worker = Worker(options.model, partial(_alone, loading, load), limits)
    await serve(worker, options.socket, _ranker(options, loading))


def _ranker(options: argparse.Namespace, loading: threading.Lock) -> Ranker | None:
    if options.rerank_model is None:
        return None

    def load() -> PairModel:
        from app.embeddings.cross_encoder import CrossEncoderModel  # torch: only where it is wanted

        return CrossEncoderModel(options.rerank_model, options.threads)

    return Ranker(options.rerank_model, partial(_alone, loading, load))


def _alone(loading: threading.Lock, load: Callable[[], M]) -> M:
    """Two threads that import torch's circles of modules at once may see them half made."""
    with loading:
        return load()


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="app.embeddings.server", description=__doc__)
    parser.add_argument("--socket", required=True, type=Path)
    parser.add_argument("--data-dir", required=True, type=Path)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--rerank-model")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch-texts-max", type=int, default=32)
    parser.add_argument("--queries-waiting-max", type=int, default=256)
    parser.add_argument("--documents-waiting-max", type=int, default=1024)
    return parser.parse_args()


if __name__ == "__main__":
    main()

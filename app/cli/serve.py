"""`backstory serve`: everything that the service needs, started in order and stopped in reverse."""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click
from msgspec.structs import replace

from app.cli import data_dir as files
from app.cli import port as ports
from app.cli.announce import announce_when_live, say
from app.cli.check_machine import check_rerank_model
from app.cli.index_keeper import IndexKeeper
from app.cli.server import serve_workers
from app.cli.supervisor import Supervisor
from app.config import Config, read_config
from app.db.database import check_role, open_database
from app.db.embedded import EmbeddedPostgres
from app.db.migrate import check_migrated, migrate
from app.embeddings.embedder_process import EmbedderProcess
from app.embeddings.models import model_in_use
from app.engine.local_server import LocalServer
from app.errors import StartError
from app.identity.bootstrap import FirstKeys, are_of, ensure_first_project, work
from app.log import set_up_log
from app.vault import read_secret_key


class Stopped(BaseException):
    """SIGTERM or Ctrl-C before the workers run: what has started is stopped."""


@click.command()
@click.option("--data-dir", type=click.Path(path_type=Path), help="Where all is kept.  [./data]")
@click.option("--host", help="The address to listen on.  [127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="0 takes a free one.  [8642]")
@click.option("--workers", type=click.IntRange(1), help="Processes that serve.  [1]")
def serve(data_dir: Path | None, host: str | None, port: int | None, workers: int | None) -> None:
    """Start the service, with a database and an engine of its own unless others are named."""
    config = read_config(os.environ, data_dir=data_dir, host=host, port=port, workers=workers)
    config = replace(config, data_dir=config.data_dir.resolve())
    try:
        with _stoppable():
            sys.exit(run(config))
    except Stopped:
        say("Stopped")


def run(config: Config) -> int:
    set_up_log(config.log_level)
    with ExitStack() as stack:
        stack.enter_context(files.locked(config.data_dir))
        address, number = stack.enter_context(ports.held(config.host, config.port))
        supervisor = Supervisor(say)
        stack.callback(supervisor.stop)
        config = replace(config, port=number, secret_key=_secret_key(config))
        engine = _local_engine(config, supervisor)
        config = replace(config, local_engine_url=engine.url if engine else None)
        config = _with_database(config, supervisor)
        credentials = _first_keys(config)
        _say_of_reranking(config)
        for embedder in _embedders(config):
            supervisor.start(EmbedderProcess(embedder))
        if config.database_owner_url is not None:
            supervisor.start(IndexKeeper(config, say))

        def once_started() -> None:
            supervisor.watch()
            announce_when_live(config, credentials, engine)

        say("Starting the workers")
        code = serve_workers(config, address, number, once_started)
        say("Stopping")
        return code


@contextmanager
def _stoppable() -> Iterator[None]:
    """Until granian has handlers of its own; a second signal does not break the stopping."""

    def stop(*_: object) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        raise Stopped

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    yield


def _secret_key(config: Config) -> str:
    text = config.secret_key or files.secret_key(config.data_dir)
    read_secret_key(text)  # refused here, once, and not by every worker
    return text


def _local_engine(config: Config, supervisor: Supervisor) -> LocalServer | None:
    """Started first and not waited for: it loads while the rest starts."""
    if not config.local_engine:
        return None
    engine = LocalServer(config)
    supervisor.start(engine)
    return engine


def _with_database(config: Config, supervisor: Supervisor) -> Config:
    """The database's URLs, its schema up to date."""
    if config.embedded_database:
        postgres = EmbeddedPostgres(config.data_dir, say)
        supervisor.start(postgres)
        config = replace(
            config, database_url=postgres.service_url, database_owner_url=postgres.owner_url
        )
    asyncio.run(_prepare(config))
    return config


async def _prepare(config: Config) -> None:
    """Without the owner's URL the schema is only looked at. Raises StartError."""
    assert config.database_url is not None
    if config.database_owner_url is None:
        await check_migrated(config.database_url)
    else:
        for name in await migrate(config.database_owner_url):
            say(f"Migrated the database: {name}")
    await _check_service(config)


async def _check_service(config: Config) -> None:
    """That requests will be served, and behind walls. Raises StartError or Unavailable."""
    assert config.database_url is not None
    async with open_database(config.database_url, config) as database:
        await check_role(database)


def _say_of_reranking(config: Config) -> None:
    """What is wrong, if anything is: recall does without, so the start goes on."""
    found = check_rerank_model(config)
    if found.level != "ok":
        say(f"{found.text}. {found.remedy}")


def _embedders(config: Config) -> list[Config]:
    """Of the model that is configured, and of the one in use: until that is replaced, it is asked.

    Reranking is the first one's.
    """
    assert config.database_url is not None
    in_use = asyncio.run(model_in_use(config.database_url))
    if in_use in (None, config.embedding_model):
        return [config]
    say(f"Vectors of {config.embedding_model} are filled in; until then {in_use} is asked")
    return [config, replace(config, embedding_model=in_use, rerank_model=None)]


def _first_keys(config: Config) -> files.Credentials:
    """Those of an earlier start where they still open this database, else new ones."""
    old = files.read_credentials(config.data_dir)
    known = FirstKeys(old.api_key, old.admin_key) if old else None
    keys = asyncio.run(_keys(config, known))
    base_url = ports.base_url(config.host, config.port) + "/v1"
    credentials = files.Credentials(base_url, keys.api_key, keys.admin_key)
    files.write_credentials(config.data_dir, credentials)
    return credentials


async def _keys(config: Config, known: FirstKeys | None) -> FirstKeys:
    """Only the owner makes keys: without its URL, those that are known have to be of here."""
    if config.database_owner_url is not None:
        return await ensure_first_project(config.database_owner_url, known)
    assert config.database_url is not None
    async with open_database(config.database_url, config) as database:
        if known and await are_of(database, known):
            if not await work(database, known):
                say(f"{config.data_dir / 'credentials.json'} has keys that are not good any more")
            return known
    raise StartError(
        f"{config.data_dir / 'credentials.json'} has no keys for this database: copy it from a "
        "data directory that has them, or set BACKSTORY_DATABASE_OWNER_URL for one start, "
        "which makes them."
    )

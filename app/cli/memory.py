"""`backstory memory`: looking after what is remembered."""

import asyncio
import os
from pathlib import Path

import click
from msgspec.structs import replace

from app.cli.owner import owner_url
from app.config import read_config
from app.db.connect import connect_as
from app.db.sql import Connection
from app.memory.vectors.index import IndexedModel, Progress, build_index, list_models
from app.memory.vectors.model_states import ModelState, count_memories, drop_vectors, model_states


@click.group()
def memory() -> None:
    """Look after what is remembered."""


@memory.command()
@click.option("--data-dir", type=click.Path(path_type=Path), help="As for serve.  [./data]")
def index(data_dir: Path | None) -> None:
    """Make the index of vectors now, for all embedding models that have none.

    `serve` makes it by itself once a project is large (BACKSTORY_RECALL_EXACT_MAX). The service
    goes on meanwhile.
    """
    config = read_config(os.environ, data_dir=data_dir)
    url = owner_url(replace(config, data_dir=config.data_dir.resolve()))
    asyncio.run(_index(url, config.vector_index_bytes_max))


async def _index(url: str, bytes_max: int) -> None:
    conn = await connect_as(url, "its owner")
    models = await list_models(conn)
    await conn.close()
    for model in models:
        await _build(url, model, bytes_max)
    if not models:
        click.echo("There are no vectors yet.")


async def _build(url: str, model: IndexedModel, bytes_max: int) -> None:
    title = f"{model.name}, {model.dimensions} dimensions"
    with click.progressbar(length=100, label=title, show_eta=False) as bar:

        def tell(progress: Progress) -> None:
            bar.label = f"{title}: {progress.phase}"
            bar.update(round(100 * (progress.share or 0)) - bar.pos)

        done = await build_index(url, model, bytes_max, tell)
    click.echo(f"{model.index}: {done}")


@memory.command()
@click.option("--data-dir", type=click.Path(path_type=Path), help="As for serve.  [./data]")
@click.option("--drop-unused", is_flag=True, help="Delete the vectors that nobody asks any more.")
def models(data_dir: Path | None, drop_unused: bool) -> None:
    """Show the embedding models, and how far the vectors of each are."""
    config = read_config(os.environ, data_dir=data_dir)
    url = owner_url(replace(config, data_dir=config.data_dir.resolve()))
    asyncio.run(_models(url, drop_unused))


async def _models(url: str, drop_unused: bool) -> None:
    conn = await connect_as(url, "its owner")
    try:
        memories = await count_memories(conn)
        for model in await model_states(conn):
            share = f"{model.memories:,} of {memories:,} memories"
            click.echo(f"{model.name}, {model.dimensions} dimensions: {model.state}, {share}")
            if drop_unused and model.state == "unused" and model.memories:
                await _drop(conn, model)
    finally:
        await conn.close()


async def _drop(conn: Connection, model: ModelState) -> None:
    with click.progressbar(length=model.memories, label="deleting", show_eta=False) as bar:
        await drop_vectors(conn, model, bar.update)

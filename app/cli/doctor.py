"""`backstory doctor`: what is wrong, and what to do about it. It starts and changes nothing."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import click
from msgspec.structs import replace

from app.cli import check_machine as machine
from app.cli.check_database import check_database
from app.cli.check_engine import check_engine
from app.cli.check_recall import check_recall
from app.cli.findings import Finding
from app.config import Config, read_config

MACHINE = (
    machine.check_python,
    machine.check_data_dir,
    machine.check_disk,
    machine.check_service,
    machine.check_weights,
    machine.check_embedding_model,
    machine.check_rerank_model,
)
COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command()
@click.option("--data-dir", type=click.Path(path_type=Path), help="As for serve.  [./data]")
@click.option("--host", help="As for serve.  [127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="As for serve.  [8642]")
@click.option("--recall", is_flag=True, help="Also compare the index of vectors with all of them.")
def doctor(data_dir: Path | None, host: str | None, port: int | None, recall: bool) -> None:
    """Say what is wrong and what to do, whether the service runs or not."""
    config = read_config(os.environ, data_dir=data_dir, host=host, port=port)
    config = replace(config, data_dir=config.data_dir.resolve())
    sys.exit(asyncio.run(_examine(config, recall)))


async def _examine(config: Config, recall: bool) -> int:
    failed = 0
    async for finding in _findings(config, recall):
        failed += finding.level == "fail"
        _show(finding)
    click.echo("\nAll is well." if not failed else f"\n{failed} to mend.")
    return 1 if failed else 0


async def _findings(config: Config, recall: bool) -> AsyncIterator[Finding]:
    for check in MACHINE:
        yield check(config)
    async for finding in check_database(config):
        yield finding
    yield await check_engine(config)
    if recall:
        async for finding in check_recall(config):
            yield finding


def _show(finding: Finding) -> None:
    click.echo(click.style(f"{finding.level:5}", fg=COLOURS[finding.level]) + finding.text)
    if finding.remedy:
        click.echo(f"     {finding.remedy}")

"""`backstory memory export|import`: memories to a file and from one, by a running service."""

import sys
from pathlib import Path
from typing import get_args

import click

from app.cli.download import download
from app.cli.remote import find_target, with_target
from app.cli.upload import Order, one_line, upload
from app.transfer.formats import Format
from app.transfer.records import Records

RECORD_BYTES_MAX = 16 * 2**20
BATCH = 1_000
FILE = click.Path(path_type=Path, allow_dash=True, dir_okay=False)


@click.command("export")
@click.argument("file", type=FILE)
@click.option("--user", help="Whose memories; '*' is everyone's.  [the project's own]")
@click.option("--no-vectors", is_flag=True, help="Leave vectors out.")
@with_target
def export_file(
    file: Path, user: str | None, no_vectors: bool, url: str | None, key: str | None, data_dir: Path
) -> None:
    """Write memories to FILE (- is stdout), whole or not at all."""
    query = {"vectors": "false" if no_vectors else "true"}
    if user is not None:
        query["user"] = user
    download(find_target(url, key, data_dir), query, None if str(file) == "-" else file)


@click.command("import")
@click.argument("file", type=FILE)
@click.option("--user", help="Whose memories those are that name nobody.")
@click.option("--reassign", is_flag=True, help="All become this user's, whomever they name.")
@click.option("--format", "format_", type=click.Choice(get_args(Format)), help="What FILE is.")
@click.option("--conversation", help="Of those that name none: conv_…")
@click.option("--episode", help="Of those that name none.")
@click.option("--fresh", is_flag=True, help="From the beginning, whatever was uploaded before.")
@click.option("--wait", is_flag=True, help="Until all vectors are there.")
@with_target
def import_file(
    file: Path,
    user: str | None,
    reassign: bool,
    format_: str | None,
    conversation: str | None,
    episode: str | None,
    fresh: bool,
    wait: bool,
    url: str | None,
    key: str | None,
    data_dir: Path,
) -> None:
    """Remember what FILE tells (- is stdin): an export, mem0's, ChatGPT's conversations.json, or
    OpenAI's items. Run it again after it was killed: it goes on where it stood."""
    asked = {"user": user, "format": format_, "conversation": conversation, "episode": episode}
    query = {name: value for name, value in asked.items() if value is not None}
    if reassign:
        query["reassign"] = "true"
    order = Order(
        file=None if str(file) == "-" else file,
        query=query,
        cutter=Records(RECORD_BYTES_MAX),
        shape=one_line,
        batch=BATCH,
        fresh=fresh,
        wait=wait,
    )
    sys.exit(upload(find_target(url, key, data_dir), order))

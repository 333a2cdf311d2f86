"""`backstory ingest`: many texts become memories."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import click
import msgspec

from app.cli.remote import find_target, with_target
from app.cli.transfer import BATCH, FILE, RECORD_BYTES_MAX
from app.cli.upload import Order, Shape, one_line, upload
from app.memory.types import Kind
from app.transfer.records import Lines, Record

_ENDINGS = {".txt": "text", ".md": "text"}


@click.command()
@click.argument("file", type=FILE)
@click.option(
    *("--as", "as_"),
    type=click.Choice(["ndjson", "text"]),
    help="Lines of JSON with `content`, or of text.  [by the file's name, ndjson]",
)
@click.option("--user", help="Whose memories those are that name nobody.")
@click.option("--kind", type=click.Choice(get_args(Kind)), help="Of those that name none.  [note]")
@click.option("--episode", help="Of those that name none.")
@click.option("--name", help="What their external ids begin with.  [the file's name]")
@click.option(
    "--batch", type=click.IntRange(1, 10_000), default=BATCH, help="Lines a call.  [1000]"
)
@click.option("--fresh", is_flag=True, help="From the beginning, whatever was uploaded before.")
@click.option("--wait", is_flag=True, help="Until all vectors are there.")
@with_target
def ingest(
    file: Path,
    as_: str | None,
    user: str | None,
    kind: str | None,
    episode: str | None,
    name: str | None,
    batch: int,
    fresh: bool,
    wait: bool,
    url: str | None,
    key: str | None,
    data_dir: Path,
) -> None:
    """Remember each line of FILE (- is stdin). A line without an id gets NAME:LINE as its external
    id, so that one file is remembered once, however often it is ingested, or killed and resumed."""
    asked = {"user": user, "episode": episode, "format": "backstory"}
    named = name or file.name
    if named == "-":
        raise click.UsageError("What comes from stdin needs a --name.")
    decode = _text if (as_ or _ENDINGS.get(file.suffix)) == "text" else _fields
    order = Order(
        file=None if str(file) == "-" else file,
        query={name: value for name, value in asked.items() if value is not None},
        cutter=Lines(RECORD_BYTES_MAX),
        shape=_shape(decode, named, kind),
        batch=batch,
        fresh=fresh,
        wait=wait,
    )
    sys.exit(upload(find_target(url, key, data_dir), order))


def _shape(decode: Callable[[bytes], dict[str, Any] | None], name: str, kind: str | None) -> Shape:
    def shape(record: Record) -> bytes:
        fields = decode(record.data) if record.data else None
        if fields is None:
            return one_line(record)  # the service says what is wrong with it
        if fields.get("id") is None and fields.get("external_id") is None:
            fields["external_id"] = f"{name}:{record.number}"
        if kind:
            fields.setdefault("kind", kind)
        return msgspec.json.encode(fields)

    return shape


def _text(line: bytes) -> dict[str, Any] | None:
    return {"content": line.decode(errors="replace").strip()}


def _fields(line: bytes) -> dict[str, Any] | None:
    """None where it is no JSON object."""
    try:
        return msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None

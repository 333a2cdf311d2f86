"""Writing what `GET /v1/memories/export` streams to a file, whole or not at all."""

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import aiohttp
import msgspec
from tqdm import tqdm

from app.cli.announce import say
from app.cli.remote import Target, check, connected
from app.errors import StartError


def download(target: Target, query: Mapping[str, str], file: Path | None) -> None:
    """None is stdout. Raises StartError, also where the export broke off."""
    if file is None:
        count = asyncio.run(_download(target, query, sys.stdout.buffer))
    else:
        count = _into(target, query, file)
    say(f"{count:,} memories")


def _into(target: Target, query: Mapping[str, str], file: Path) -> int:
    unfinished = file.with_name(file.name + ".part")
    try:
        with open(unfinished, "wb") as out:
            os.fchmod(out.fileno(), 0o600)
            count = asyncio.run(_download(target, query, out))
            out.flush()
            os.fsync(out.fileno())
        unfinished.replace(file)
    except OSError as error:
        raise StartError(f"{file} cannot be written: {error.strerror or error}.") from error
    return count


async def _download(target: Target, query: Mapping[str, str], out: BinaryIO) -> int:
    last = b""
    try:
        async with (
            connected(target) as http,
            http.get(f"{target.base_url}/memories/export", params=query) as answer,
        ):
            await check(answer)
            with tqdm(unit="B", unit_scale=True, disable=None, file=sys.stderr) as bar:
                async for chunk in answer.content.iter_any():
                    out.write(chunk)
                    bar.update(len(chunk))
                    last = _last_line(last + chunk)
    except (aiohttp.ClientError, TimeoutError) as error:
        raise StartError(f"The export broke off: {error or 'no answer in time'}.") from error
    return _count(last)


def _last_line(text: bytes) -> bytes:
    """What may be the last one, so far."""
    return b"\n".join(text.rsplit(b"\n", 2)[-2:])


def _count(line: bytes) -> int:
    try:
        end: dict[str, Any] = msgspec.json.decode(line)
        if end["object"] == "memory.export.end":
            return int(end["memories"])
    except (msgspec.DecodeError, KeyError, TypeError):
        pass
    raise StartError("The export broke off before its end.")

"""Taking images out of what a client sends: data URLs become blobs, files those they hold."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from app.blobs import queries
from app.blobs.data_url import bytes_of, is_data_url
from app.blobs.inspect import inspect
from app.blobs.outside import Urls
from app.blobs.parts import KEY, BlobRef, Part, images_in, with_images
from app.blobs.types import Blob, StoredFile
from app.config import Config
from app.db.database import Database
from app.engine.types import Item
from app.errors import InvalidRequest
from app.ids import PROJECT_ITSELF, FileId, UserId, parse_id
from app.web.principal import Caller

URL_LENGTH_MAX = 8192
SCHEMES = ("http://", "https://")

Fetch = Callable[[Urls], Awaitable[dict[str, Blob]]]

Place = tuple[str, Part]
"""Where an image part stands in the request, and the part."""


class NewImages(msgspec.Struct):
    """What a request brings: its items with references in place of images, and the bytes."""

    items: list[Item] = []
    blobs: dict[bytes, Blob] = {}
    lenders: dict[bytes, UserId] = {}
    """Whose files the other bytes are in."""


async def take_images(
    database: Database,
    config: Config,
    caller: Caller,
    items: list[Item],
    fetch: Fetch,
    param: str = "input",
) -> NewImages:
    """`fetch` gets what URLs elsewhere name, by where they stand, as far as that is wished. Raises
    InvalidRequest, with the place of the image that is wrong."""
    places = [
        (f"{param}[{number}].{at}", part)
        for number, item in enumerate(items)
        for at, part in images_in(item)
    ]
    if not places:
        return NewImages(items)
    _check(places, config.images_per_request_max, param)
    blobs = await _decoded(places, config)
    if elsewhere := {at: url for at, part in places if (url := _elsewhere(part))}:
        blobs |= await fetch(elsewhere)
    files = await _files(database, caller, places)
    taken = iter([_taken(part, blobs.get(at), files) for at, part in places])
    return NewImages(
        [with_images(item, lambda _: next(taken)) for item in items],
        {blob.sha256: blob for blob in blobs.values()},
        {file.sha256: file.user_id for file in files.values()},
    )


def _check(places: Sequence[Place], most: int, param: str) -> None:
    if len(places) > most:
        raise InvalidRequest(
            f"A request may hold at most {most} images.",
            param=param,
            code="array_above_max_length",
        )
    for at, part in places:
        _check_part(at, part)


def _check_part(at: str, part: Part) -> None:
    url, file_id = part.get("image_url"), part.get("file_id")
    if KEY in part:
        raise _wrong(f"{at}.{KEY}", "nothing: this field is Backstory's own")
    if url is None and file_id is None:
        raise _wrong(f"{at}.image_url", "a URL, or 'file_id' the id of a file")
    if url is not None and file_id is not None:
        raise _wrong(f"{at}.file_id", "nothing, where 'image_url' is given")
    if file_id is not None and not isinstance(file_id, str):
        raise _wrong(f"{at}.file_id", "the id of a file")
    if url is not None and not isinstance(url, str):
        raise _wrong(f"{at}.image_url", "a URL")
    if url is not None and not is_data_url(url):
        _check_url(url, f"{at}.image_url")


def _check_url(url: str, param: str) -> None:
    """Where it is fetched, more is asked of it (app/outside)."""
    if not url.lower().startswith(SCHEMES) or len(url) > URL_LENGTH_MAX:
        raise InvalidRequest(
            "An image's URL must begin with http:// or https:// and have at most "
            f"{URL_LENGTH_MAX} characters, or be a data URL.",
            param=param,
            code="invalid_image_url",
        )


def _elsewhere(part: Part) -> str | None:
    url: str | None = part.get("image_url")
    return url if url and not is_data_url(url) else None


async def _decoded(places: Sequence[Place], config: Config) -> dict[str, Blob]:
    """What data URLs hold, by where they stand."""
    inline = [
        (at, url) for at, part in places if (url := part.get("image_url")) and is_data_url(url)
    ]

    def decode() -> dict[str, Blob]:
        found = {}
        for at, url in inline:
            param = f"{at}.image_url"
            found[at] = inspect(bytes_of(url, param), config, param)
        return found

    return await asyncio.to_thread(decode) if inline else {}


async def _files(
    database: Database, caller: Caller, places: Sequence[Place]
) -> dict[str, StoredFile]:
    """The files that are named, by their ids as they are named."""
    named = {at: part["file_id"] for at, part in places if part.get("file_id")}
    parsed = {text: parse_id("file", text) for text in named.values()}
    ids = [FileId(file_id) for file_id in set(parsed.values()) if file_id]
    found: dict[FileId, StoredFile] = {}
    if ids:
        async with database.tenant(caller.project) as conn:
            found = await queries.get_files(conn, caller.project, ids)
    files = {}
    for at, text in named.items():
        file = found.get(FileId(file_id)) if (file_id := parsed[text]) else None
        if file is None or not _may_show(caller, file.user_id):
            raise InvalidRequest(
                f"No such File object: {text}", param=f"{at}.file_id", code="image_file_not_found"
            )
        files[text] = file
    return files


def _may_show(caller: Caller, owner: UserId) -> bool:
    """OpenAI's SDK names no user for an upload: what belongs to the project itself may be shown
    in a turn of any of its users (docs/decisions/0004-images.md)."""
    return caller.may_reach(owner) or owner == PROJECT_ITSELF


def _taken(part: Part, blob: Blob | None, files: dict[str, StoredFile]) -> Part:
    """A part that refers to its bytes; one with a URL elsewhere stays as it is."""
    if blob:
        ref = BlobRef(blob.sha256.hex(), blob.media_type, len(blob.data))
    elif file := files.get(part.get("file_id") or ""):
        ref = BlobRef(file.sha256.hex(), file.media_type, file.size_bytes)
    else:
        return part
    given = {name: value for name, value in part.items() if value is not None}
    given.pop("image_url", None)
    return {**given, KEY: msgspec.structs.asdict(ref)}


def _wrong(param: str, expected: str) -> InvalidRequest:
    return InvalidRequest(
        f"Invalid value for '{param}': expected {expected}.", param=param, code="invalid_value"
    )

"""Reading blobs back as data URLs, a few megabytes at a time."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping

from app.blobs import queries
from app.blobs.data_url import data_url
from app.blobs.parts import BlobRef
from app.blobs.types import Blob
from app.db.database import Database
from app.ids import ProjectId, UserId

READ_BYTES_MAX = 8 * 2**20
"""Of several blobs so many bytes are read in one go."""

DataUrls = dict[str, str]
"""By the SHA-256 as a reference has it. One that was deleted is not in it."""


async def read_data_urls(
    database: Database, project: ProjectId, refs: Mapping[UserId, Iterable[BlobRef]]
) -> DataUrls:
    """`refs` by whose the blobs are."""
    urls: DataUrls = {}
    for user, wanted in refs.items():
        for batch in _batches(wanted):
            async with database.tenant(project) as conn:
                blobs = await queries.list_blobs(conn, project, user, batch)
            urls.update(await asyncio.to_thread(data_urls_of, blobs))
    return urls


def data_urls_of(blobs: Iterable[Blob]) -> DataUrls:
    return {blob.sha256.hex(): data_url(blob.media_type, blob.data) for blob in blobs}


def _batches(refs: Iterable[BlobRef]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    size_bytes = 0
    for ref in dict.fromkeys(refs):
        if batch and size_bytes + ref.size_bytes > READ_BYTES_MAX:
            yield batch
            batch, size_bytes = [], 0
        batch.append(ref.hash)
        size_bytes += ref.size_bytes
    if batch:
        yield batch

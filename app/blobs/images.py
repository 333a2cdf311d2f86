"""The images of turns: taken out of what comes in, put into what goes to the engine or back."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from app.blobs.outside import Urls, fetched
from app.blobs.parts import KEY, BlobRef, Part, images_in, ref_of, refs_in, with_images
from app.blobs.read import DataUrls, data_urls_of, read_data_urls
from app.blobs.room import Room
from app.blobs.take import NewImages, take_images
from app.blobs.types import Blob
from app.config import Config
from app.db.database import Database
from app.engine.types import Item
from app.errors import EngineRefused
from app.ids import ProjectId, UserId
from app.outside.fetch import Fetcher
from app.settings.read import SettingsReader
from app.web.principal import Caller

GONE: Part = {"type": "input_text", "text": "[This image was deleted.]"}
"""What the engine gets instead: the talk goes on without it."""


class Images:
    """One for a worker: it bounds what all its calls of the engine hold at once."""

    def __init__(
        self, database: Database, config: Config, settings: SettingsReader, fetcher: Fetcher
    ) -> None:
        self.database = database
        self.config = config
        self._settings = settings
        self._fetcher = fetcher
        self.room = Room(config.image_memory_bytes_max)

    async def take(self, caller: Caller, items: list[Item], param: str = "input") -> NewImages:
        """Raises InvalidRequest."""

        async def fetch(urls: Urls) -> dict[str, Blob]:
            settings = await self._settings.read(caller.project, caller.user)
            return await fetched(self._fetcher, self.config, settings.image_urls, urls)

        return await take_images(self.database, self.config, caller, items, fetch, param)

    def of_turn(
        self, project: ProjectId, user: UserId, asked: Sequence[Item], new: NewImages
    ) -> "TurnImages | None":
        """What the engine gets them from; None where no image of ours is shown."""
        return TurnImages(self, project, user, new) if refs_in(asked) else None

    async def shown(
        self,
        project: ProjectId,
        user: UserId,
        items: Sequence[Item],
        new: NewImages | None = None,
    ) -> list[Item]:
        """As clients sent them: what came in a data URL is one again. `new` is not stored yet."""
        refs = shown_refs(items)
        urls = await TurnImages(self, project, user, new or NewImages()).data_urls(refs)
        return [with_images(item, lambda part: _shown(part, urls)) for item in items]

    def fitting(self, items: Sequence[Item]) -> int:
        """How many of them, at least one, are shown together: as much as a request may hold."""
        left = self.config.body_bytes_max
        for count, item in enumerate(items):
            left -= sum(ref.size_bytes for ref in shown_refs([item]))
            if left < 0 and count:
                return count
        return len(items)


def without_bytes(items: Sequence[Item]) -> list[Item]:
    """As they are shown to who did not ask for the bytes."""
    return [with_images(item, lambda part: _shown(part, {})) for item in items]


def shown_refs(items: Sequence[Item]) -> list[BlobRef]:
    """Of the images that are shown with their bytes: those that came with them."""
    parts = [part for item in items for _, part in images_in(item) if not part.get("file_id")]
    return [ref for part in parts if (ref := ref_of(part))]


def _shown(part: Part, urls: DataUrls) -> Part:
    """With all that the standard asks of an image."""
    complete = {name: value for name, value in part.items() if name != KEY}
    if ref := ref_of(part):
        complete["image_url"] = None if part.get("file_id") else urls.get(ref.sha256)
    return complete | {"detail": part.get("detail") or "auto"}


class TurnImages:
    """The images of one call of the engine; an engine.types.Images."""

    def __init__(self, images: Images, project: ProjectId, user: UserId, new: NewImages) -> None:
        self._images = images
        self._project = project
        self._user = user
        self._new = new

    @asynccontextmanager
    async def inlined(self, asked: Sequence[Item]) -> AsyncIterator[list[Item]]:
        """Raises EngineRefused where they are more than one context may have, as an engine says
        it, since what shortens a context then can shorten it here too."""
        refs = refs_in(asked)
        size_bytes = sum(ref.size_bytes for ref in refs)
        most = self._images.config.context_image_bytes_max
        if size_bytes > most:
            raise EngineRefused(
                f"The images of this context are larger than {most} bytes together.",
                status=400,
                param="input",
                code="context_length_exceeded",
            )
        async with self._images.room.place(size_bytes):
            urls = await self.data_urls(refs)
            yield [with_images(item, lambda part: _inlined(part, urls)) for item in asked]

    async def data_urls(self, refs: Sequence[BlobRef]) -> DataUrls:
        """Of new ones the bytes are here; the others are read, from whom they are."""
        if not refs:
            return {}
        here = [blob for ref in set(refs) if (blob := self._new.blobs.get(ref.hash))]
        elsewhere: dict[UserId, list[BlobRef]] = {}
        for ref in refs:
            if ref.hash not in self._new.blobs:
                owner = self._new.lenders.get(ref.hash, self._user)
                elsewhere.setdefault(owner, []).append(ref)
        read = await read_data_urls(self._images.database, self._project, elsewhere)
        return read | await asyncio.to_thread(data_urls_of, here)


def _inlined(part: Part, urls: DataUrls) -> Part:
    ref = ref_of(part)
    if ref is None:
        return part
    if ref.sha256 not in urls:
        return GONE
    kept = {name: value for name, value in part.items() if name != KEY}
    return {**kept, "image_url": urls[ref.sha256]}

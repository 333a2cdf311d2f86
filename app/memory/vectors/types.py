"""What is embedded, as the queries give it."""

from uuid import UUID

import msgspec

from app.ids import MemoryId


class Said(msgspec.Struct, frozen=True):
    """A text; `name` is its speaker's, with a colon, or empty."""

    name: str
    content: str

    @property
    def text(self) -> str:
        return self.name + self.content

    @property
    def length(self) -> int:
        return len(self.name) + len(self.content)


class StoredText(msgspec.Struct, frozen=True):
    """What is embedded: vectors are kept only if the version is still this one."""

    memory_id: MemoryId
    version: int
    name: str
    content: str

    @property
    def said(self) -> Said:
        return Said(self.name, self.content)


class StoredWindow(msgspec.Struct, frozen=True):
    """A text and its neighbours: the vector is kept only if they are still these.

    `before_content` is the end of what was said before, `after_content` the beginning of what was
    said after; None where nothing was.
    """

    memory_id: MemoryId
    before_id: MemoryId | None
    after_id: MemoryId | None
    made_of: UUID
    name: str
    content: str
    before_name: str
    before_content: str | None
    after_name: str
    after_content: str | None

    @property
    def said(self) -> Said:
        return Said(self.name, self.content)

    @property
    def before(self) -> Said | None:
        found = self.before_content
        return None if found is None else Said(self.before_name, found)

    @property
    def after(self) -> Said | None:
        found = self.after_content
        return None if found is None else Said(self.after_name, found)


class Part(msgspec.Struct, frozen=True):
    """A text that gets a vector: passage `part` of a version of a memory, or its window."""

    memory_id: MemoryId
    text: str
    part: int = -1
    version: int = 0
    window: StoredWindow | None = None

    @property
    def made_of(self) -> list[MemoryId]:
        """The memories whose texts it has."""
        window = self.window
        beside = (window.before_id, window.after_id) if window else ()
        return [self.memory_id, *(found for found in beside if found)]

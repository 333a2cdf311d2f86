"""What of memories has no vector of a model yet: passages, and windows."""

from collections import defaultdict
from collections.abc import Sequence

from app.db.sql import Connection
from app.ids import MemoryId, ProjectId
from app.memory.vectors import queries
from app.memory.vectors.passages import passages_of
from app.memory.vectors.types import Part, StoredText, StoredWindow
from app.memory.vectors.windows import WINDOW_CHARS_MAX, window_text


async def read_wanted(
    conn: Connection, project: ProjectId, ids: Sequence[MemoryId], model: str
) -> list[list[Part]]:
    """Memory by memory: of these, and the windows of those beside them."""
    texts = await queries.list_texts(conn, project, ids, model)
    windows = await queries.list_windows(conn, project, ids, model, WINDOW_CHARS_MAX)
    found: dict[MemoryId, list[Part]] = defaultdict(list)
    for text in texts:
        found[text.memory_id] += _passages(text)
    for window in windows:
        found[window.memory_id] += _window(window)
    return [parts for parts in found.values() if parts]


def _passages(text: StoredText) -> list[Part]:
    """The speaker's name stands before each, since each may be asked for by it."""
    return [
        Part(text.memory_id, text.name + passage, part, text.version)
        for part, passage in enumerate(passages_of(text.content))
    ]


def _window(window: StoredWindow) -> list[Part]:
    """None of a text that makes several passages: they are within each other's company."""
    text = window_text(window) if len(passages_of(window.content)) == 1 else None
    return [] if text is None else [Part(window.memory_id, text, window=window)]

"""A short text within its window: what was said right before it, itself, what was said right after.

A turn such as "Yes, in May." says little by itself; its window says what it answers. It is one
more vector beside the text's own (part -1).
"""

from app.memory.vectors.passages import PASSAGE_CHARS_MAX
from app.memory.vectors.types import Said, StoredWindow

WINDOW_CHARS_MAX = PASSAGE_CHARS_MAX
"""Of a whole window: what a model reads."""

NEIGHBOUR_CHARS_MIN = 40
"""A neighbour of which less would be left adds nothing, and is left out."""


def window_text(window: StoredWindow) -> str | None:
    """None where there is no room for a neighbour: it would be the text itself once more.

    Each neighbour may have half of the room that the text leaves, or more where the other one
    needs less. The one before keeps its end, the one after its beginning.
    """
    room = WINDOW_CHARS_MAX - window.said.length
    before, after = window.before, window.after
    lengths = [said.length if said else 0 for said in (before, after)]
    head = _cut_front(before, max(room // 2, room - lengths[1]))
    tail = _cut_end(after, max(room // 2, room - lengths[0]))
    if head is None and tail is None:
        return None
    return "\n".join(part for part in (head, window.said.text, tail) if part is not None)


def _cut_front(said: Said | None, room: int) -> str | None:
    if said is None or said.length <= room:
        return said.text if said else None
    left = room - len(said.name) - 1
    if left < NEIGHBOUR_CHARS_MIN:
        return None
    end = said.content[-left:]
    return f"{said.name}…{end.partition(' ')[2] or end}"


def _cut_end(said: Said | None, room: int) -> str | None:
    if said is None or said.length <= room:
        return said.text if said else None
    left = room - len(said.name) - 1
    if left < NEIGHBOUR_CHARS_MIN:
        return None
    beginning = said.content[:left]
    return f"{said.name}{beginning.rpartition(' ')[0] or beginning}…"

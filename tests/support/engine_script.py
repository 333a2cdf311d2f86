"""What the test engine is to do, said by magic words in the user's message.

`Tell me a story [[words:200]] [[chunk:10]] [[break:50]]` answers with 200 words, ten events a
chunk, and closes the connection before event 50. The words reach the engine from any process.
"""

import re
import zlib
from itertools import pairwise
from typing import Any

import msgspec

_MAGIC = re.compile(r"\[\[(\w+)(?::(.*?))?\]\]", re.DOTALL)

VOCABULARY = (
    *("amber", "basin", "cedar", "delta", "ember", "fjord", "grove", "heron"),
    *("inlet", "jetty", "kelp", "larch", "marsh", "north", "ocean", "pearl"),
    *("quartz", "river", "stone", "tide", "umber", "vale", "willow", "yarrow"),
)


class Script(msgspec.Struct, frozen=True, kw_only=True):
    """Each field is a magic word; an event index counts from 0 over all events of the answer."""

    say: str | None = None
    """Answer with this instead of "You said: …"."""
    words: int | None = None
    """Answer with so many words instead of "You said: …"."""
    deltas: int | None = None
    """Cut the answer into so many deltas instead of one a word."""
    delay: float = 0.0
    """Seconds before each delta."""
    chunk: int = 1
    """Events written at once."""
    call: str | None = None
    """Call this function, `name` or `name {"json": "arguments"}`, instead of a text."""
    refuse: bool = False
    """Answer with a refusal."""
    think: str | None = None
    """Reason with these words first, and sum them up in the first of them."""
    novel: bool = False
    """Answer with an item and an event of types that nobody knows as well."""
    only: str | None = None
    """Send only events whose type ends with one of these, by commas, besides first and last."""
    bare: bool = False
    """Leave out sequence numbers, item ids and most fields of the response, as engines do."""
    incomplete: bool = False
    """End with `response.incomplete`, as if max_output_tokens were reached."""
    failed: bool = False
    """End with `response.failed`."""

    break_at: int | None = msgspec.field(default=None, name="break")
    """Close the connection before this event."""
    half: int | None = None
    """Send half of this event, then close the connection."""
    end: int | None = None
    """End the stream cleanly before this event."""
    stall: int | None = None
    """Send nothing more from this event on, and keep the connection open."""
    garbage: int | None = None
    """Send bytes that are no JSON in place of this event."""

    status: int | None = None
    """Answer with this status instead of a stream."""
    retry_after: int | None = None
    """The Retry-After header of that answer."""
    times: int | None = None
    """Go wrong only the first so many times that this message comes."""
    cut: int | None = None
    """Close the connection after so many bytes."""
    pieces: int | None = None
    """Write in pieces of so many bytes: every event comes in several."""

    def without_faults(self) -> "Script":
        return msgspec.structs.replace(
            self, break_at=None, half=None, end=None, stall=None, garbage=None, status=None
        )


def parse_script(message: str) -> tuple[Script, str]:
    """The script in a message, and the message without it."""
    said = {name: value or "true" for name, value in _MAGIC.findall(message)}
    return msgspec.convert(said, Script, strict=False), _MAGIC.sub("", message).strip()


def last_user_text(items: Any) -> str:
    """The text of the last user message in Responses input items or in chat messages."""
    if isinstance(items, str):
        return items
    for item in reversed(items):
        if item.get("role") == "user":
            return content_text(item["content"])
    return ""


def content_text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "".join(part.get("text") or "" for part in content or [])


def answer_text(script: Script, message: str) -> str:
    """The same for the same message, always."""
    if script.say is not None:
        return script.say
    if script.words is None:
        return f"You said: {message}"
    start = zlib.crc32(message.encode())
    return " ".join(VOCABULARY[(start + n) % len(VOCABULARY)] for n in range(script.words))


def cut(text: str, pieces: int | None) -> list[str]:
    """The text in so many pieces, or one a word."""
    if pieces is None:
        return re.findall(r"\S+\s*|\s+", text)
    size, more = divmod(len(text), pieces)
    bounds = [n * size + min(n, more) for n in range(pieces + 1)]
    return [text[a:b] for a, b in pairwise(bounds)]

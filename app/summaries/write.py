"""Writing a summary: by the engine, or of sentences that were said."""

import asyncio
import time
from collections.abc import Mapping, Sequence

import msgspec

from app.contexts.summarise import Summarising, Summary, summarise
from app.contexts.weights import by_length, weigh_items
from app.engine.types import Item
from app.errors import EngineError, TooManyRequests
from app.ids import KeyId, MemoryId, RequestId, created_at, new_id
from app.limits.allowance import Allowance
from app.limits.spending import billed
from app.limits.usage import Usage, usage_in
from app.memory.clean import cut
from app.recall.pack import CHARS_A_TOKEN
from app.recall.types import Vector
from app.summaries import queries
from app.summaries.about import About
from app.summaries.extract import Sentence, extract, sentences_in
from app.summaries.parts import SummaryParts
from app.summaries.talk import SAID_CHARS_MAX
from app.summaries.types import Method, NewSummary, Said, StoredSummary, Talk
from app.usage.types import RequestRecord

PURPOSE = "summarize"
PIECE_TOKENS_DEFAULT = 24_000
"""Summarised in one call, where the model's window is not known."""
EXTRACT_SHARE = 4
"""An extract takes a fourth of what was said at most."""
EXTRACT_CHARS_MIN = 200
LINE_WEIGHT_MAX = 8.0
"""What a line of an earlier extract stands for, in sentences."""


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """How a summary is made, and for whose request."""

    method: Method
    model: str | None
    endpoint: str
    key_id: KeyId | None = None
    allowance: Allowance | None = None
    """What whoever asks may spend; what is made in the background counts to nobody."""


async def write_summary(parts: SummaryParts, about: About, way: Way, talk: Talk) -> NewSummary:
    """Raises EngineError where it is the engine's to write."""
    content, cited = "", list[MemoryId]()
    if way.method == "engine":
        before = talk.current.content if talk.current else ""
        content = await ask_engine(parts, about, way, transcript(talk.said), before)
    else:
        vectors = await _vectors(parts, about, talk)
        content, cited = await asyncio.to_thread(_extract, parts, talk, vectors)
    return NewSummary(
        about=about.key,
        method=way.method,
        model=way.model if way.method == "engine" else None,
        content=cut(content, parts.config.memory_bytes_max),
        messages=len(talk.said) + (talk.current.messages if talk.current else 0),
        cited=cited,
    )


async def ask_engine(
    parts: SummaryParts,
    about: About,
    way: Way,
    items: Sequence[Item],
    before: str = "",
    instructions: str | None = None,
) -> str:
    """The call has a line in the request log, all its pieces together. Raises EngineError."""
    assert way.model is not None
    how = await _summarising(parts, about, way.model, instructions)
    record = _record(parts, about, way)
    started = time.perf_counter()
    expected = Usage(sum(weigh_items(items, by_length)), how.summary_tokens)
    try:
        async with billed(way.allowance, way.model, expected) as bill:
            summary = await summarise(how, items, before)
            _note_usage(record, summary)
            bill.used = usage_in(summary.usage) or expected
    except (EngineError, TooManyRequests) as error:
        record.status, record.error_code = error.status, error.code
        raise
    finally:
        record.total_ms = (time.perf_counter() - started) * 1000
        parts.request_log.add(record)
    return summary.text


async def _summarising(
    parts: SummaryParts, about: About, model: str, instructions: str | None
) -> Summarising:
    window = await parts.windows.tokens(model)
    most = parts.config.summary_tokens
    how = Summarising(
        engine=parts.engine,
        model=model,
        user=None,
        secret=await parts.engine_keys.read(about.project),
        piece_tokens=window // 2 if window else PIECE_TOKENS_DEFAULT,
        summary_tokens=min(most, window // 4) if window else most,
        timeout_seconds=parts.config.summarize_timeout_seconds,
    )
    return msgspec.structs.replace(how, instructions=instructions) if instructions else how


def _record(parts: SummaryParts, about: About, way: Way) -> RequestRecord:
    request_id = RequestId(new_id())
    return RequestRecord(
        project_id=about.project,
        created_at=created_at(request_id),
        request_id=request_id,
        user_id=about.user,
        key_id=way.key_id,
        endpoint=way.endpoint,
        purpose=PURPOSE,
        model=way.model,
        engine=parts.engine.name,
    )


def _note_usage(record: RequestRecord, summary: Summary) -> None:
    record.input_tokens = summary.usage.get("input_tokens")
    record.output_tokens = summary.usage.get("output_tokens")
    record.cached_tokens = summary.usage.get("cached_tokens")


def transcript(said: Sequence[Said]) -> list[Item]:
    return [
        {
            "type": "message",
            "role": f"{one.speaker or 'note'} ({one.occurred_at:%Y-%m-%d})",
            "content": one.content[:SAID_CHARS_MAX],
        }
        for one in said
    ]


async def _vectors(parts: SummaryParts, about: About, talk: Talk) -> dict[MemoryId, Vector]:
    """Those that are there by now."""
    ids = [one.memory_id for one in talk.said]
    if talk.current:
        ids += talk.current.cited
    embedder = parts.embedder
    async with parts.database.tenant(about.project) as conn:
        return await queries.list_vectors(
            conn, about.project, ids, embedder.model, embedder.dimensions
        )


def _extract(
    parts: SummaryParts, talk: Talk, vectors: Mapping[MemoryId, Vector]
) -> tuple[str, list[MemoryId]]:
    """Dated lines, and the memory that each is from."""
    earlier = _earlier(talk.current) if talk.current else []
    pieces = [(sentence.text, sentence) for sentence in earlier]
    pieces += [piece for one in talk.said for piece in _sentences_of(one)]
    sentences = [sentence for _, sentence in pieces]
    places = extract(sentences, vectors, _room(parts, sentences))
    lines = [pieces[place] for place in places]
    content = "\n".join(line for line, _ in lines) or talk.said[0].content
    cited = [sentence.memory_id for _, sentence in lines if sentence.memory_id]
    return content, cited if len(cited) == len(lines) else []


def _room(parts: SummaryParts, sentences: Sequence[Sentence]) -> int:
    whole = sum(int(len(one.text) * one.weight) for one in sentences)
    most = parts.config.summary_tokens * CHARS_A_TOKEN
    return min(most, max(whole // EXTRACT_SHARE, EXTRACT_CHARS_MIN))


def _earlier(summary: StoredSummary) -> list[Sentence]:
    """A line stands for as many sentences as were read for it. One that somebody has corrected, or
    that the engine wrote, cites nothing."""
    lines = summary.content.splitlines()
    cited: Sequence[MemoryId | None] = summary.cited
    if len(cited) != len(lines):
        cited = [None] * len(lines)
    weight = min(max(summary.messages / max(len(lines), 1), 1.0), LINE_WEIGHT_MAX)
    return [Sentence(line, memory_id, weight) for line, memory_id in zip(lines, cited, strict=True)]


def _sentences_of(said: Said) -> list[tuple[str, Sentence]]:
    who = f"{said.speaker}: " if said.speaker else ""
    begins = f"[{said.occurred_at:%Y-%m-%d}] {who}"
    return [
        (f"{begins}{text}", Sentence(text, said.memory_id))
        for text in sentences_in(said.content[:SAID_CHARS_MAX])
    ]

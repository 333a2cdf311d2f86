"""Finding conversations by what was said in them: by words, and by meaning where the embedder is.

What is searched are the memories of messages, so that what is not remembered is not found. A
conversation is as good as its best message. A message that is shared with forks is found in the
conversation that it was said in; where that is gone, in one that goes on from it.
"""

from collections.abc import Sequence

import msgspec

from app.conversations.browse import get_some
from app.conversations.held import holders_of
from app.conversations.parts import ConversationParts
from app.conversations.types import Conversation
from app.embeddings.types import Embedder
from app.errors import InvalidRequest
from app.ids import (
    ConversationId,
    ItemId,
    ProjectId,
    id_text,
    parse_id,
)
from app.memory.clean import without_nul
from app.recall.recall import everyone, recall
from app.recall.types import Asked, Reach, Recalled, VectorsState
from app.web.pages import Page
from app.web.principal import Caller

MESSAGES_MIN = 100
MESSAGES_MAX = 1_600
"""Matching messages looked at: more and more, until they are of enough conversations."""

COSINE_MIN = 0.2
"""A message without any of the words has to be as near as this. By all-MiniLM, a query and a
sentence that belong together have 0.25 to 0.6, and most of those that do not less than 0.15."""

SHOWN_CHARS_MAX = 500


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """The best message of a conversation, or its beginning where it is long."""

    item_id: str
    role: str | None
    text: str
    score: float


class FoundConversation(Conversation, frozen=True, kw_only=True):
    match: Match


class FoundPage(Page, kw_only=True):
    vectors: VectorsState
    """Whether the meaning was searched too."""


class Hits(msgspec.Struct, frozen=True):
    """The best message of each conversation, the best first."""

    by_conversation: dict[ConversationId, Recalled]
    vectors: VectorsState
    complete: bool
    """No other message matches: most of those that were the next best did not, either."""


async def find_conversations(
    parts: ConversationParts, embedder: Embedder, caller: Caller, query: str, limit: int
) -> FoundPage:
    """The best first. Raises InvalidRequest."""
    _check(query, parts.config.memory_bytes_max)
    reach = await _reach(parts, caller)
    most = max(MESSAGES_MIN, limit)
    hits = await _look(parts, embedder, reach, query, most)
    while len(hits.by_conversation) <= limit and not hits.complete:
        most *= 4
        hits = await _look(parts, embedder, reach, query, most)
    best = list(hits.by_conversation.items())[: limit + 1]
    shown = await _shown(parts, caller.project, best)
    return FoundPage(
        data=shown[:limit],
        first_id=shown[0].id if shown else None,
        last_id=shown[:limit][-1].id if shown else None,
        has_more=len(shown) > limit,
        vectors=hits.vectors,
    )


def _check(query: str, bytes_max: int) -> None:
    if not query.strip():
        raise InvalidRequest("'query' must not be empty.", param="query")
    if len(query.encode()) > bytes_max:
        raise InvalidRequest(f"'query' is larger than {bytes_max} bytes.", param="query")


async def _reach(parts: ConversationParts, caller: Caller) -> Reach:
    users = [caller.owner]
    if caller.everyone:
        users = await everyone(parts.database, caller.project)
    return Reach(project=caller.project, users=users, kinds=["message"])


async def _look(
    parts: ConversationParts, embedder: Embedder, reach: Reach, query: str, most: int
) -> Hits:
    asked = Asked(query=query, limit=most, token_budget=1, min_score=0.0)
    found = await recall(
        parts.database,
        embedder,
        parts.users,
        reach,
        without_nul(asked),
        embed_seconds_max=parts.config.recall_timeout_seconds,
        exact_max=parts.config.recall_exact_max,
        explain=True,
    )
    matching = [one for one in found.data if _matches(one)]
    by_conversation: dict[ConversationId, Recalled] = {}
    for conversation, one in await _placed(parts, reach.project, matching):
        by_conversation.setdefault(conversation, one)
    complete = len(matching) <= most // 2 or most >= MESSAGES_MAX
    return Hits(by_conversation, found.usage.vectors, complete)


def _matches(one: Recalled) -> bool:
    """Itself, not only what stands beside it."""
    signals = one.signals
    assert signals is not None
    return signals.words.score > 0 or bool(signals.vector and signals.vector.score >= COSINE_MIN)


async def _placed(
    parts: ConversationParts, project: ProjectId, matching: Sequence[Recalled]
) -> list[tuple[ConversationId, Recalled]]:
    """Each with the conversation that it is found in; those that are in none are left out."""
    items = [(item_id, one) for one in matching if (item_id := _item_of(one))]
    async with parts.database.tenant(project) as conn:
        holders = await holders_of(conn, project, [item_id for item_id, _ in items])
    return [(holders[item_id], one) for item_id, one in items if item_id in holders]


def _item_of(one: Recalled) -> ItemId | None:
    """The item that a memory of a message is of: it has the same UUID."""
    if all(source.type != "item" for source in one.memory.sources):
        return None
    parsed = parse_id("mem", one.memory.id)
    return ItemId(parsed) if parsed else None


async def _shown(
    parts: ConversationParts,
    project: ProjectId,
    best: Sequence[tuple[ConversationId, Recalled]],
) -> list[FoundConversation]:
    """One that was deleted meanwhile is left out."""
    async with parts.database.tenant(project) as conn:
        there = await get_some(conn, parts, project, [conversation for conversation, _ in best])
    return [
        FoundConversation(**msgspec.structs.asdict(there[id_]), match=_match(one))
        for id_, one in best
        if id_ in there
    ]


def _match(one: Recalled) -> Match:
    item_id = _item_of(one)
    assert item_id is not None
    return Match(
        item_id=id_text("msg", item_id),
        role=one.memory.speaker,
        text=one.memory.content[:SHOWN_CHARS_MAX],
        score=one.score,
    )

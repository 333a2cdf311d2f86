"""The arm of words: which memories have the rarest words of a text, by BM25."""

import msgspec

from app.db.sql import Connection
from app.memory.language import configuration_of
from app.recall import queries, rank
from app.recall.rank import Terms
from app.recall.terms import BOUNDS, ends_of
from app.recall.types import Reach, Scored


class ByWords(msgspec.Struct, frozen=True):
    terms: Terms
    found: list[Scored]
    memories: int
    """That are in scope."""


async def rank_by_words(
    conn: Connection, reach: Reach, text: str, most: int, language: str | None = None
) -> ByWords:
    """`language` is the configuration that says which words are stop words, where it is known
    better than from the text itself."""
    size = await queries.measure_scope(conn, reach)
    known = language or configuration_of(text)
    counts = await queries.count_terms(conn, reach, ends_of(text), known, BOUNDS)
    terms = rank.weigh_terms(counts, size)
    if not terms.terms:
        return ByWords(terms, [], size.memories)
    found = await queries.rank_by_words(conn, reach, terms, most)
    return ByWords(terms, found, size.memories)

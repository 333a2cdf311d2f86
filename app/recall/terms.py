"""The words of a query that tell the most, among the languages of a scope.

A word of the query is looked for in the form that each language gives it: "Hunde" is `hund` in
German memories and `hunde` in unstemmed ones. The forms of a word count as one, in how rare it is
and in the most that a memory could reach.
"""

from collections.abc import Sequence

import msgspec

from app.recall.types import TermBounds, TermCount

TERMS_MAX = 32
POSTINGS_MAX = 200_000
"""Postings read for a query: the commonest terms of a long one are left out."""

BOUNDS = TermBounds(
    languages_max=8,
    looked_at_max=1_024,
    probed_max=256,
    most=2 * TERMS_MAX,
    memories_max=POSTINGS_MAX,
)

QUERY_CHARS_MAX = 20_000
"""Of a longer query its beginning and its end are read for words."""


class Word(msgspec.Struct, frozen=True):
    """A word of a query, by the forms that memories have; no form, if none has any."""

    forms: list[str]
    memories: int


def rarest(words: Sequence[Word]) -> list[Word]:
    """As many as may be searched for; one at least, if any is known."""
    known = (word for word in words if word.memories)
    chosen: list[Word] = []
    postings = 0
    for word in sorted(known, key=lambda word: (word.memories, word.forms))[:TERMS_MAX]:
        postings += word.memories
        if chosen and postings > POSTINGS_MAX:
            break
        chosen.append(word)
    return chosen


def ends_of(query: str) -> str:
    """Its beginning and its end, where the question of a long one stands."""
    if len(query) <= QUERY_CHARS_MAX:
        return query
    half = QUERY_CHARS_MAX // 2
    return f"{query[:half]}\n{query[-half:]}"


def words_of(counts: Sequence[TermCount]) -> list[Word]:
    """Terms that share a place of the query are one, and those that share one with one of them."""
    word_at: dict[int, int] = {}
    members: dict[int, list[TermCount]] = {}
    for number, count in enumerate(counts):
        joined = {word_at[place] for place in count.places if place in word_at}
        members[number] = [count, *(other for word in joined for other in members.pop(word))]
        word_at |= {place: number for member in members[number] for place in member.places}
    return [_word(forms) for forms in members.values()]


def _word(forms: Sequence[TermCount]) -> Word:
    known = [form for form in forms if form.memories]
    return Word([form.term for form in known], sum(form.memories for form in known))

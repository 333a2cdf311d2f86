"""What of a text has to agree with another: stems, numbers, names, and whether it denies."""

import re
from collections.abc import Iterable, Sequence

from app.db.sql import Connection
from app.facts import queries
from app.facts.english import ALIKE, NEGATION, NUMBER_WORDS, SAID_OF
from app.facts.types import Wording

NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
WORD = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")
POSSESSIVE = re.compile(r"['\u2019]s?$")
SENTENCE = re.compile(r"(?<=[.!?])[\"'\u201d\u2019)]*\s+|(?<=[。\uff01\uff1f])|\n+")

SENTENCES_MAX = 400
"""Of what is read in one call: what lies behind is not taken for support."""


async def terms_of(
    conn: Connection, texts: Sequence[str], languages: Sequence[str]
) -> list[frozenset[str]]:
    """The stems of texts, as the search by words has them."""
    found = await queries.read_terms(conn, texts, languages) if texts else []
    return [frozenset(terms) for terms in found]


def wording_of(text: str, terms: frozenset[str]) -> Wording:
    return Wording(terms, numbers_in(text), names_in(text), NEGATION.search(text) is not None)


def numbers_in(text: str) -> frozenset[str]:
    """In digits, without the marks within them."""
    digits = {re.sub(r"[.,:]", "", found) for found in NUMBER.findall(text)}
    words = {
        NUMBER_WORDS[word] for word in map(str.lower, WORD.findall(text)) if word in NUMBER_WORDS
    }
    return frozenset(digits | words)


def names_in(text: str) -> frozenset[str]:
    """Words with a capital, but for the first of a sentence; in small letters."""
    names: set[str] = set()
    for sentence in SENTENCE.split(text):
        names.update(plain(word) for word in WORD.findall(sentence)[1:] if word[0].isupper())
    return frozenset(names - {"i"})


def words_in(text: str) -> frozenset[str]:
    """All its words, in small letters."""
    return frozenset(map(plain, WORD.findall(text)))


def plain(word: str) -> str:
    return POSSESSIVE.sub("", word.casefold())


def sentences_in(text: str) -> list[str]:
    """What is said by the way of something else is a sentence of its own."""
    parts = (part for whole in SENTENCE.split(text) for part in SAID_OF.split(whole))
    return [part.strip() for part in parts if part.strip()]


def in_other_words(terms: Iterable[str]) -> frozenset[str]:
    """With all stems that may stand for these."""
    return frozenset(other for term in terms for other in ALIKE.get(term, (term,))) | frozenset(
        terms
    )


def alike(some: frozenset[str], others: frozenset[str]) -> float:
    """The share of all terms of two texts that both have, in whatever words (Jaccard's index)."""
    if not some and not others:
        return 1.0
    mine = sum(1 for term in some if term in in_other_words(others))
    theirs = sum(1 for term in others if term in in_other_words(some))
    return (mine + theirs) / (len(some) + len(others))


def agree(some: Wording, others: Wording) -> bool:
    """What makes two sentences with nearly the same words say different things does not differ."""
    return (
        some.numbers == others.numbers
        and some.names == others.names
        and some.negated == others.negated
    )

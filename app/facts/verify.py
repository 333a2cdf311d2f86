"""Whether what an engine proposes as a fact is said in the messages that it names.

Small models invent: so nothing is kept that the messages do not support by their words and by
their vectors, with the same numbers, names and denials (docs/memory.md, "Facts").
"""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
import numpy as np

from app.db.database import Database
from app.embeddings.types import Embedder, Vectors
from app.facts.dates import Dates, dates_of
from app.facts.english import (
    ASKED_FOR,
    CLAUSE,
    IMPERATIVE,
    LIGHT,
    OF_ASSISTANT,
    OWN_SUBJECT,
    OWNED,
    UNCERTAIN,
)
from app.facts.salience import not_worth_keeping, plain_subject
from app.facts.types import Fact, Message, Passage, Proposed, Refusal, Vector, Wording
from app.facts.wording import (
    SENTENCES_MAX,
    in_other_words,
    numbers_in,
    sentences_in,
    terms_of,
    wording_of,
    words_in,
)
from app.ids import ProjectId

WORDS_MIN = 0.7
COSINE_MIN = 0.5
BEST_MAX = 2
"""Sentences that a fact's vector is compared with, one by one and together."""


class Sentence(msgspec.Struct, frozen=True):
    passage: Passage
    text: str
    terms: frozenset[str]


class Draft(msgspec.Struct, frozen=True):
    """A proposed fact whose words are supported; `own` are those that it adds to its subject."""

    proposed: Proposed
    about: str
    passages: Sequence[Passage]
    own: Wording
    best: Sequence[Sentence]
    words: float
    dates: Dates


class Verified(msgspec.Struct, frozen=True):
    facts: list[Fact]
    refused: list[Refusal]


async def verify(
    database: Database,
    embedder: Embedder,
    project: ProjectId,
    passages: Sequence[Passage],
    proposed: Sequence[Proposed | None],
) -> Verified:
    """Raises Unavailable while there is no embedder: nothing is kept unseen."""
    found = [_worth(fact, len(passages)) for fact in proposed]
    worth = [fact for fact in found if isinstance(fact, Proposed)]
    refused: list[Refusal] = [fact for fact in found if isinstance(fact, str)]
    if not worth:
        return Verified([], refused)
    drafts = await _read(database, project, passages, worth)
    refused += [draft for draft in drafts if isinstance(draft, str)]
    worded = [draft for draft in drafts if isinstance(draft, Draft)]
    facts = await _compare(embedder, worded)
    refused += ["meaning"] * (len(worded) - len(facts))
    return Verified(facts, refused)


def _worth(fact: Proposed | None, passages: int) -> Proposed | Refusal:
    if fact is None:
        return "malformed"
    numbers = tuple(number for number in fact.messages if 1 <= number <= passages)
    if not numbers:
        return "no_source"
    return not_worth_keeping(fact) or msgspec.structs.replace(fact, messages=numbers)


async def _read(
    database: Database,
    project: ProjectId,
    passages: Sequence[Passage],
    worth: Sequence[Proposed],
) -> list[Draft | Refusal]:
    said = [(passage, text) for passage in passages for text in sentences_in(passage.text)]
    said = said[:SENTENCES_MAX]
    languages = [passages[fact.messages[0] - 1].message.language for fact in worth]
    spoken = [f"{passage.message.named_speaker or ''} {text}" for passage, text in said]
    texts = [*spoken, *(fact.text for fact in worth), *(fact.subject for fact in worth)]
    async with database.tenant(project) as conn:
        terms = await terms_of(
            conn, texts, [*(p.message.language for p, _ in said), *languages, *languages]
        )
    sentences = [Sentence(*one, found) for one, found in zip(said, terms, strict=False)]
    begin = len(said)
    return [
        _draft(fact, passages, sentences, terms[begin + n], terms[begin + len(worth) + n])
        for n, fact in enumerate(worth)
    ]


def _draft(
    fact: Proposed,
    passages: Sequence[Passage],
    sentences: Sequence[Sentence],
    terms: frozenset[str],
    subject_terms: frozenset[str],
) -> Draft | Refusal:
    named = [passages[number - 1] for number in fact.messages]
    about = plain_subject(fact.subject)
    own = terms - subject_terms - {"user"}
    if not own - LIGHT:
        return "empty"
    theirs = [sentence for sentence in sentences if sentence.passage in named]
    said = [(sentence.text, sentence.passage.message.occurred_at) for sentence in theirs]
    dates = dates_of(fact.since, fact.until, said)
    best = sorted(theirs, key=lambda s: -_share(own, s.terms))[:BEST_MAX]
    if not best:
        return "no_source"
    asked = ASKED_FOR if IMPERATIVE.search(best[0].text) else frozenset()
    draft = Draft(
        proposed=fact,
        about=about,
        passages=named,
        own=wording_of(fact.text, own),
        best=best,
        words=_share(own - asked, dates.stems.union(*(sentence.terms for sentence in theirs))),
        dates=dates,
    )
    return _refusal(draft) or draft


def _share(own: frozenset[str], others: frozenset[str]) -> float:
    """How much of a fact is said, in these words or others of the same sense; numbers aside, which
    have to agree anyway."""
    told = frozenset(term for term in own - LIGHT if not term.isdecimal()) or own
    there = in_other_words(others)
    return sum(1 for term in told if term in there) / len(told)


def _refusal(draft: Draft) -> Refusal | None:
    return (
        _wrong_subject(draft)
        or _wrong_particulars(draft)
        or _otherwise_meant(draft)
        or ("words" if draft.words < WORDS_MIN else None)
    )


def _wrong_subject(draft: Draft) -> Refusal | None:
    """The subject speaks or is spoken of, and the fact is told of it."""
    speakers = [passage.message.named_speaker for passage in draft.passages]
    there = _words_there(draft)
    subject = words_in(draft.proposed.subject) - {"the", "a", "an", "of", "s"}
    if draft.about == "user":
        wrong = any(speakers) or not subject & words_in(draft.proposed.text)
    else:
        wrong = not subject <= there | {"user"} or not subject & words_in(draft.proposed.text)
    if wrong or _is_of_another(draft, speakers):
        return "other_subject"
    return "about_assistant" if OF_ASSISTANT.search(draft.best[0].text) else None


def _is_of_another(draft: Draft, speakers: Iterable[str | None]) -> bool:
    """ "My sister lives in Porto" says nothing of where the speaker lives."""
    of_speaker = draft.about == "user" or draft.about in {str(s).casefold() for s in speakers if s}
    clause = _best_clause(draft)
    if not of_speaker or OWN_SUBJECT.search(clause):
        return False
    owned = {word.casefold() for word in OWNED.findall(clause)}
    return bool(owned) and not owned & words_in(draft.proposed.text)


def _best_clause(draft: Draft) -> str:
    words = words_in(draft.proposed.text)
    return max(CLAUSE.split(draft.best[0].text), key=lambda clause: len(words & words_in(clause)))


def _words_there(draft: Draft) -> frozenset[str]:
    said = (words_in(passage.text) for passage in draft.passages)
    speakers = (words_in(passage.message.speaker or "") for passage in draft.passages)
    return frozenset().union(*said, *speakers, draft.dates.words)


def _wrong_particulars(draft: Draft) -> Refusal | None:
    """Numbers and names are those of the messages, or of dates worked out from them."""
    text = draft.proposed.text
    numbers = frozenset().union(*(numbers_in(passage.text) for passage in draft.passages))
    if not draft.own.numbers <= numbers | draft.dates.words:
        return "number"
    there = _words_there(draft) | {"user"}
    first = text.split(maxsplit=1)[0]
    names = draft.own.names | (words_in(first) if first[0].isupper() else frozenset())
    subject = words_in(draft.proposed.subject)
    strange = names - there - subject - {"the", "a", "an", "both", "all"}
    if any(not _is_inflected(name, there) for name in strange) or _left(draft):
        return "name"
    return None


def _is_inflected(name: str, words: Iterable[str]) -> bool:
    """ "Swedish" where "Sweden" was said."""
    stem = name[: max(4, len(name) - 3)]
    return len(name) > 4 and any(word.startswith(stem) for word in words)


def _left(draft: Draft) -> bool:
    """Whoever comes from a place is not in it."""
    said = " ".join(passage.text for passage in draft.passages)
    for name in draft.own.names:
        before = re.compile(rf"(\w+)\s+{re.escape(name)}\b", re.IGNORECASE)
        theirs = {found.lower() for found in before.findall(said)}
        ours = {found.lower() for found in before.findall(draft.proposed.text)}
        if theirs == {"from"} and ours & {"in", "to", "at"}:
            return True
    return False


def _otherwise_meant(draft: Draft) -> Refusal | None:
    """What was denied, asked or only wished for was not said to be so."""
    best, clause, text = draft.best[0].text, _best_clause(draft), draft.proposed.text
    if wording_of(best, frozenset()).negated != draft.own.negated:
        return "negation"
    if best.rstrip("\"'\u201d\u2019) ").endswith(("?", "\uff1f")):
        return "question"
    return "uncertain" if UNCERTAIN.search(clause) and not UNCERTAIN.search(text) else None


async def _compare(embedder: Embedder, drafts: Sequence[Draft]) -> list[Fact]:
    """No connection is held meanwhile."""
    texts: dict[str, int] = {}
    for draft in drafts:
        for text in (draft.proposed.text, *_evidence(draft)):
            texts.setdefault(text, len(texts))
    if not texts:
        return []
    vectors = await embedder.embed(list(texts), "document")
    facts = [_fact(draft, texts, vectors) for draft in drafts]
    return [fact for fact in facts if fact.cosine >= COSINE_MIN]


def _evidence(draft: Draft) -> list[str]:
    """With who said it: a vector knows no "I"."""
    speaker = draft.passages[0].message.named_speaker or "The user"
    single = [sentence.text for sentence in draft.best]
    return [f"{speaker}: {text}" for text in (_best_clause(draft), *single, " ".join(single))]


def _fact(draft: Draft, texts: dict[str, int], vectors: Vectors) -> Fact:
    vector: Vector = vectors[texts[draft.proposed.text]]
    cosine = max(float(np.dot(vector, vectors[texts[text]])) for text in _evidence(draft))
    sources = _sources(draft)
    began = min(message.occurred_at for message in sources)
    valid_from = draft.dates.since or began
    return Fact(
        proposed=draft.proposed,
        about=draft.about,
        sources=sources,
        language=sources[0].language,
        wording=draft.own,
        vector=vector,
        words=draft.words,
        cosine=cosine,
        valid_from=valid_from,
        valid_to=_after(draft.dates.until, valid_from),
        said_at=max(message.occurred_at for message in sources),
    )


def _sources(draft: Draft) -> list[Message]:
    return list({p.message.memory_id: p.message for p in draft.passages}.values())


def _after(until: datetime | None, since: datetime) -> datetime | None:
    return until if until and until > since else None

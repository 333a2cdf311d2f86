"""What a new fact means for those that are there: the same, another value, or nothing.

An engine is asked only about facts that may say the same or the opposite, and what it says counts
only where words and vectors bear it out. Where that leaves a doubt, both are kept.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec
import numpy as np

from app.facts.types import Fact, Known, Near, Vector, Verdict, Wording
from app.facts.wording import agree, alike, words_in
from app.ids import MemoryId

SAME_COSINE = 0.85
SAME_WORDS = 0.7
JUDGED_SAME_COSINE = 0.7
JUDGED_SAME_WORDS = 0.3
RELATED_COSINE = 0.4
RELATED_MAX = 4
"""Facts that one new fact is compared with by the engine."""
ATTRIBUTE_WORDS = 0.5


class Successor(NamedTuple):
    """What a fact is superseded by, and when that began to be true."""

    memory_id: MemoryId
    began: datetime


class Decision(msgspec.Struct, kw_only=True):
    """About one new fact: strengthen another, or be stored under its own id."""

    fact: Fact
    memory_id: MemoryId
    strengthens: MemoryId | None = None
    supersedes: list[MemoryId] = []
    successor: Successor | None = None


Compared = dict[tuple[int, MemoryId], Verdict]
"""By the number of the new fact and the id of the other."""


def candidates(fact: Fact, known: Sequence[Known]) -> list[Known]:
    """Those that the engine is asked about: near, held to be true, not the same by their words."""
    if any(is_same(fact, one) and not one.near.superseded for one in known):
        return []
    near = [
        one
        for one in known
        if not one.near.superseded and cosine(fact.vector, one.vector) >= RELATED_COSINE
    ]
    near.sort(key=lambda one: -cosine(fact.vector, one.vector))
    return near[:RELATED_MAX]


def decide(number: int, decision: Decision, known: Sequence[Known], verdicts: Compared) -> Decision:
    """The same decision, made."""
    fact = decision.fact
    for one in known:
        judged = verdicts.get((number, one.near.memory_id))
        if is_same(fact, one, judged) and _is_of_its_time(fact, one):
            decision.strengthens = one.near.memory_id
            return decision
    for one in known:
        judged = verdicts.get((number, one.near.memory_id))
        if judged == "contradicts" and not one.near.superseded and contradicts(fact, one):
            _supersede(decision, fact, one)
    return decision


def is_same(fact: Fact, one: Known, judged: Verdict | None = None) -> bool:
    """Numbers, names and denials agree, and so do words and vectors, less so where the engine says
    that they are the same."""
    if not agree(fact.wording, one.wording):
        return False
    near = cosine(fact.vector, one.vector)
    words = alike(fact.wording.terms, one.wording.terms)
    if near >= SAME_COSINE and words >= SAME_WORDS:
        return True
    return judged == "same" and near >= JUDGED_SAME_COSINE and words >= JUDGED_SAME_WORDS


def contradicts(fact: Fact, one: Known) -> bool:
    """They tell the same property, or speak of it in the same words, and tell it otherwise."""
    attribute = words_in(fact.proposed.attribute or ""), words_in(one.near.attribute or "")
    same_property = bool(attribute[0]) and alike(*attribute) >= ATTRIBUTE_WORDS
    said_alike = bool(fact.wording.terms & one.wording.terms)
    return (same_property or said_alike) and _differ(fact.wording, one.wording)


def cosine(one: Vector, other: Vector) -> float:
    return float(np.dot(one, other))


def as_known(decision: Decision) -> Known:
    """A fact of this batch, for those that come after it."""
    fact = decision.fact
    near = Near(
        memory_id=decision.memory_id,
        content=fact.proposed.text,
        language=fact.language,
        attribute=fact.proposed.attribute,
        value=fact.proposed.value,
        valid_from=fact.valid_from,
        valid_to=fact.valid_to,
        said_at=fact.said_at,
        superseded=decision.successor is not None,
        kept_at=None,
    )
    return Known(near=near, wording=fact.wording, vector=fact.vector)


def _is_of_its_time(fact: Fact, one: Known) -> bool:
    """What is over is not made true again by what is said later."""
    if not one.near.superseded:
        return True
    return one.near.valid_to is not None and fact.said_at < one.near.valid_to


def _differ(some: Wording, others: Wording) -> bool:
    return not agree(some, others) or bool(some.terms - others.terms and others.terms - some.terms)


def _supersede(decision: Decision, fact: Fact, one: Known) -> None:
    """Who spoke last is right; who spoke at the same time may mean both. What somebody restored
    falls only for what was said since."""
    near = one.near
    if fact.said_at > near.said_at:
        if near.kept_at is None or fact.said_at > near.kept_at:
            decision.supersedes.append(near.memory_id)
    elif fact.said_at < near.said_at and (
        decision.successor is None or near.valid_from < decision.successor.began
    ):
        decision.successor = Successor(near.memory_id, near.valid_from)

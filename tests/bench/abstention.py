"""Abstention: a question asked of a user who never spoke of it should put nothing into a prompt.

Each question is asked of the next conversation's user too; once as it is, and once without the
names of those who speak in its own (harder: a strange name alone tells much).
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from app.recall.score import FITS_MIN
from app.recall.speakers import without_names
from tests.bench.dataset import Conversation, Question
from tests.bench.measure import Ratio
from tests.bench.memories import Rest
from tests.bench.report import Claim, Table, at_least, at_most

FLOORS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
UNANSWERABLE = "adversarial"
REFUSED_MIN, LEFT_EMPTY_MAX = 0.93, 0.05


class Foreign(msgspec.Struct, frozen=True):
    """How sure recall was of a question that this user cannot answer."""

    category: str
    confidence: float
    nameless: float


async def ask_foreign(rest: Rest, user: str, asked: Conversation) -> list[Foreign]:
    """The questions of another conversation than the user's."""
    names = {turn.speaker for turn in asked.turns}
    return [await _ask(rest, user, question, names) for question in asked.questions]


async def _ask(rest: Rest, user: str, question: Question, names: set[str]) -> Foreign:
    texts = (question.question, without_names(question.question, names))
    found = [(await rest.recall(text, user, limit=1)).json() for text in texts]
    return Foreign(question.category, *(reply["confidence"] for reply in found))


def report(
    name: str, own: Sequence[tuple[str, float]], foreign: Sequence[Foreign]
) -> tuple[Table, list[Claim]]:
    """`own`: category and confidence of each question asked of who can answer it."""
    answerable = [sure for category, sure in own if category != UNANSWERABLE]
    tricky = [sure for category, sure in own if category == UNANSWERABLE]
    columns = {
        "foreign: nothing": [one.confidence for one in foreign],
        "foreign, names taken out: nothing": [one.nameless for one in foreign],
        "answerable: left empty": answerable,
        f"{UNANSWERABLE}: left empty": tricky,
    }
    rows: list[dict[str, Any]] = [
        {"floor": floor, **{what: _below(floor, sures) for what, sures in columns.items()}}
        for floor in sorted({*FLOORS, FITS_MIN})
    ]
    note = f"The default floor is {FITS_MIN}. {len(foreign):,} foreign questions."
    table = Table(f"Abstention, {name}: shares of questions by floor", rows, [note])
    if not name.startswith("locomo"):
        return table, []
    refused = _below(FITS_MIN, columns["foreign: nothing"]) or 0.0
    empty = _below(FITS_MIN, answerable) or 0.0
    return table, [
        at_least(
            f"{name}, foreign questions that inject nothing", _alone(refused), REFUSED_MIN, ""
        ),
        at_most(f"{name}, answerable ones left empty", _alone(empty), LEFT_EMPTY_MAX, ""),
    ]


def _below(floor: float, sures: Sequence[float]) -> float | None:
    return round(sum(sure < floor for sure in sures) / len(sures), 3) if sures else None


def _alone(share: float) -> Ratio:
    return Ratio(share, share, share)

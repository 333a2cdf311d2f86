"""Why a memory has its place, or none."""

from collections.abc import Sequence

from app.ids import id_text
from app.recall.judge import DIGITS, Candidate, Judged
from app.recall.pack import Packed
from app.recall.types import ArmSignal, Asked, LeftOut, Recalled, Signals

LEFT_OUT_MAX = 20


def signals(candidate: Candidate) -> Signals:
    vector = candidate.vector
    return Signals(
        words=ArmSignal(score=round(candidate.words, DIGITS), rank=candidate.words_rank),
        vector=None
        if vector is None
        else ArmSignal(score=round(vector, DIGITS), rank=candidate.vector_rank),
        points={name: round(points, DIGITS) for name, points in candidate.points.items() if points},
        rerank=candidate.rerank,
    )


def left_out(
    judged: Judged, asked: Asked, data: Sequence[Recalled], packed: Packed
) -> list[LeftOut]:
    """The best of each: what the text has no room for, and what is not in the answer at all."""
    told = {memory.id for memory in packed.memories}
    untold = [
        LeftOut(memory=found.memory.id, score=found.score, why="token_budget")
        for found in data
        if found.memory.id not in told
    ]
    there = {found.memory.id for found in data}
    missing = [one for one in judged.ranking if id_text("mem", one.memory_id) not in there]
    return untold[:LEFT_OUT_MAX] + [
        LeftOut(
            memory=id_text("mem", one.memory_id),
            score=one.score,
            why=judged.why_not(one, asked) or "limit",
        )
        for one in missing[:LEFT_OUT_MAX]
    ]

"""The conversations that evidence recall is measured on: see docs/benchmarks.md for their form."""

import gzip
from pathlib import Path

import msgspec


class Turn(msgspec.Struct, frozen=True):
    id: str
    session: str
    speaker: str
    text: str
    occurred_at: str


class Question(msgspec.Struct, frozen=True):
    id: str
    question: str
    category: str
    evidence: list[str]


class Conversation(msgspec.Struct, frozen=True):
    id: str
    turns: list[Turn]
    questions: list[Question]


def read_conversations(path: Path, most: int | None = None) -> list[Conversation]:
    """The first ones, or all; questions without evidence are left out."""
    decode = msgspec.json.Decoder(Conversation).decode
    with gzip.open(path, "rb") as lines:
        found = [decode(line) for _, line in zip(range(most or 10**6), lines, strict=False)]
    return [
        msgspec.structs.replace(one, questions=[q for q in one.questions if q.evidence])
        for one in found
    ]

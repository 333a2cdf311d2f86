"""Controls of evidence recall: each half of it alone, ranked by plain code of the bench's own.

Dense: the exact cosine over the vectors that the service stored of texts by themselves, the best
passage of a turn counting.
Words: textbook BM25 (k1 1.2, b 0.75) over Postgres' English stems. Neither shares code or SQL with
the service's ranking, so a fault there shows as a difference here.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.db.sql import Connection

K1, B = 1.2, 0.75
RANKED_MAX = 50

TEXTS = """
SELECT m.external_id, m.speaker, m.content
FROM memories m
JOIN users u USING (project_id, user_id)
WHERE u.external_id = $1
"""
PASSAGES = """
SELECT m.external_id, v.embedding::vector
FROM memories m
JOIN users u USING (project_id, user_id)
JOIN memory_vectors v USING (project_id, memory_id)
WHERE u.external_id = $1 AND v.part >= 0
"""
STEMS = """
SELECT array_agg(lexeme ORDER BY lexeme), array_agg(cardinality(positions) ORDER BY lexeme)
FROM unnest(to_tsvector('english', $1))
"""

Vectors = NDArray[np.float32]


class Passages(NamedTuple):
    turns: Sequence[str]
    vectors: Vectors


class Controls:
    """Of one user's memories; `turn_of` says which turn a memory is (a part of)."""

    def __init__(self, passages: Passages, turns: Sequence[str], stems: list[Counter[str]]) -> None:
        self._passages = passages
        self._turns = turns
        self._stems = stems
        self._having = Counter(stem for counted in stems for stem in counted)
        lengths = [counted.total() for counted in stems]
        mean = sum(lengths) / max(len(lengths), 1)
        self._norms = [K1 * (1 - B + B * length / mean) for length in lengths]

    def dense(self, query: Vectors) -> list[str]:
        turns, vectors = self._passages
        return _ranked(turns, dict(enumerate(vectors @ query)))

    def words(self, query: Counter[str]) -> list[str]:
        scores: dict[int, float] = defaultdict(float)
        for stem in query:
            if not (having := self._having[stem]):
                continue
            idf = math.log(1 + (len(self._stems) - having + 0.5) / (having + 0.5))
            for index, counted in enumerate(self._stems):
                if often := counted[stem]:
                    scores[index] += idf * often * (K1 + 1) / (often + self._norms[index])
        return _ranked(self._turns, scores)


def _ranked(turns: Sequence[str], scores: Mapping[int, float]) -> list[str]:
    best = sorted(scores, key=lambda index: (-scores[index], index))
    return list(dict.fromkeys(turns[index] for index in best))[:RANKED_MAX]


async def read_controls(conn: Connection, user: str) -> Controls:
    rows = await conn.fetch(TEXTS, user)
    stems = [await stems_of(conn, f"{row['speaker']}: {row['content']}") for row in rows]
    turns = [turn_of(row["external_id"]) for row in rows]
    return Controls(await _read_passages(conn, user), turns, stems)


async def _read_passages(conn: Connection, user: str) -> Passages:
    rows = await conn.fetch(PASSAGES, user)
    vectors = np.asarray([row["embedding"].to_numpy() for row in rows], dtype=np.float32)
    return Passages([turn_of(row["external_id"]) for row in rows], vectors)


async def stems_of(conn: Connection, text: str) -> Counter[str]:
    lexemes, counts = await conn.fetchrow(STEMS, text) or (None, None)
    return Counter(dict(zip(lexemes or [], counts or [], strict=True)))


def turn_of(external_id: str) -> str:
    """A long turn is remembered in parts: `12#0`, `12#1`, …"""
    return external_id.partition("#")[0]

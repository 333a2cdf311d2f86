"""A project of very many memories, made by COPY: its rows are the service's own, its vectors real.

Every memory says one of some thousand real sentences; its vector is that sentence's, turned away
from it by noise, to a cosine of 0.8 or more. (Vectors without any sense can't be indexed well by
anything.) Words, postings and counts are those of the sentence.
"""

import struct
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import asyncpg
import numpy as np
from numpy.typing import NDArray
from pgvector import HalfVector
from pgvector.asyncpg import register_vector

from app.db.sql import Connection
from app.embeddings.types import Vectors
from app.ids import ProjectId, UserId, new_id
from tests.bench.measure import Progress

BATCH = 20_000
COSINE_MIN = 0.8
MEMORY_COLUMNS = (
    *("project_id", "memory_id", "user_id", "kind", "content", "language", "words"),
    *("occurred_at", "trust"),
)
VECTOR_COLUMNS = ("project_id", "user_id", "model_id", "memory_id", "part", "embedding")
WORDS = """
    SELECT (SELECT ceil(coalesce(sum(t.words), 0))::integer
            FROM memory_terms('english', NULL, s.said) AS t)
    FROM unnest($1::text[]) WITH ORDINALITY AS s (said, number)
    ORDER BY number
"""
TERMS = """
    CREATE TEMP TABLE seed_terms AS
    SELECT (number - 1)::integer AS seed, t.term, t.frequency
    FROM unnest($1::text[]) WITH ORDINALITY AS s (said, number)
    CROSS JOIN LATERAL memory_terms('english', NULL, said) AS t
"""
SAID = """
    CREATE TEMP TABLE IF NOT EXISTS said (
        memory_id uuid, user_id uuid, seed integer, words integer)
"""
POSTINGS = """
    INSERT INTO memory_postings (project_id, user_id, term, memory_id, frequency, words)
    SELECT $1, user_id, term, memory_id, frequency, words
    FROM said JOIN seed_terms USING (seed)
    ORDER BY user_id, term, memory_id
"""
LANGUAGES = """
    INSERT INTO memory_languages (project_id, user_id, language, memories)
    SELECT $1, user_id, 'english', count(*) FROM said GROUP BY user_id
"""
SCOPES = """
    INSERT INTO memory_scopes (project_id, user_id, memories, words)
    SELECT $1, user_id, count(*), sum(words) FROM said GROUP BY user_id
"""


class Owner(NamedTuple):
    """A user with so many memories."""

    name: str
    memories: int
    user: UserId


class Seeds:
    """Real sentences, their vectors and how many words they have."""

    def __init__(self, texts: list[str], vectors: Vectors, words: list[int]) -> None:
        self.texts = texts
        self.vectors = vectors
        self.words = words
        self._drawn = np.random.default_rng(7)

    def draw(self, count: int) -> tuple[NDArray[np.int64], Vectors]:
        """Which sentence each is, and a vector near it."""
        chosen = self._drawn.integers(0, len(self.texts), count)
        near = self.vectors[chosen]
        noise = self._drawn.standard_normal(near.shape).astype(np.float32)
        noise -= np.sum(noise * near, axis=1, keepdims=True) * near
        noise /= np.linalg.norm(noise, axis=1, keepdims=True)
        cosine = self._drawn.uniform(COSINE_MIN, 1, (count, 1)).astype(np.float32)
        sine = np.sqrt(1 - cosine**2).astype(np.float32)
        return chosen, np.asarray(cosine * near + sine * noise, dtype=np.float32)

    def shuffled(self, owners: Sequence[Owner]) -> NDArray[np.int64]:
        """Whose each memory is: nobody's lie side by side."""
        whose = np.repeat(np.arange(len(owners)), [owner.memories for owner in owners])
        self._drawn.shuffle(whose)
        return whose


async def read_seeds(conn: Connection, texts: list[str], vectors: Vectors) -> Seeds:
    """Their terms stay in a temporary table of this connection."""
    await register_vector(conn)
    words = [row[0] for row in await conn.fetch(WORDS, texts)]
    await conn.execute("DROP TABLE IF EXISTS seed_terms")
    await conn.execute(TERMS.replace("$1", _quoted(texts)))
    return Seeds(texts, vectors, words)


async def fill(
    conn: Connection,
    project: ProjectId,
    owners: Sequence[Owner],
    seeds: Seeds,
    model_id: int,
    progress: Progress,
) -> None:
    """The counts come last: `serve` makes an index as soon as they are large."""
    await conn.execute(f"{SAID}; TRUNCATE said")
    await conn.executemany(
        "INSERT INTO users (project_id, user_id, external_id) VALUES ($1, $2, $3)",
        [(project, owner.user, owner.name) for owner in owners],
    )
    whose = seeds.shuffled(owners)
    for start in range(0, len(whose), BATCH):
        await _copy(
            conn, project, [owners[n] for n in whose[start : start + BATCH]], seeds, model_id
        )
        if start % (10 * BATCH) == 0:
            progress(f"{start:,} of {len(whose):,} memories are there")
    progress("words")
    await conn.execute(POSTINGS.replace("$1", f"'{project}'::uuid"), timeout=3600)
    progress("tidying up, as autovacuum would")
    for table in ("memories", "memory_vectors", "memory_postings"):
        await conn.execute(f"VACUUM ANALYZE {table}", timeout=3600)
    await conn.execute(LANGUAGES, project)
    await conn.execute(SCOPES, project)


async def _copy(
    conn: Connection, project: ProjectId, owners: list[Owner], seeds: Seeds, model_id: int
) -> None:
    chosen, vectors = seeds.draw(len(owners))
    rows = [(new_id(), owner.user, int(seed)) for owner, seed in zip(owners, chosen, strict=True)]
    now = datetime.now(UTC)
    await _into(
        conn,
        "memories",
        MEMORY_COLUMNS,
        (
            (
                project,
                *row[:2],
                "note",
                seeds.texts[row[2]],
                "english",
                seeds.words[row[2]],
                now,
                "user",
            )
            for row in rows
        ),
    )
    encoded = _halves(vectors)
    await _into(
        conn,
        "memory_vectors",
        VECTOR_COLUMNS,
        ((project, row[1], model_id, row[0], 0, next(encoded)) for row in rows),
    )
    columns = ("memory_id", "user_id", "seed", "words")
    await _into(conn, "said", columns, ((*row, seeds.words[row[2]]) for row in rows))


async def _into(conn: Connection, table: str, columns: Sequence[str], rows: Any) -> None:
    await conn.copy_records_to_table(table, records=rows, columns=list(columns), timeout=600)


def _halves(vectors: Vectors) -> Iterator[HalfVector]:
    head = struct.pack(">HH", vectors.shape[1], 0)
    for vector in vectors.astype(">f2"):
        yield HalfVector.from_binary(head + vector.tobytes())


def _quoted(texts: list[str]) -> str:
    """CREATE TABLE AS takes no parameters."""
    said = ", ".join("'" + text.replace("'", "''") + "'" for text in texts)
    return f"ARRAY[{said}]::text[]"


async def connected(url: str) -> Connection:
    return await asyncpg.connect(url, statement_cache_size=0)

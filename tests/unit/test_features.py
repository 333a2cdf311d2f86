"""What tells for a candidate, without a database."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ids import MemoryId, UserId, new_id
from app.recall import features, rank
from app.recall.features import Question
from app.recall.judge import judge, score
from app.recall.pool import Beside, Described, Nearness, Occurrence, Pool
from app.recall.types import ScopeSize, TermCount

START = datetime(2026, 5, 1, 9, tzinfo=UTC)
USER = UserId(new_id())
PLAIN = Question()


def a_pool(*rows: dict[str, Any], having: tuple[int, ...] = (2, 5)) -> Pool:
    """One candidate a dict: columns of `Described`, `cosine`, and how often it has `terms`."""
    described = [_described(number, row) for number, row in enumerate(rows)]
    counts = [TermCount(f"t{place}", count) for place, count in enumerate(having)]
    pool = Pool(described, rank.weigh_terms(counts, ScopeSize(1_000, 10.0)))
    for term in range(len(having)):
        found = [
            (one.memory_id, row["terms"][term])
            for one, row in zip(described, rows, strict=True)
            if "terms" in row
        ]
        found = [pair for pair in found if pair[1]]
        pool.put_frequencies([Occurrence(term, [i for i, _ in found], [n for _, n in found])])
    near = [
        Nearness(one.memory_id, *[row["cosine"]] * 4)
        for one, row in zip(described, rows, strict=True)
        if "cosine" in row
    ]
    pool.put_nearness(near)
    return pool


def _described(number: int, row: dict[str, Any]) -> Described:
    return Described(
        memory_id=MemoryId(new_id()),
        user_id=USER,
        kind="message",
        speaker=row.get("speaker"),
        stretch=row.get("stretch"),
        occurred_at=START + timedelta(minutes=number),
        words=row.get("words", 10),
        asks=row.get("asks", False),
        tells_time=row.get("tells_time", False),
        standing=row.get("standing"),
    )


def in_a_row(pool: Pool) -> Pool:
    """Each stands right after the one before it."""
    for distance in (1, 2):
        pairs = zip(pool.ids, pool.ids[distance:], strict=False)
        pool.put_beside([Beside(seed, other, distance) for seed, other in pairs])
    return pool


def ranked(pool: Pool, question: Question = PLAIN) -> list[int]:
    return [pool.at[one.memory_id] for one in judge(pool, question).ranking]


def test_a_share_of_words_is_from_0_to_1_and_does_not_saturate() -> None:
    pool = a_pool({"terms": (1, 0)}, {"terms": (1, 1)}, {"terms": (9, 9)}, {"terms": (0, 0)})
    some, more, most, none = features.words_share(pool)
    assert none == 0 < some < more < most < 1


def test_without_known_terms_words_say_nothing() -> None:
    pool = a_pool({"cosine": 0.5}, {"cosine": 0.1}, having=())
    assert not features.words_share(pool).any()
    assert not features.window_share(pool).any()
    assert ranked(pool) == [0, 1]


def test_without_vectors_words_decide() -> None:
    pool = a_pool({"terms": (0, 1)}, {"terms": (1, 1)}, {"terms": (1, 0)})
    assert ranked(pool)[0] == 1


def test_a_memory_without_a_vector_yet_is_taken_for_an_average_one() -> None:
    pool = a_pool({"cosine": 0.9}, {}, {"cosine": 0.1})
    assert ranked(pool) == [0, 1, 2]


def test_what_stands_beside_lends_its_words_the_nearer_the_more() -> None:
    silent = {"terms": (0, 0), "stretch": "s"}
    pool = in_a_row(a_pool({"terms": (2, 2), "stretch": "s"}, silent, silent, silent))
    spoken, near, farther, far = features.window_share(pool)
    assert spoken > near > farther > far == 0


def test_who_is_named_is_preferred() -> None:
    both = {"terms": (1, 0), "cosine": 0.5}
    pool = a_pool(both | {"speaker": "Ada"}, both | {"speaker": "Bob"})
    assert ranked(pool, Question(named=("Bob",)))[0] == 1
    assert ranked(pool, Question(named=("Ada",)))[0] == 0


def test_what_tells_a_time_is_preferred_where_one_is_asked_for() -> None:
    both = {"terms": (1, 0), "cosine": 0.5}
    pool = a_pool(both | {"tells_time": True}, both)
    assert ranked(pool, Question(when=True))[0] == 0
    assert ranked(pool)[0] == 1  # the newer of two equals


def test_of_two_equals_the_newer_comes_first() -> None:
    assert ranked(a_pool(*[{"terms": (1, 1), "cosine": 0.3}] * 3)) == [2, 1, 0]


@given(st.floats(0.001, 0.999), st.floats(-50, 0))
def test_a_score_is_a_probability_that_falls_with_the_distance(sure: float, behind: float) -> None:
    assert score(sure, 0.0) == pytest.approx(sure, abs=1e-4)
    assert 0 <= score(sure, behind) <= sure + 1e-4
    assert score(sure, behind - 1) <= score(sure, behind)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.floats(-1, 1)), max_size=12))
def test_every_candidate_has_one_finite_place(rows: list[tuple[int, int, float]]) -> None:
    pool = in_a_row(a_pool(*[{"terms": (a, b), "cosine": c, "stretch": "s"} for a, b, c in rows]))
    judged = judge(pool, Question(when=True, named=("x",)))
    assert sorted(pool.at[one.memory_id] for one in judged.ranking) == list(range(len(rows)))
    assert all(np.isfinite(one.score) for one in judged.ranking)
    assert 0 <= judged.confidence <= 1


def test_surer_of_what_is_nearer() -> None:
    far, near = a_pool({"cosine": 0.1}), a_pool({"cosine": 0.8, "terms": (1, 1)})
    assert judge(far, Question()).confidence < 0.5 < judge(near, Question()).confidence


def test_words_alone_can_be_sure_of_what_has_no_vector_yet() -> None:
    far = {"cosine": 0.1}
    assert judge(a_pool(far, {"terms": (1, 1)}), PLAIN).confidence > 0.5
    assert judge(a_pool(far, {"terms": (0, 0)}), PLAIN).confidence < 0.1

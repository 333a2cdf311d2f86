"""Which texts are embedded next."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.embeddings.batches import Limits, Overloaded, Place, TextBacklog, TextJob
from app.embeddings.model import Tokens
from app.embeddings.types import Lane

LIMITS = Limits(
    batch_texts_max=4, batch_tokens_max=20, queries_waiting_max=2, documents_waiting_max=8
)


def job(*lengths: int, lane: Lane = "document") -> TextJob:
    return TextJob(lane, [Tokens("", [1] * length) for length in lengths], dimensions=2)


def backlog(*jobs: TextJob) -> TextBacklog:
    waiting = TextBacklog(LIMITS)
    for one in jobs:
        waiting.add(one)
    return waiting


def lengths(batch: list[Place]) -> list[int]:
    return [one.length(row) for one, row in batch]


def test_nothing_waits_in_an_empty_backlog() -> None:
    assert backlog().next_batch() == []
    assert backlog(job()).next_batch() == []


def test_a_query_overtakes_documents_that_wait() -> None:
    documents, query = job(5, 5), job(1, lane="query")
    waiting = backlog(documents, query)
    assert [place.job for place in waiting.next_batch()] == [query]
    assert [place.job for place in waiting.next_batch()] == [documents, documents]


def test_the_longest_texts_of_a_job_come_first() -> None:
    waiting = backlog(job(1, 6, 2, 5))
    assert lengths(waiting.next_batch()) == [6, 5, 2]
    assert lengths(waiting.next_batch()) == [1]


def test_a_batch_fills_up_from_the_next_job_of_its_lane() -> None:
    first, second = job(2, 2), job(2, 2, 2)
    waiting = backlog(first, second)
    assert [place.job for place in waiting.next_batch()] == [first, first, second, second]


def test_padding_counts_as_work() -> None:
    waiting = backlog(job(2), job(11), job(3))
    assert lengths(waiting.next_batch()) == [2]
    assert lengths(waiting.next_batch()) == [11]


def test_a_text_above_the_bound_is_a_batch_of_its_own() -> None:
    waiting = backlog(job(50, 1))
    assert lengths(waiting.next_batch()) == [50]
    assert lengths(waiting.next_batch()) == [1]


def test_what_is_dropped_is_not_embedded() -> None:
    gone, kept = job(1, 1), job(1)
    waiting = backlog(gone, kept)
    gone.drop()
    assert [place.job for place in waiting.next_batch()] == [kept]


def test_a_job_is_done_when_its_last_vector_came() -> None:
    one = job(1, 2)
    one.fill(1, np.array([0, 1], dtype=np.float32))
    assert not one.done.done()
    one.fill(0, np.array([1, 0], dtype=np.float32))
    assert one.done.result().tolist() == [[1, 0], [0, 1]]


def test_a_job_that_failed_says_why_once() -> None:
    one = job(1, 1)
    one.drop(RuntimeError("first"))
    one.drop(RuntimeError("second"))
    with pytest.raises(RuntimeError, match="first"):
        one.done.result()


def test_a_full_lane_is_overloaded_until_an_answer_went_out() -> None:
    waiting = backlog()
    with waiting.admitted("document", 8):
        assert waiting.texts == 8
        with pytest.raises(Overloaded), waiting.admitted("document", 1):
            pass
        with waiting.admitted("query", 2):
            assert waiting.texts == 10
    with waiting.admitted("document", 8):
        assert waiting.texts == 8


@given(st.lists(st.lists(st.integers(0, 30), max_size=12), max_size=6))
def test_every_text_is_embedded_once_within_the_bounds(sizes: list[list[int]]) -> None:
    jobs = [job(*each) for each in sizes]
    waiting = backlog(*jobs)
    seen: list[tuple[int, int]] = []
    while batch := waiting.next_batch():
        work = len(batch) * max(lengths(batch))
        assert len(batch) == 1 or (len(batch) <= 4 and work <= 20)
        seen += [(jobs.index(one), row) for one, row in batch]
    assert sorted(seen) == [(i, row) for i, each in enumerate(sizes) for row in range(len(each))]

"""Which terms of a query are searched for."""

from hypothesis import given
from hypothesis import strategies as st

from app.recall import rank
from app.recall.terms import POSTINGS_MAX, TERMS_MAX
from app.recall.types import ScopeSize, TermCount

SIZE = ScopeSize(1_000, 12.0)


def terms(*counts: int) -> rank.Terms:
    return rank.weigh_terms([TermCount(f"t{n}", n) for n in counts], SIZE)


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_idf_is_positive_and_falls_with_commonness(memories: int, having: int) -> None:
    assert rank.idf(memories, having) > 0
    assert rank.idf(memories, having) >= rank.idf(memories, having + 1)


def test_a_long_query_is_cut_to_its_rarest_terms() -> None:
    assert terms(*range(1, 100)).terms == [f"t{n}" for n in range(1, TERMS_MAX + 1)]


def test_terms_that_would_read_too_much_are_left_out_but_the_rarest_stays() -> None:
    most = POSTINGS_MAX
    assert terms(5, most - 5, 1 + most).terms == ["t5", f"t{most - 5}"]
    assert terms(2 * most).terms == [f"t{2 * most}"]


def test_a_word_tells_in_the_smallest_scope_what_it_tells_in_larger_ones() -> None:
    """One known word of two is about half of what is asked for, however much is remembered."""

    def share(memories: int) -> float:
        counts = [TermCount("known", 1), TermCount("strange", 0)]
        terms = rank.weigh_terms(counts, ScopeSize(memories, 12.0))
        return sum(terms.tells) / terms.all_tell

    assert 0.4 < share(1) < share(10) < share(1_000) < 0.5

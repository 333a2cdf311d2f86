"""Cutting long texts, and setting short ones into their windows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ids import MemoryId, new_id
from app.memory.vectors.passages import (
    PASSAGE_CHARS,
    PASSAGE_CHARS_MAX,
    PASSAGES_MAX,
    passages_about,
    passages_of,
)
from app.memory.vectors.types import StoredWindow
from app.memory.vectors.windows import WINDOW_CHARS_MAX, window_text

SENTENCE = "The heron stood in the reeds until the fog had gone."
TEXTS = st.text(st.sampled_from("ab .!?\n。\u4e2d"), max_size=6_000)


@given(TEXTS)
def test_nothing_is_lost_or_said_twice(text: str) -> None:
    assert "".join("".join(passages_of(text)).split()) == "".join(text.split())


@given(TEXTS)
def test_passages_fit_a_model_and_are_no_scraps(text: str) -> None:
    passages = passages_of(text)
    assert len(passages) <= passages_about(text)
    assert all(len(passage) <= PASSAGE_CHARS_MAX for passage in passages)
    assert all(passages) or passages == [""]


def test_a_text_that_fits_is_left_whole() -> None:
    assert passages_of(f"{'x' * (PASSAGE_CHARS_MAX - 2)} y") == [
        f"{'x' * (PASSAGE_CHARS_MAX - 2)} y"
    ]


def test_borders_of_paragraphs_come_before_those_of_sentences() -> None:
    paragraph = " ".join([SENTENCE] * 14)
    assert passages_of("\n\n".join([paragraph] * 3)) == [paragraph] * 3
    for passage in passages_of(" ".join([SENTENCE] * 60)):
        assert passage.startswith("The")
        assert passage.endswith("gone.")


def test_words_are_cut_only_where_there_is_nothing_else() -> None:
    words = " ".join(f"word{number}" for number in range(1_000))
    assert [word for passage in passages_of(words) for word in passage.split()] == words.split()
    assert "".join(passages_of("x" * 5_000)) == "x" * 5_000


def test_ideographs_are_worth_more_than_letters() -> None:
    passages = passages_of("我们去年夏天在湖边看见了一只苍鹭。" * 50)
    assert len(passages) > 3
    assert all(passage.endswith("。") for passage in passages)


def test_there_are_never_more_than_the_embedder_takes_at_once() -> None:
    passages = passages_of(f"{SENTENCE} " * 4_000)
    assert len(passages) == PASSAGES_MAX
    assert max(map(len, passages)) < 2 * min(map(len, passages))
    assert len(passages_of(f"{SENTENCE} " * 10)) == 1
    assert len(passages_of("z " * PASSAGE_CHARS)) == 2


def window(before: str | None, said: str, after: str | None) -> StoredWindow:
    def an_id() -> MemoryId:
        return MemoryId(new_id())

    return StoredWindow(
        memory_id=an_id(),
        before_id=an_id() if before else None,
        after_id=an_id() if after else None,
        made_of=an_id(),
        name="Ada: ",
        content=said,
        before_name="Bob: ",
        before_content=before,
        after_name="Bob: ",
        after_content=after,
    )


def test_a_window_has_the_text_between_its_neighbours() -> None:
    assert (
        window_text(window("When?", "In May.", "Fine.")) == "Bob: When?\nAda: In May.\nBob: Fine."
    )
    assert window_text(window(None, "In May.", "Fine.")) == "Ada: In May.\nBob: Fine."
    assert window_text(window("When?", "In May.", None)) == "Bob: When?\nAda: In May."


@pytest.mark.parametrize("own", [1, 300, 700])
@pytest.mark.parametrize(("before", "after"), [(900, 900), (900, 10), (10, 900), (400, 0)])
def test_what_is_near_is_kept_of_long_neighbours(own: int, before: int, after: int) -> None:
    """The end of what came before, the beginning of what came after; in no more than fits."""
    text = window_text(window(f"{'b ' * before}near", "x" * own, f"near{' a' * after}"))
    assert text is not None
    assert len(text) <= WINDOW_CHARS_MAX + 2
    head, said, tail = text.split("\n")
    assert head.endswith("near")
    assert said == "Ada: " + "x" * own
    assert tail.startswith("Bob: near")


def test_without_room_for_neighbours_there_is_no_window() -> None:
    assert window_text(window("b" * 500, "x" * 960, "a" * 500)) is None

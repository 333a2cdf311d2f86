"""Extracts: central sentences, each new, within their room."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.ids import MemoryId, new_id
from app.summaries.extract import SENTENCE_CHARS_MAX, Sentence, extract, sentences_in

ABOUT_BEES = [
    "The bees fly out to the meadow in the morning.",
    "In the meadow the bees look for flowers all morning.",
    "Flowers in the meadow feed the bees of the village.",
    "My car needs new tyres before the winter.",
    "The bees of the village fly to the meadow for flowers.",
]


def of(texts: list[str], **fields: float) -> list[Sentence]:
    return [Sentence(text, MemoryId(new_id()), **fields) for text in texts]


def test_what_the_others_agree_with_is_chosen_first() -> None:
    [place] = extract(of(ABOUT_BEES), {}, 10)
    assert place != 3
    assert 3 not in extract(of(ABOUT_BEES), {}, 100)


def test_the_same_is_not_said_twice() -> None:
    twice = of([ABOUT_BEES[0], ABOUT_BEES[0], *ABOUT_BEES[1:]])
    chosen = extract(twice, {}, 120)
    assert not {0, 1} <= set(chosen)


def test_vectors_tell_what_words_do_not() -> None:
    sentences = of(
        [
            "Cats purr very softly indeed.",
            "Kittens make quiet pleasant sounds.",
            "Stocks fell by two percent.",
        ]
    )
    close, far = np.array([1, 0], np.float32), np.array([0, 1], np.float32)
    first, second, third = (sentence.memory_id for sentence in sentences)
    assert first
    assert second
    assert third
    assert extract(sentences, {first: close, second: close, third: far}, 1) != [2]


def test_a_line_of_an_earlier_summary_stands_for_many() -> None:
    old = Sentence("Grandfather repaired the clock in the tower.", None, 8.0)
    assert 0 in extract([old, *of(ABOUT_BEES)], {}, 120)
    assert 0 not in extract(of([old.text, *ABOUT_BEES]), {}, 120)


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("v1.2 is out\nat example.org", ["v1.2 is out", "at example.org"]),
        ("今日は雨です。明日は晴れ。", ["今日は雨です。", "明日は晴れ。"]),
        ("  \n ", []),
        ("x" * 900, ["x" * SENTENCE_CHARS_MAX]),
    ],
)
def test_texts_are_cut_into_sentences(text: str, sentences: list[str]) -> None:
    assert sentences_in(text) == sentences


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=60), max_size=30), st.integers(0, 300))
def test_any_sentences_have_an_extract(texts: list[str], room: int) -> None:
    chosen = extract(of(texts), {}, room)
    assert bool(chosen) == bool(texts)
    assert chosen == sorted(set(chosen))
    assert len(chosen) == 1 or sum(len(texts[place]) for place in chosen) <= room

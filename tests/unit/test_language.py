"""The language of a text, and the words of a query among several."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.memory.language import READ_CHARS_MAX, codes_of, configuration_of, language_of
from app.recall.terms import QUERY_CHARS_MAX, Word, ends_of, rarest, words_of
from app.recall.types import TermCount


@pytest.mark.parametrize(
    ("text", "configuration"),
    [
        ("I took my dog to the vet yesterday.", "english"),
        ("Meine Schwester wohnt seit drei Jahren in Hamburg.", "german"),
        ("J'ai emmené mon chien chez le vétérinaire hier.", "french"),
        ("Он не любит кошек, а собак любит", "russian"),
        ("कल मैं अपने कुत्ते को पशु चिकित्सक के पास ले गया।", "hindi"),
        ("Moja siostra mieszka w Krakowie od trzech lat.", "simple"),
        ("WO WOHNT MEINE SCHWESTER?", "german"),
        ("使用 Docker 部署我们的 web service because it is easy", "english"),
        ("我妹妹住在上海三年了", None),
        ("ok", None),
        ("2023-05-07 12:30", None),
        ("", None),
    ],
)
def test_words_tell_their_language(text: str, configuration: str | None) -> None:
    assert configuration_of(text) == configuration


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("Was habe ich letzte Woche gemacht?", ("de",)),
        ("先週、何をしましたか", ("ja",)),
        ("我上周做了什么", ("zh",)),
        ("지난주에 뭐 했어", ("ko",)),
        ("last week?", ("en",)),
    ],
)
def test_a_question_tells_in_which_language_its_times_are(text: str, codes: tuple[str]) -> None:
    assert codes_of(text) == codes


@given(st.text(max_size=2 * READ_CHARS_MAX))
def test_any_text_is_read(text: str) -> None:
    assert language_of(text) is None or len(text) >= 8


def test_forms_of_a_word_are_one_word() -> None:
    """Between two that share no place stands one that shares a place with each."""
    counts = [
        TermCount("runs", 1, (5,)),
        TermCount("running", 2, (1,)),
        TermCount("run", 4, (1, 5)),
        TermCount("hund", 9, (2,)),
        TermCount("unheard", 0, (3,)),
    ]
    run, hund, unheard = words_of(counts)
    assert sorted(run.forms) == ["run", "running", "runs"]
    assert (run.memories, hund, unheard) == (7, Word(["hund"], 9), Word([], 0))
    assert rarest([hund, unheard, run]) == [run, hund]


@given(st.lists(st.tuples(st.integers(0, 9), st.lists(st.integers(0, 20), max_size=4))))
def test_every_term_is_in_one_word(drawn: list[tuple[int, list[int]]]) -> None:
    counts = [TermCount(f"t{n}", many + 1, places) for n, (many, places) in enumerate(drawn)]
    words = words_of(counts)
    assert sorted(form for word in words for form in word.forms) == sorted(c.term for c in counts)
    places = [{p for c in counts if c.term in word.forms for p in c.places} for word in words]
    assert sum(map(len, places)) == len(set().union(*places))


def test_the_ends_of_a_long_query_are_read() -> None:
    query = "beginning " + "x " * QUERY_CHARS_MAX + "end"
    assert ends_of(query).startswith("beginning ")
    assert ends_of(query).endswith(" end")
    assert len(ends_of(query)) == QUERY_CHARS_MAX + 1
    assert ends_of("short") == "short"

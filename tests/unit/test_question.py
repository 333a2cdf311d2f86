"""What is read from the form of a query."""

import pytest

from app.recall.question import asks_for_anything, asks_when
from app.recall.speakers import named_in, without_names


@pytest.mark.parametrize(
    ("query", "asks"),
    [
        ("When did we meet?", True),
        ("since when is it so", True),
        ("How long were you away?", True),
        ("What day is the party?", True),
        ("What did you say when we met?", False),
        ("How much is it?", False),
        ("", False),
    ],
)
def test_whether_a_time_is_asked_for(query: str, asks: bool) -> None:
    assert asks_when(query) is asks


@pytest.mark.parametrize(
    ("query", "anything"),
    [
        ("What did I do?", True),
        ("what's happened", True),
        ("Can you remind me what we talked about?", True),
        ("Was habe ich gemacht?", True),
        ("Qu\u2019est-ce que j'ai fait ?", True),
        ("¿Qué hice?", True),
        ("", True),
        ("What did I eat?", False),
        ("Who called?", False),
        ("dentist", False),
    ],
)
def test_whether_anything_is_asked_for(query: str, anything: bool) -> None:
    assert asks_for_anything(query) is anything


@pytest.mark.parametrize(
    ("query", "named", "rest"),
    [
        ("What did Ada research?", ["Ada Byron"], "What did research?"),
        ("What is ADA BYRON's job?", ["Ada Byron"], "What is job?"),
        ("Did Li\u2019s boat sink?", ["Li"], "Did boat sink?"),
        ("What about Adamant things?", [], "What about Adamant things?"),
        ("Ada?", ["Ada Byron"], "Ada?"),
        ("user or J", [], "user or J"),
    ],
)
def test_speakers_are_known_by_name(query: str, named: list[str], rest: str) -> None:
    found = named_in(query, ["Ada Byron", "Li", "J", "  "])
    assert found == named
    assert without_names(query, found) == rest

"""What goes on holding is told from what passes, by rules alone."""

import pytest

from app.memory.standing import (
    SAID_CHARS_MAX,
    STATEMENTS_MAX,
    standing_of,
    statements_in,
    strongest,
)
from app.memory.types import Kind, Standing, Trust

INSTRUCTIONS = [
    "Always answer in French.",
    "Please don't use emojis.",
    "From now on, keep your answers short.",
    "Call me Sam.",
    "please call me Dr. Lee",
    "Remember that I can't eat peanuts.",
    "Never suggest restaurants that are not vegan.",
    "Stop apologising all the time!",
    "Could you always give temperatures in Celsius?",
    "Thanks! Please use metric units.",
    "I'd like you to always cite your sources.",
    "Whenever I ask for code, use TypeScript.",
    "When I ask about prices, give them in euros.",
    "Ok, going forward please write in British English.",
    "Reply only in Spanish",
    "Keep your replies brief.",
    "Don't call me buddy.",
    "Include a summary every time I share an article.",
    "Antworte bitte immer auf Deutsch.",
    "Bitte keine Emojis.",
    "Réponds toujours en français.",
    "De ahora en adelante, usa el sistema métrico.",
]
PREFERENCES = [
    "I'm vegetarian.",
    "im a vegan btw",
    "I prefer tea to coffee",
    "I hate mushrooms.",
    "My favourite colour is green.",
    "My favorite kind of music is jazz",
    "I'd rather take the train than fly.",
    "I don't eat meat.",
    "I can\u2019t stand loud restaurants.",
    "Well, I really love hiking, what about you?",
    "I'm a big fan of film noir.",
    "Can you plan a trip? I usually avoid crowded places.",
    "I'm a morning person.",
    "Ich mag keine Oliven.",
    "Je préfère le thé.",
    "Prefiero el café sin azúcar.",
]
IDENTITIES = [
    "I'm a nurse.",
    "i am a freelance graphic designer in Porto",
    "My name is Ada Lovelace.",
    "I live in Ulm.",
    "We moved to Bonn last year.",
    "I work at Siemens.",
    "I work as a baker.",
    "My wife's name is Grace.",
    "My dog is called Rex",
    "I'm 34 years old.",
    "I have two daughters.",
    "I'm allergic to penicillin.",
    "Hi, I'm from Norway and new here.",
    "My birthday is on 3 May.",
    "I was diagnosed with type 2 diabetes.",
    "I'm learning Japanese.",
    "I'm training for a marathon.",
    "Ich wohne in Köln.",
    "Je m'appelle Anne.",
    "Vivo en Madrid.",
]
PASSING = [
    "Write a function that always returns true.",
    "Always a pleasure talking to you!",
    "Never mind.",
    "Never give up!",
    "Call me tomorrow.",
    "Call me when you get there.",
    "Do you remember that I was ill?",
    "I remember that day.",
    "Should I always use a virtual environment?",
    "They were part of it and always remind me of home.",
    "In the future, cars will fly.",
    "From now on it gets easier.",
    "Don't worry about it.",
    "Explain what happens when I send a request.",
    "How do I use metric units in pandas?",
    "Please translate this letter.",
    "I love it!",
    "I love your idea.",
    "I hate to bother you, but it is broken.",
    "I hate that.",
    "I'd love to hear more.",
    "Do you prefer tea or coffee?",
    "What is your favourite book?",
    "If I prefer tea, what should I order?",
    "I'm a bit tired.",
    "I'm a huge mess today",
    "I am an hour late.",
    "Imagine I'm a nurse in a war.",
    "Pretend that my name is Bob.",
    "If I live in Berlin, do I need a car?",
    "I wish I lived in Rome; what a city.",
    "He lives in Ulm and works as a baker.",
    'She wrote "I live in Ulm" on the card.',
    "Fix this: `name = 'I live in Ulm'`",
    "```\n# always use tabs\nI prefer = 1\n```",
    "> I'm vegetarian\nwhat did she mean?",
    "I work hard.",
    "I live for this moment.",
    "I'm looking for the bug.",
    "My name is not on the list",
    "I don't want to lose any data.",
    "Das ist immer so.",
    "C'est toujours pareil.",
    "Siempre es así.",
]


@pytest.mark.parametrize(
    ("standing", "sentence"),
    [
        *(("instruction", sentence) for sentence in INSTRUCTIONS),
        *(("preference", sentence) for sentence in PREFERENCES),
        *(("identity", sentence) for sentence in IDENTITIES),
    ],
)
def test_what_goes_on_holding_is_told(standing: Standing, sentence: str) -> None:
    found = statements_in(sentence)
    assert strongest(found) == standing, found
    assert statements_in("\n".join(s.said for s in found)) == found


@pytest.mark.parametrize("sentence", PASSING)
def test_what_passes_is_not(sentence: str) -> None:
    assert statements_in(sentence) == []


def test_each_statement_of_a_sentence_is_its_own() -> None:
    found = statements_in("Hi! My name is Sam, I live in Ulm and I prefer tea. Nice day.")
    assert [(one.standing, one.slot, one.said) for one in found] == [
        ("identity", "name", "My name is Sam"),
        ("identity", "lives in", "I live in Ulm"),
        ("preference", None, "I prefer tea."),
    ]


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("I live in Ulm.", "We just moved to Bonn."),
        ("I live in Ulm.", "Ich wohne in Bonn."),
        ("My favourite food is rice.", "my favorite food is bread"),
        ("My wife's name is Ann.", "My wife is called Eve."),
        ("Answer in French.", "Please always reply in German, or write in German"),
    ],
)
def test_what_speaks_of_the_same_has_the_same_slot(older: str, newer: str) -> None:
    slots = [{one.slot for one in statements_in(text)} - {None} for text in (older, newer)]
    assert slots[0] & slots[1]


@pytest.mark.parametrize(
    ("kind", "speaker", "trust", "content", "standing"),
    [
        ("message", "assistant", "assistant", "I prefer tea.", None),
        ("message", "Assistant", "application", "I prefer tea.", None),
        ("message", "Ada", "application", "I prefer tea.", "preference"),
        ("message", None, "application", "I prefer tea.", "preference"),
        ("summary", None, "user", "I prefer tea.", None),
        ("note", None, "document", "I prefer tea.", None),
        ("note", None, "application", "The user lives in Ulm.", "identity"),
        ("fact", None, "user", "User prefers tea", "preference"),
        ("note", None, "application", "Berlin is a city.", None),
        ("message", "user", "user", "The user lives in the database.", None),
    ],
)
def test_it_counts_who_says_it_and_how(
    kind: Kind, speaker: str | None, trust: Trust, content: str, standing: Standing | None
) -> None:
    assert strongest(standing_of(kind, speaker, trust, content)) == standing


def test_of_a_long_text_only_the_sentences_are_kept() -> None:
    padding = "The build failed again with the same error. " * 50
    found = statements_in(f"{padding}I live in Ulm. {padding}")
    assert [one.said for one in found] == ["I live in Ulm."]
    long = statements_in(f"I prefer {'very ' * 200}short answers")
    assert len(long[0].said) <= SAID_CHARS_MAX + 2
    many = "".join(f"I like fruit{n}. " for n in range(100))
    assert len(statements_in(many)) == STATEMENTS_MAX


@pytest.mark.parametrize(
    "text", ["i " * 30_000, "I prefer " * 8_000, ", and " * 9_000, "``" * 20_000, '"' * 60_000]
)
def test_any_text_is_read_to_its_end(text: str) -> None:
    assert len(statements_in(text)) <= STATEMENTS_MAX

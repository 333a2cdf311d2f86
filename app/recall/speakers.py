"""Speakers that a query names: what they said is preferred, and their names say nothing more.

A stored text begins with its speaker's name, so that a name in a query makes all that this speaker
ever said look near. The vector of a query is therefore made of the query without those names.
"""

import re
from collections.abc import Iterable

NAME_LETTERS_MIN = 2


def named_in(query: str, speakers: Iterable[str]) -> list[str]:
    """The speakers whose whole name, or first name, stands in the query as a word."""
    return [speaker for speaker in speakers if _pattern(speaker).search(query)]


def without_names(query: str, named: Iterable[str]) -> str:
    """The query itself where nothing else would be left."""
    text = query
    for speaker in named:
        text = _pattern(speaker).sub(" ", text)
    text = " ".join(text.split())
    return text if re.search(r"\w", text) else query


def _pattern(speaker: str) -> re.Pattern[str]:
    names = [speaker, speaker.split()[0]] if speaker.split() else []
    words = [re.escape(name) for name in names if len(name) >= NAME_LETTERS_MIN]
    choice = "|".join(words) or r"(?!)"
    return re.compile(rf"(?<!\w)(?:{choice})(?:['\u2019]s)?(?!\w)", re.IGNORECASE)

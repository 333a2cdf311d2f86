"""How a query says a time: by which of its words, and which of them a text may say as well.

The words that name a time are of no use among what is looked for: of last May's dentist no text
says "May". A date in full, or a name in the calendar, may stand in a text: "the lease of 7 May".
"""

import re
from collections.abc import Iterable
from difflib import SequenceMatcher

from app.recall.periods import SEASONS
from app.recall.phrases import HOLIDAYS, any_of
from app.recall.time_words import MONTHS

LOOKED_BEFORE = 24
_LEADING = re.compile(
    r"\b(?:(?:back\s+)?in|on|at|by|for|from|of|as\s+of|about|around|during|over|throughout|within)"
    r"\s+(?:the\s+)?$",
    re.IGNORECASE,
)
_CALENDAR = re.compile(
    rf"(?<!\w)(?:(?P<name>{any_of([*MONTHS, *SEASONS])}|{HOLIDAYS}|(?:19|20)\d\d)"
    r"|\d{1,2}(?:st|nd|rd|th)?)(?!\w)",
    re.IGNORECASE,
)
_TOKEN = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\\W_]+|[^\\w\\s]")


def lead_of(text: str, start: int) -> int:
    """Where the preposition before a time begins; `start` where there is none."""
    earliest = max(0, start - LOOKED_BEFORE)
    lead = _LEADING.search(text[earliest:start])
    return earliest + lead.start() if lead else start


def original_of(phrase: str, version: str, query: str) -> str:
    """The words of the query that became `phrase` in an English version of it."""
    start = version.find(phrase)
    end = start + len(phrase)
    mine, theirs = list(_TOKEN.finditer(query)), list(_TOKEN.finditer(version))
    inside = [place for place, token in enumerate(theirs) if start <= token.start() < end]
    if not inside:
        return ""
    found = list(_aligned(_texts(mine), _texts(theirs), inside[0], inside[-1] + 1))
    return query[mine[found[0]].start() : mine[found[-1]].end()] if found else ""


def _texts(tokens: Iterable[re.Match[str]]) -> list[str]:
    return [token.group().lower() for token in tokens]


def _aligned(mine: list[str], theirs: list[str], first: int, end: int) -> Iterable[int]:
    """Places in `mine` of what stands from `first` to before `end` in `theirs`."""
    for tag, low, high, from_, to in SequenceMatcher(None, mine, theirs, False).get_opcodes():
        if tag == "equal":
            yield from (low + place - from_ for place in range(max(from_, first), min(to, end)))
        elif from_ < end and to > first:
            yield from range(low, high)


def dated_words(phrase: str) -> str:
    """Those of an English phrase that name a place in the calendar, of "last May" the month."""
    found = list(_CALENDAR.finditer(phrase))
    return " ".join(match.group() for match in found) if any(m["name"] for m in found) else ""


def without_times(query: str, phrases: Iterable[str]) -> str:
    """What is left, which may be nothing."""
    text = query
    for phrase in phrases:
        text = text.replace(phrase, " ")
    return " ".join(text.split())

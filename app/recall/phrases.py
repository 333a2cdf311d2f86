"""The times that English names by themselves: "7 May 2023", "last summer", "two weeks ago".

Each is read where it begins in a text, by the first rule that fits. What may as well be something
else ("may", "march", a month that is also a name, a bare number) counts only behind a preposition
that tells.
"""

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Literal

import msgspec

from app.recall import periods, time_words
from app.recall.periods import SEASONS, Period
from app.recall.time_words import COUNTS, MONTHS, ORDINALS, SHARES, WEEKDAYS, Match, Reader

Reference = Literal["absolute", "relative"]
Behind = Literal["anything", "weak", "strong"]
"""Which prepositions a rule asks for: "in" and "since" tell more than "from" and "by"."""


class Named(msgspec.Struct, frozen=True):
    """A time that a text names, up to `end`."""

    period: Period
    kind: Reference
    end: int


class Rule(msgspec.Struct, frozen=True):
    kind: Reference
    pattern: re.Pattern[str]
    read: Reader
    behind: Behind


def any_of(words: Iterable[str]) -> str:
    """The longest first, so that none is cut short."""
    return "|".join(sorted(words, key=len, reverse=True))


COUNT = rf"(?P<count>\d{{1,3}}|(?:a\s+)?couple(?:\s+of)?|(?:a\s+)?few|{any_of(COUNTS)})"
UNIT = r"(?P<unit>hour|day|weekend|week|fortnight|month|year|decade)s?\b"
WEEKDAY = rf"(?P<weekday>{any_of(WEEKDAYS)})\b"
PART = r"(?P<part>morning|afternoon|evening|night)\b"
THE = r"(?:the\s+)?"
HOLIDAYS = (
    r"christmas|halloween|thanksgiving|new\s+year'?s?(?:\s+(?:eve|day))?|valentine'?s?(?:\s+day)?"
)

_YEAR = r"(?P<year>(?:19|20)\d\d)\b"
_MONTH = rf"(?P<month>{any_of(MONTHS)})\b\.?"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th|er|\.)?"
_SEASON = rf"(?P<season>{any_of(SEASONS)})\b"
_HOLIDAY = rf"(?P<holiday>{HOLIDAYS})(?!\w)"
_YEARLY = rf"(?:{_MONTH}|{_SEASON}|{_HOLIDAY})"
_WHICH = r"(?P<which>last|this\s+past|this|next|previous|past|coming|upcoming)"
_BESIDE = r"(?P<which>last|this|next)\s+year(?:'s)?\b"
_OF = r"(?:\s*,?\s+(?:(?:of|in)\s+)?|,)"
_WHOLE = r"(?!\s*[%$€£]|[.,:]?\d|\s*[-\u2013]\s*[^\W\d]|\s+of\b)"


def _rule(kind: Reference, pattern: str, read: Reader, behind: Behind = "anything") -> Rule:
    return Rule(kind, re.compile(THE + pattern, re.IGNORECASE), read, behind)


RULES = (
    _rule(
        "absolute",
        rf"{_YEAR}-(?P<number>\d{{1,2}})(?:-(?P<day>\d{{1,2}}))?(?![\w-])",
        time_words.iso_date,
    ),
    _rule(
        "absolute",
        r"(?P<first>\d{1,2})(?P<mark>[./-])(?P<second>\d{1,2})(?P=mark)"
        r"(?P<year>(?:19|20)\d\d|(?<=/)\d\d)(?![\w/-]|\.\w)",
        time_words.numeric_date,
    ),
    _rule("absolute", rf"{_DAY}(?:\s+of)?\s+{_MONTH}{_OF}{_YEAR}", time_words.dated),
    _rule("absolute", rf"{_MONTH}\s+{THE}{_DAY}{_OF}{_YEAR}", time_words.dated),
    _rule("relative", rf"{_DAY}(?:\s+of)?\s+{_MONTH}", time_words.undated),
    _rule("relative", rf"{_MONTH}\s+{THE}{_DAY}(?![\d:%])", time_words.undated),
    _rule("absolute", rf"{_YEARLY}{_OF}{_YEAR}", time_words.of_a_year),
    _rule("relative", rf"{_YEARLY}\s+(?:of\s+)?{_BESIDE}", time_words.beside_a_year),
    _rule("relative", rf"{_BESIDE}(?:\s+in)?\s+{_YEARLY}", time_words.beside_a_year),
    _rule(
        "absolute",
        rf"q(?P<nth>[1-4]){_OF}{_YEAR}",
        time_words.quarter,
    ),
    _rule(
        "absolute",
        rf"(?P<nth>first|second|third|fourth|1st|2nd|3rd|4th)\s+quarter{_OF}{_YEAR}",
        time_words.quarter,
    ),
    _rule("absolute", r"(?P<century>19|20)(?P<tens>\d)0'?s\b", time_words.decade),
    _rule("absolute", r"(?<=the )(?P<century>)(?P<tens>[1-9])0'?s\b", time_words.decade, "strong"),
    _rule("relative", rf"(?P<which>last|this)\s+{PART}", time_words.part_of_near_day),
    _rule("relative", r"tonight\b", time_words.tonight),
    _rule(
        "relative",
        r"(?P<name>today|yesterday|tomorrow|day\s+before\s+yesterday|day\s+after\s+tomorrow)\b",
        time_words.near_day,
    ),
    _rule(
        "relative",
        rf"(?:(?P<unit>weekend|week|month|year)|{WEEKDAY}|{_SEASON})\s+before\s+last\b",
        time_words.before_last,
    ),
    _rule(
        "relative",
        rf"{WEEKDAY}\s+(?:of\s+)?(?P<which>last|this|next)\s+week\b",
        time_words.weekday_of_week,
    ),
    _rule(
        "relative",
        rf"(?P<which>last|this|next)\s+week\s+(?:on\s+)?{WEEKDAY}",
        time_words.weekday_of_week,
    ),
    _rule(
        "relative",
        rf"{_WHICH}\s+(?P<unit>weekend|week|month|year|decade)\b(?!\s+of\b)",
        time_words.near_unit,
    ),
    _rule("relative", rf"{_WHICH}\s+(?:{WEEKDAY}|{_YEARLY})", time_words.near),
    _rule("relative", rf"{COUNT}\s+{UNIT}\s+(?:ago|back)\b", time_words.ago),
    _rule("relative", rf"(?:last|past|previous)\s+{COUNT}\s+{UNIT}", time_words.lasting),
    _rule("relative", rf"(?<!the ){_MONTH}(?!\s+of\b)", time_words.latest, "weak"),
    _rule("relative", _SEASON, time_words.latest, "strong"),
    _rule("relative", WEEKDAY, time_words.latest, "strong"),
    _rule("relative", r"(?<=the )weekend\b", time_words.weekend, "strong"),
    _rule("absolute", _YEAR + _WHOLE, time_words.year, "strong"),
    _rule("absolute", _YEAR + r"(?=\s*(?:$|[,;:?!)]|\.(?!\d)))", time_words.year, "weak"),
)

ALSO_NAMES = {"april", "may", "june", "august", "march", "jan", "mar"}
ALSO_WORDS = {"may", "march", "mar", "dec", "sep", "jan", "jun", "spring", "fall"}
"""In small letters."""

_STRONG = re.compile(
    r"\b(?:in|on|since|until|till|during|throughout|between|over|as\s+of)\s+(?:the\s+)?$",
    re.IGNORECASE,
)
_WEAK = re.compile(
    r"\b(?:by|from|of|to|before|after|around|for|at|year)\s+(?:the\s+)?$", re.IGNORECASE
)
_LOOKED_BEHIND = 24
_PART_BEHIND = re.compile(rf"\s+(?:in\s+the\s+|at\s+)?{PART}", re.IGNORECASE)


_SHARE = re.compile(
    rf"{THE}(?P<share>{any_of(SHARES)})(?:\s+(?:of|in)\s+(?:the\s+)?|[\s-]+)", re.IGNORECASE
)
_NTH_WEEK = re.compile(
    rf"{THE}(?P<nth>{any_of(ORDINALS)}|last)\s+week\s+(?:of|in)\s+", re.IGNORECASE
)
_PART_OF = re.compile(rf"{THE}{PART}\s+(?:of|on)\s+", re.IGNORECASE)


def time_at(text: str, start: int, at: datetime, *, sure: bool = False) -> Named | None:
    """The time whose words begin there, seen from `at`; `sure` that what stands there is a time."""
    for pattern, part_of in _PARTS:
        match = pattern.match(text, start)
        whole = _named_at(text, match.end(), at, sure=True) if match else None
        if match and whole and (part := part_of(match, whole.period)):
            return Named(part, whole.kind, whole.end)
    return _named_at(text, start, at, sure=sure)


def _nth_week(match: Match, month: Period) -> Period | None:
    if month.grain != "month":
        return None
    word = match["nth"].lower()
    if word == "last":
        return Period(month.until - periods.WEEK, month.until, "week")
    since = month.since + (ORDINALS[word] - 1) * periods.WEEK
    return Period(since, since + periods.WEEK, "week")


def _share(match: Match, whole: Period) -> Period | None:
    if whole.grain not in ("month", "season", "year"):
        return None
    first, last = SHARES[" ".join(match["share"].lower().split())]
    return periods.part_of(whole, first, last)


def _part_of_day(match: Match, day: Period) -> Period:
    return periods.hours_of(day, match["part"].lower())


_PARTS: tuple[tuple[re.Pattern[str], Callable[[Match, Period], Period | None]], ...] = (
    (_NTH_WEEK, _nth_week),
    (_SHARE, _share),
    (_PART_OF, _part_of_day),
)
"""What is named by the whole that it is a part of."""


def _named_at(text: str, start: int, at: datetime, *, sure: bool) -> Named | None:
    """By the first rule that fits."""
    behind = text[max(0, start - _LOOKED_BEHIND) : start]
    told: Behind = "anything"
    if sure or _STRONG.search(behind):
        told = "strong"
    elif _WEAK.search(behind):
        told = "weak"
    for rule in RULES:
        match = rule.pattern.match(text, start)
        if match and _is_time(rule, match, told):
            try:
                return _with_part(text, Named(rule.read(match, at), rule.kind, match.end()))
            except (ValueError, OverflowError):
                continue
    return None


def _is_time(rule: Rule, match: Match, told: Behind) -> bool:
    if told == "strong":
        return True
    if rule.behind == "anything":
        return not _is_another_word(match)
    month = match.groupdict().get("month") or ""
    return rule.behind == told and month.lower() not in ALSO_NAMES


def _is_another_word(match: Match) -> bool:
    """ "may" and "march" in small letters, where nothing says that they are months."""
    groups = match.groupdict()
    word = groups.get("month") or groups.get("season")
    return word in ALSO_WORDS and not groups.get("year") and groups.get("which") in (None, "this")


def _with_part(text: str, named: Named) -> Named:
    """ "yesterday evening"."""
    match = _PART_BEHIND.match(text, named.end)
    if match is None or named.period.grain != "day":
        return named
    hours = periods.hours_of(named.period, match["part"].lower())
    return Named(hours, named.kind, match.end())

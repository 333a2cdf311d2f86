"""What other languages say of time, put into English word by word, so that one grammar reads it.

The words are those of dateparser, which has them from CLDR for two hundred languages, and a few of
our own (`foreign_words`).
"""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from importlib import import_module
from typing import Any

from dateparser.data.languages_info import language_order

from app.recall.foreign_words import BESIDE, NOT_TIMES

LANGUAGES = frozenset(language_order)
UNSPACED = frozenset({"zh", "ja", "ko", "th", "lo", "km", "my"})
LETTERS_MIN = 4
"""Shorter names of months and weekdays are abbreviations, and other words as well."""

MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december",
)  # fmt: skip
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
UNITS = ("day", "week", "month", "year")
DAYS = {
    "0 day ago": "today", "1 day ago": "yesterday", "2 day ago": "the day before yesterday",
    "in 1 day": "tomorrow",
}  # fmt: skip

Match = re.Match[str]
Step = tuple[re.Pattern[str], Callable[[Match], str]]


def in_english(text: str, language: str) -> str:
    """`language` is an ISO 639-1 code; of one that is not known, the text as it is."""
    if language not in LANGUAGES or language == "en":
        return text
    for pattern, put in _steps(language):
        text = pattern.sub(put, text)
    return text


@lru_cache(maxsize=len(LANGUAGES))
def _steps(language: str) -> tuple[Step, ...]:
    info = import_module(f"dateparser.data.date_translation_data.{language}").info
    spaced = language not in UNSPACED
    beside = BESIDE.get(language, {})
    words = dict(_words(info, spaced=spaced))
    words |= {word: english for english, many in beside.items() for word in many.split()}
    steps = (
        _ELISION,
        _numbers(info, beside, spaced=spaced),
        _DAY_FIRST if info.get("date_order") == "DMY" else None,
        _YEAR_FIRST,
        *_counted(info, spaced=spaced),
        _replacing(words, spaced=spaced),
        _BEHIND,
    )
    return tuple(filter(None, steps))


def _words(info: dict[str, Any], *, spaced: bool) -> Iterator[tuple[str, str]]:
    for told, many in info.get("relative-type", {}).items():
        if english := DAYS.get(told) or _near_unit(told):
            yield from ((word, english) for word in many if word not in NOT_TIMES)
    for english in (*MONTHS, *WEEKDAYS):
        names = [name.lower() for name in info.get(english, [])]
        enough = min(LETTERS_MIN, max(map(len, names), default=0)) if spaced else 2
        yield from ((name, english) for name in names if len(name) >= enough)
    for english in UNITS if spaced else ():
        yield from ((name.lower(), english) for name in info.get(english, []) if len(name) > 2)


def _near_unit(told: str) -> str | None:
    """What dateparser writes as "1 week ago" is called the last week."""
    match = re.fullmatch(r"(?P<in>in )?(?P<count>[01]) (?P<unit>week|month|year)(?: ago)?", told)
    if match is None:
        return None
    which = "this" if match["count"] == "0" else "next" if match["in"] else "last"
    return f"{which} {match['unit']}"


def _numbers(info: dict[str, Any], beside: dict[str, str], *, spaced: bool) -> Step | None:
    """Number words, of which dateparser has some as simple patterns: "hundert(e|er)"."""
    forms: dict[str, list[str]] = {}
    told = [*info.get("simplifications", []), {word: number for number, word in beside.items()}]
    for simple in told:
        for form, number in simple.items():
            if str(number).isdecimal() and _SIMPLE.fullmatch(form):
                forms.setdefault(str(number), []).append(form.replace("(", "(?:"))
    if not forms:
        return None
    either = "|".join(f"(?P<n{number}>{'|'.join(many)})" for number, many in forms.items())
    return _within(either, spaced=spaced), lambda match: str(match.lastgroup)[1:]


def _counted(info: dict[str, Any], *, spaced: bool) -> Iterator[Step]:
    """ "vor 2 Wochen"."""
    for told, patterns in info.get("relative-type-regex", {}).items():
        if re.fullmatch(r"\\1 (?:hour|day|week|month|year) ago", told):
            forms = sorted((p.replace(_ANY_NUMBER, r"\d{1,3}") for p in patterns), key=len)
            yield _within("|".join(reversed(forms)), spaced=spaced), _counting(told)


def _counting(told: str) -> Callable[[Match], str]:
    def put(match: Match) -> str:
        number = _DIGITS.search(match.group())
        return f" {told.replace(_ONE, number.group())} " if number else match.group()

    return put


def _replacing(words: dict[str, str], *, spaced: bool) -> Step:
    def put(match: Match) -> str:
        english = words.get(match.group().lower(), match.group())
        return english if spaced else f" {english} "

    return _within(_any_of(words), spaced=spaced), put


def _within(pattern: str, *, spaced: bool) -> re.Pattern[str]:
    """Whole words, where the language has spaces between them."""
    whole = rf"(?<!\w)(?:{pattern})(?!\w)" if spaced else rf"(?:{pattern})"
    return re.compile(whole, re.IGNORECASE)


def _any_of(words: Iterable[str]) -> str:
    return "|".join(map(re.escape, sorted(words, key=len, reverse=True)))


def _put_year_first(match: Match) -> str:
    """ "2023年5月7日", "5月7日", "2023年"."""
    year, month, day = match["year"] or match["only"], match["month"], match["day"]
    if month and not 1 <= int(month) <= len(MONTHS):
        return match.group()
    if year:
        return f" in {'-'.join(filter(None, (year, month, day)))} "
    name = MONTHS[int(month) - 1]
    return f" {name} {day} " if day else f" in {name} "


_SIMPLE = re.compile(r"[\w|()]+")
_ANY_NUMBER = r"(\d++[.,]?\d*+)"
_ONE = r"\1"
_DIGITS = re.compile(r"\d+")
_ELISION: Step = (re.compile(r"\b(?:l|d|qu|dell|nell|all)['\u2019]", re.IGNORECASE), lambda _: "")
_YEAR_FIRST: Step = (
    re.compile(
        r"(?:(?P<year>(?:19|20)\d\d)\s?[年년]\s?)?(?<!\d)(?P<month>\d{1,2})\s?[月월]\s?"
        r"(?:(?P<day>\d{1,2})\s?[日号號일])?|(?P<only>(?:19|20)\d\d)\s?[年년]",
        re.ASCII,
    ),
    _put_year_first,
)
_DAY_FIRST: Step = (
    re.compile(r"(?<![\w/])(\d{1,2})/(\d{1,2})/((?:19|20)\d\d)(?![\w/])"),
    lambda match: f"{match[1]}.{match[2]}.{match[3]}",
)
_BEHIND: Step = (
    re.compile(
        rf"\b(?P<what>{_any_of((*MONTHS, *WEEKDAYS, *UNITS))}|spring|summer|autumn|winter)\s+"
        r"(?P<which>last|next)\b(?!\s+(?:week|month|year))"
    ),
    lambda match: f"{match['which']} {match['what']}",
)

"""The words of time, and what each pattern of them means: a match and a moment give a period."""

import re
from collections.abc import Callable
from datetime import datetime

from app.recall import periods
from app.recall.periods import DAY, SEASONS, Period, Which

Match = re.Match[str]
Reader = Callable[[Match, datetime], Period]
"""Raises ValueError or OverflowError where the calendar has no such period."""

FEW = 4
COUNTS = {
    "a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7,
    "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "fifteen": 15, "twenty": 20,
    "thirty": 30, "couple": 2, "few": FEW, "several": FEW, "some": FEW,
}  # fmt: skip
VAGUE = {"few", "several", "some"}
MONTHS = {
    "january": 1, "february": 2, "march": 3, "april": 4, "may": 5, "june": 6, "july": 7,
    "august": 8, "september": 9, "october": 10, "november": 11, "december": 12, "jan": 1,
    "feb": 2, "mar": 3, "apr": 4, "jun": 6, "jul": 7, "aug": 8, "sept": 9, "sep": 9, "oct": 10,
    "nov": 11, "dec": 12,
}  # fmt: skip
WEEKDAYS = {
    "monday": 0, "tuesday": 1, "wednesday": 2, "thursday": 3, "friday": 4, "saturday": 5,
    "sunday": 6,
}  # fmt: skip
ORDINALS = {
    "first": 1, "second": 2, "third": 3, "fourth": 4, "1st": 1, "2nd": 2, "3rd": 3, "4th": 4
}  # fmt: skip
SHARES = {
    "early": (0.0, 0.4), "beginning": (0.0, 0.4), "start": (0.0, 0.4), "mid": (0.3, 0.7),
    "middle": (0.3, 0.7), "late": (0.6, 1.0), "end": (0.6, 1.0), "first half": (0.0, 0.5),
    "second half": (0.5, 1.0),
}  # fmt: skip
NEAR_DAYS = {
    "today": 0, "yesterday": -1, "tomorrow": 1, "day before yesterday": -2,
    "day after tomorrow": 2,
}  # fmt: skip
BESIDE = {"last": -1, "this": 0, "next": 1}


def count_of(words: str) -> int:
    """Of "3", "two", "a couple of", "a few"."""
    return max(int(w) if w.isdecimal() else COUNTS.get(w, 0) for w in words.lower().split())


def is_vague(words: str) -> bool:
    return not VAGUE.isdisjoint(words.lower().split())


def which_of(words: str) -> Which:
    """Of "last", "this past", "upcoming" and their like."""
    word = words.lower().split()[-1]
    if word in ("last", "previous", "past"):
        return "last"
    return "this" if word == "this" else "next"


def iso_date(match: Match, at: datetime) -> Period:
    year, month = int(match["year"]), int(match["number"])
    if match["day"]:
        return periods.day_in(year, month, int(match["day"]), at)
    return periods.month_in(year, month, at)


def numeric_date(match: Match, at: datetime) -> Period:
    """Month first with a slash, as in English, where it can be; day first with a dot."""
    first, second, year = int(match["first"]), int(match["second"]), int(match["year"])
    day_first = match["mark"] != "/" or first > 12
    day, month = (first, second) if day_first else (second, first)
    return periods.day_in(year if year > 99 else 2000 + year, month, day, at)


def dated(match: Match, at: datetime) -> Period:
    month, day = MONTHS[match["month"].lower()], int(match["day"])
    return periods.day_in(int(match["year"]), month, day, at)


def undated(match: Match, at: datetime) -> Period:
    """The latest; 29 February is the 28th in a year that has none."""
    month, day = MONTHS[match["month"].lower()], int(match["day"])

    def of_year(year: int) -> Period:
        last = 28 if (month, day) == (2, 29) and year % 4 else day
        return periods.day_in(year, month, last, at)

    return periods.yearly(of_year, at, "latest")


def year(match: Match, at: datetime) -> Period:
    return periods.year_of(at.replace(year=int(match["year"]), day=1))


def decade(match: Match, at: datetime) -> Period:
    tens = int(match["tens"])
    century = int(match["century"] or (19 if tens >= 3 else 20))
    return periods.decade_of(at.replace(year=century * 100 + tens * 10, day=1))


def quarter(match: Match, at: datetime) -> Period:
    word = match["nth"].lower()
    number = int(word) if word.isdecimal() else ORDINALS[word]
    return periods.months_in(int(match["year"]), 3 * number - 2, 3, at)


def of_a_year(match: Match, at: datetime) -> Period:
    """ "May 2023", "summer of 2021", "Christmas 2022"."""
    return _in_year(match, int(match["year"]), at)


def beside_a_year(match: Match, at: datetime) -> Period:
    """ "May last year", "last year's summer"."""
    return _in_year(match, at.year + BESIDE[match["which"].lower()], at)


def latest(match: Match, at: datetime) -> Period:
    """ "in May", "over the summer"."""
    return _nearest(match, at, "latest")


def near_day(match: Match, at: datetime) -> Period:
    return periods.day_of(at, NEAR_DAYS[" ".join(match["name"].lower().split())])


def part_of_near_day(match: Match, at: datetime) -> Period:
    """ "last night", "this morning"; tonight has no groups."""
    days = -1 if match["which"].lower() == "last" else 0
    return periods.hours_of(periods.day_of(at, days), match["part"].lower())


def tonight(_: Match, at: datetime) -> Period:
    return periods.hours_of(periods.day_of(at), "night")


def before_last(match: Match, at: datetime) -> Period:
    if match["unit"]:
        return periods.OF[match["unit"].lower()](at, -2)
    return _nearest(match, _nearest(match, at, "last").since, "last")


def near_unit(match: Match, at: datetime) -> Period:
    """ "last week", "this year", "the past month"."""
    unit = match["unit"].lower()
    if match["which"].lower() == "past":
        return periods.stretch(at, -1, unit)
    return periods.OF[unit](at, BESIDE[which_of(match["which"])])


def near(match: Match, at: datetime) -> Period:
    """ "last Tuesday", "next May", "this Christmas"."""
    return _nearest(match, at, which_of(match["which"]))


def ago(match: Match, at: datetime) -> Period:
    count, unit = match["count"], match["unit"].lower()
    if not is_vague(count):
        return periods.away(at, -count_of(count), unit)
    far, close = periods.stretch(at, -6, unit), periods.stretch(at, -2, unit)
    return Period(far.since, max(close.since, far.since + DAY), far.grain)


def lasting(match: Match, at: datetime) -> Period:
    """ "the past three months"."""
    count = 6 if is_vague(match["count"]) else count_of(match["count"])
    return periods.stretch(at, -count, match["unit"].lower())


def weekday_of_week(match: Match, at: datetime) -> Period:
    week = periods.week_of(at, BESIDE[match["which"].lower()])
    return periods.day_of(week.since, WEEKDAYS[match["weekday"].lower()])


def weekend(_: Match, at: datetime) -> Period:
    this = periods.weekend_of(at)
    return this if this.since <= at else periods.weekend_of(at, -1)


def _nearest(match: Match, at: datetime, which: Which) -> Period:
    weekday = match.groupdict().get("weekday")
    if weekday:
        return periods.weekday_of(at, WEEKDAYS[weekday.lower()], which)
    return periods.yearly(lambda year: _in_year(match, year, at), at, which)


def _in_year(match: Match, year: int, at: datetime) -> Period:
    groups = match.groupdict()
    if season := groups.get("season"):
        return periods.months_in(year, SEASONS[season.lower()], 3, at)
    if holiday := groups.get("holiday"):
        return _holiday(holiday.lower(), year, at)
    return periods.month_in(year, MONTHS[match["month"].lower()], at)


def _holiday(name: str, year: int, at: datetime) -> Period:
    if name.startswith("christmas"):
        start = periods.day_in(year, 12, 24, at).since
        return Period(start, start + 3 * DAY, "day")
    if name.startswith("thanksgiving"):
        november = periods.month_in(year, 11, at).since
        return periods.day_of(november, (3 - november.weekday()) % 7 + 21)
    if name.startswith("new"):
        start = periods.day_in(year, 1, 1, at).since
        return Period(start - DAY, start + DAY, "day")
    month, day = (10, 31) if name.startswith("halloween") else (2, 14)
    return periods.day_in(year, month, day, at)

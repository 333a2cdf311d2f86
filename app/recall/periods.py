"""Stretches of the calendar: a day, a week, a summer, three weeks ago.

Weeks begin on Monday; seasons are the meteorological ones of the northern hemisphere. What lies
outside of the years 1 to 9999 raises ValueError or OverflowError, as `datetime` does.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal

import msgspec

Grain = Literal["hours", "day", "week", "month", "season", "year"]
Which = Literal["last", "this", "next", "latest"]
"""Of what comes again: the latest has begun, the last is over as well."""

DAY = timedelta(days=1)
WEEK = timedelta(weeks=1)

LENGTHS: dict[str, tuple[timedelta, Grain]] = {
    "hour": (timedelta(hours=1), "hours"),
    "night": (DAY, "day"),
    "day": (DAY, "day"),
    "weekend": (2 * DAY, "week"),
    "week": (WEEK, "week"),
    "fortnight": (2 * WEEK, "week"),
    "month": (timedelta(days=30), "month"),
    "quarter": (timedelta(days=91), "season"),
    "year": (timedelta(days=365), "year"),
    "decade": (timedelta(days=3652), "year"),
}
"""How long a unit is, and how exactly one speaks who counts in it."""

SEASONS = {"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12}
HOURS = {"morning": (5, 12), "afternoon": (12, 18), "evening": (17, 24), "night": (20, 30)}


class Period(msgspec.Struct, frozen=True):
    """From `since` to before `until`."""

    since: datetime
    until: datetime
    grain: Grain


def day_of(at: datetime, days: int = 0) -> Period:
    start = _midnight(at) + days * DAY
    return Period(start, start + DAY, "day")


def hours_of(day: Period, part: str) -> Period:
    """A part of a day; what is longer than a day has none."""
    if day.grain != "day":
        return day
    first, last = (timedelta(hours=hour) for hour in HOURS[part])
    return Period(day.since + first, day.since + last, "hours")


def week_of(at: datetime, weeks: int = 0) -> Period:
    start = _midnight(at) - at.weekday() * DAY + weeks * WEEK
    return Period(start, start + WEEK, "week")


def weekend_of(at: datetime, weeks: int = 0) -> Period:
    start = week_of(at, weeks).since + 5 * DAY
    return Period(start, start + 2 * DAY, "day")


def month_of(at: datetime, months: int = 0) -> Period:
    start = _months_later(at, months)
    return Period(start, _months_later(start, 1), "month")


def year_of(at: datetime, years: int = 0) -> Period:
    start = _months_later(at, 1 - at.month + 12 * years)
    return Period(start, _months_later(start, 12), "year")


def decade_of(at: datetime, decades: int = 0) -> Period:
    start = year_of(at, 10 * decades - at.year % 10).since
    return Period(start, _months_later(start, 120), "year")


OF: dict[str, Callable[[datetime, int], Period]] = {
    "day": day_of,
    "week": week_of,
    "weekend": weekend_of,
    "month": month_of,
    "year": year_of,
    "decade": decade_of,
}
"""Of a unit: the one that a moment lies in, or one before or after it."""


def away(at: datetime, count: int, unit: str) -> Period:
    """So long after a moment (before it, where negative), as exactly as one means it.

    A day or year is meant whole; "two weeks ago" is give or take half a week.
    """
    if unit in ("day", "year", "decade"):
        return OF[unit](at, count)
    length, grain = LENGTHS[unit]
    middle = at + count * length
    return Period(middle - length / 2, middle + length / 2, grain)


def stretch(at: datetime, count: int, unit: str) -> Period:
    """So long from a moment on (until it, where negative)."""
    length, grain = LENGTHS[unit]
    other = at + count * length
    return Period(min(at, other), max(at, other), grain)


def month_in(year: int, month: int, at: datetime) -> Period:
    return month_of(at.replace(year=year, month=month, day=1))


def day_in(year: int, month: int, day: int, at: datetime) -> Period:
    return day_of(at.replace(year=year, month=month, day=day))


def months_in(year: int, first: int, months: int, at: datetime) -> Period:
    """A season or quarter; winter is named for the year in which it begins."""
    start = month_in(year, first, at).since
    return Period(start, _months_later(start, months), "season")


def yearly(of_year: Callable[[int], Period], at: datetime, which: Which) -> Period:
    """Of what comes once a year, one that is near."""
    before, previous, now, after = (of_year(at.year + years) for years in (-2, -1, 0, 1))
    if which == "next":
        return now if now.since > at else after
    if which == "this":
        return previous if previous.until > at else now
    for period in (now, previous):
        if (period.until if which == "last" else period.since) <= at:
            return period
    return before


def weekday_of(at: datetime, number: int, which: Which) -> Period:
    """Monday is 0."""
    if which == "this":
        return day_of(week_of(at).since, number)
    back = (at.weekday() - number) % 7
    if which == "next":
        return day_of(at, 7 - back)
    return day_of(at, -(back or 7) if which == "last" else -back)


def part_of(period: Period, first: float, last: float) -> Period:
    """From one share of a period to another."""
    whole = period.until - period.since
    grain: Grain = "week" if period.grain == "month" else "season"
    return Period(period.since + first * whole, period.since + last * whole, grain)


def _midnight(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0)


def _months_later(at: datetime, months: int) -> datetime:
    """The first of that month."""
    year, month = divmod(at.year * 12 + at.month - 1 + months, 12)
    return _midnight(at).replace(year=year, month=month + 1, day=1)

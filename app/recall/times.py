"""Times that a query names: "last May", "two weeks before the wedding".

English is read by the rules of `phrases`; what other languages say of time is put into English
first, word by word (`foreign_times`).
"""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from app.recall import periods
from app.recall.foreign_times import in_english
from app.recall.periods import LENGTHS, Grain, Period
from app.recall.phrases import COUNT, THE, UNIT, WEEKDAY, Named, any_of, time_at
from app.recall.said_times import dated_words, lead_of, original_of
from app.recall.time_words import COUNTS, ORDINALS, SHARES, WEEKDAYS, count_of, is_vague

Kind = Literal["absolute", "relative", "before_event", "after_event"]

CHARACTERS_MAX = 2_000
SPANS_MAX = 8
EVENT_WORDS_MAX = 10


class TimeSpan(msgspec.Struct, frozen=True, kw_only=True):
    """A time that a query names: from `since` to before `until`, either of which may be open.

    `absolute` is the same whenever one asks; `relative` depends on the reference. Of a time that
    an event gives, `event` is its words and `distance` how far from it, give or take half of
    `slack`; `window_by_event` makes the window. `phrase` are the query's words for it, `dated`
    those of them that a text may say as well.
    """

    phrase: str
    dated: str = ""
    kind: Kind
    grain: Grain
    since: datetime | None = None
    until: datetime | None = None
    event: str | None = None
    distance: timedelta | None = None
    slack: timedelta | None = None


def times_in(query: str, reference: datetime, languages: Sequence[str] = ("en",)) -> list[TimeSpan]:
    """In the order of the query, seen from `reference`; `languages` are ISO 639-1 codes.

    Where one day is named in full, the other times are seen from it: "last week, as mentioned on
    November 6, 2023".
    """
    text = query[:CHARACTERS_MAX]
    found: list[TimeSpan] = []
    for version in dict.fromkeys(in_english(text, code) for code in languages):
        new = [span for span in _spans(version, reference) if _is_new(span, found)]
        found += [_in_words_of(text, version, span) for span in new]
    return found[:SPANS_MAX]


def window_by_event(span: TimeSpan, event_at: datetime) -> tuple[datetime, datetime]:
    """The window of a time before or after an event, once it is known when that was."""
    assert span.distance is not None
    assert span.slack is not None
    sign = -1 if span.kind == "before_event" else 1
    try:
        middle = event_at + sign * span.distance
        return middle - span.slack / 2, middle + span.slack / 2
    except OverflowError:
        return event_at, event_at


def _in_words_of(query: str, version: str, span: TimeSpan) -> TimeSpan:
    if version is query:
        phrase, dated = span.phrase, dated_words(span.phrase)
    else:
        phrase, dated = original_of(span.phrase, version, query), ""
    if span.event is not None:
        dated = ""
    elif span.kind == "absolute":
        dated = phrase
    return msgspec.structs.replace(span, phrase=phrase, dated=dated)


def _is_new(span: TimeSpan, found: Sequence[TimeSpan]) -> bool:
    told = (span.since, span.until, span.event)
    return all(told != (other.since, other.until, other.event) for other in found)


def _spans(text: str, reference: datetime) -> list[TimeSpan]:
    found = list(_read(text, reference))
    days = {s.since for s in found if s.kind == "absolute" and s.grain == "day"} - {None}
    if len(days) == 1 and len(found) > 1:
        found = list(_read(text, days.pop() or reference))
    return found


_FIRST = re.compile(
    r"(?<![\w'\u2019./-])(?=\d|(?:the|last|this|next|previous|past|coming|upcoming|today|tonight"
    r"|yesterday|tomorrow|day|since|until|till|up|after|before|prior|by|between|from|weekend"
    rf"|morning|afternoon|evening|night|q[1-4]|christmas|halloween|thanksgiving|new|valentine"
    rf"|{any_of([*SHARES, *COUNTS, *ORDINALS, *periods.SEASONS])}"
    r"|mon|tue|wed|thu|fri|sat|sun|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec))",
    re.IGNORECASE,
)


def _read(text: str, at: datetime) -> Iterator[TimeSpan]:
    """From left to right, no word read twice."""
    end = before = 0
    for place in _FIRST.finditer(text):
        if place.start() < end:
            continue
        try:
            span, end = _at(text, place.start(), at) or (None, end)
        except (ValueError, OverflowError):
            continue
        if span is not None:
            lead = max(lead_of(text, place.start()), before)
            yield msgspec.structs.replace(span, phrase=text[lead:end])
            before = end


Found = tuple[TimeSpan, int] | None

_BEFORE_OR_AFTER = r"(?P<side>before|prior\s+to|after|following)\s+"
_OFFSET = re.compile(
    rf"(?:{COUNT}\s+{UNIT}|{THE}last\s+(?P<last>weekend)"
    rf"|the\s+(?:(?P<one>night|day|weekend|week|month|year)\b|{WEEKDAY}))\s+{_BEFORE_OR_AFTER}",
    re.IGNORECASE,
)
_RANGE = re.compile(r"(?:between|from)\s+", re.IGNORECASE)
_TO = re.compile(r"\s*(?:and|to|until|till|through|-|\u2013)\s*", re.IGNORECASE)
_LIMIT = re.compile(
    r"(?P<side>since|until|till|up\s+to|by|before|prior\s+to|after)\s+", re.IGNORECASE
)


def _at(text: str, start: int, at: datetime) -> Found:
    """The time whose words begin there, and where they end."""
    for read in (_range, _offset, _limit, _plain):
        if found := read(text, start, at):
            return found
    return None


def _plain(text: str, start: int, at: datetime, *, sure: bool = False) -> Found:
    named = time_at(text, start, at, sure=sure)
    if named is None:
        return None
    to = _TO.match(text, named.end)
    other = to and time_at(text, to.end(), at, sure=True)
    joined = _join(text, start, named, other, at) if other else None
    return joined or (_span(text, start, named), named.end)


def _range(text: str, start: int, at: datetime) -> Found:
    match = _RANGE.match(text, start)
    if match is None:
        return None
    first = time_at(text, match.end(), at, sure=True)
    to = first and _TO.match(text, first.end)
    other = to and time_at(text, to.end(), at, sure=True)
    return _join(text, start, first, other, at) if first and other else None


def _join(text: str, start: int, first: Named, last: Named, at: datetime) -> Found:
    """From one time to another; the year of the last is that of the first, where it has none."""
    since, period = first.period.since, last.period
    if first.kind == "relative" and last.kind == "absolute":
        began = _RANGE.match(text, start)
        again = time_at(text, began.end() if began else start, period.until, sure=True)
        since = again.period.since if again else since
    if since >= period.until:
        return None
    joined = Period(since, period.until, period.grain)
    return _span(text, start, Named(joined, last.kind, last.end)), last.end


def _limit(text: str, start: int, at: datetime) -> Found:
    """Since then, until then, before it, after it."""
    match = _LIMIT.match(text, start)
    side = match["side"].lower() if match else ""
    named = match and time_at(text, match.end(), at, sure=side in ("since", "until", "till"))
    if not named:
        return None
    span = _span(text, start, named)
    if side == "since":
        return msgspec.structs.replace(span, until=None), named.end
    if side == "after":
        return msgspec.structs.replace(span, since=span.until, until=None), named.end
    if side in ("before", "prior to"):
        span = msgspec.structs.replace(span, until=span.since)
    return msgspec.structs.replace(span, since=None), named.end


def _offset(text: str, start: int, at: datetime) -> Found:
    """So long before or after a time or an event."""
    match = _OFFSET.match(text, start)
    if match is None:
        return None
    after = match["side"].lower() in ("after", "following")
    if named := time_at(text, match.end(), at, sure=True):
        period = _away_from(match, named.period, after=after)
        return _span(text, start, Named(period, named.kind, named.end)), named.end
    event = _event_at(text, match.end())
    if not event:
        return None
    distance, slack, grain = _distance(match)
    end = match.end() + len(event)
    return (
        TimeSpan(
            phrase=text[start:end],
            kind="after_event" if after else "before_event",
            grain=grain,
            event=event,
            distance=distance,
            slack=slack,
        ),
        end,
    )


def _away_from(match: re.Match[str], period: Period, *, after: bool) -> Period:
    """From the end of what is named, or back from its beginning."""
    sign = 1 if after else -1
    if match["weekday"]:
        number = WEEKDAYS[match["weekday"].lower()]
        edge = period.until - periods.DAY if after else period.since
        return periods.weekday_of(edge, number, "next" if after else "last")
    if match["last"]:
        return periods.weekend_of(period.since, 0 if period.since.weekday() > 5 else -1)
    edge = period.until if after else period.since
    if match["one"]:
        return periods.stretch(edge, sign, match["one"].lower())
    return periods.away(period.since, sign * count_of(match["count"]), match["unit"].lower())


def _distance(match: re.Match[str]) -> tuple[timedelta, timedelta, Grain]:
    """How far, give or take half of the second."""
    if match["count"]:
        length, grain = LENGTHS[match["unit"].lower()]
        slack = 4 * length if is_vague(match["count"]) else length
        return count_of(match["count"]) * length, slack, grain
    length, grain = LENGTHS[(match["one"] or "week").lower()]
    return (length if grain == "day" else length / 2), length, grain


_EVENT = re.compile(
    r"[^.,;:?!\n]*?(?=\s+(?:did|do|does|what|when|where|who|how|which)\b|[.,;:?!\n]|$)"
)
_NO_EVENT = {"that", "it", "this", "then", "them", "now", "last", "i", "the"}


def _event_at(text: str, start: int) -> str | None:
    match = _EVENT.match(text, start)
    words = match.group().split(" ")[:EVENT_WORDS_MAX] if match else []
    event = " ".join(words).rstrip()
    return event if event and event.lower() not in _NO_EVENT else None


def _span(text: str, start: int, named: Named) -> TimeSpan:
    period = named.period
    return TimeSpan(
        phrase=text[start : named.end],
        kind=named.kind,
        grain=period.grain,
        since=period.since,
        until=period.until,
    )

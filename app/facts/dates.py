"""When a fact is true: as its messages say, by a date in full or seen from their own day."""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from app.recall.times import TimeSpan, times_in

MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july", "august", "september"),
    *("october", "november", "december"),
)
ISO = re.compile(r"^(\d{4})(?:-(\d{1,2}))?(?:-(\d{1,2}))?(?:T.*)?$")
SENTENCES_MAX = 40
"""Of one fact, in which times are looked for."""


class Dates(NamedTuple):
    since: datetime | None
    until: datetime | None
    words: frozenset[str]
    """Months and numbers that a fact may name instead of the messages' own words."""

    @property
    def stems(self) -> frozenset[str]:
        """As Postgres stems them: july is juli."""
        return frozenset(re.sub("y$", "i", word) for word in self.words) | self.words


def dates_of(
    since: str | None, until: str | None, sentences: Sequence[tuple[str, datetime]]
) -> Dates:
    """What the engine worked out, as far as sentences, each with its time, bear it out."""
    spans = [span for text, at in sentences[:SENTENCES_MAX] for span in times_in(text, at)]
    words = frozenset(word for span in spans for word in _words(span))
    said = " ".join(text for text, _ in sentences)
    return Dates(_borne_out(since, spans, said), _borne_out(until, spans, said), words)


def _words(span: TimeSpan) -> Iterator[str]:
    """How the day, month or year is written in full."""
    if span.since is None or span.grain not in ("hours", "day", "month", "year"):
        return
    yield str(span.since.year)
    if span.grain != "year":
        yield MONTHS[span.since.month - 1]
    if span.grain in ("hours", "day"):
        yield str(span.since.day)


def _borne_out(text: str | None, spans: Iterable[TimeSpan], said: str) -> datetime | None:
    at, precise = _read(text)
    if at is None:
        return None
    if any(s.since and s.until and s.since <= at < s.until for s in spans):
        return at
    numbers = {int(number) for number in re.findall(r"\d{1,4}", said)}
    return at if precise <= numbers else None


def _read(text: str | None) -> tuple[datetime | None, set[int]]:
    """An ISO date, and the numbers by which it is named where they are no mere beginnings."""
    found = ISO.match(text or "")
    if found is None:
        return None, set()
    year, month, day = (int(part) if part else 1 for part in found.groups())
    try:
        at = datetime(year, month, day, tzinfo=UTC)
    except ValueError:
        return None, set()
    return at, {year} if (month, day) == (1, 1) else {year, month, day}

"""Times within questions, seen from noon of Thursday, 15 June 2023."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.recall.said_times import without_times
from app.recall.times import SPANS_MAX, TimeSpan, times_in, window_by_event

REFERENCE = datetime(2023, 6, 15, 12, tzinfo=UTC)

ENGLISH = [
    ("What did Caroline do last May?", "2023-05-01", "2023-06-01"),
    ("What did I plan for next May?", "2024-05-01", "2024-06-01"),
    ("Who called in May?", "2023-05-01", "2023-06-01"),
    ("What happened in June?", "2023-06-01", "2023-07-01"),
    ("the trip in May last year", "2022-05-01", "2022-06-01"),
    ("last year in May", "2022-05-01", "2022-06-01"),
    ("What was said in March 2021?", "2021-03-01", "2021-04-01"),
    ("two weeks ago", "2023-05-29", "2023-06-05"),
    ("a week ago", "2023-06-05", "2023-06-12"),
    ("Where did she move from 4 years ago?", "2019-01-01", "2020-01-01"),
    ("three days ago", "2023-06-12", "2023-06-13"),
    ("a few days ago", "2023-06-09T12", "2023-06-13T12"),
    ("yesterday", "2023-06-14", "2023-06-15"),
    ("yesterday evening", "2023-06-14T17", "2023-06-15"),
    ("the day before yesterday", "2023-06-13", "2023-06-14"),
    ("today", "2023-06-15", "2023-06-16"),
    ("last night", "2023-06-14T20", "2023-06-15T06"),
    ("this morning", "2023-06-15T05", "2023-06-15T12"),
    ("How often in 2022?", "2022-01-01", "2023-01-01"),
    ("on 7 May 2023", "2023-05-07", "2023-05-08"),
    ("on the 7th of May, 2023", "2023-05-07", "2023-05-08"),
    ("on May 7th", "2023-05-07", "2023-05-08"),
    ("on December 1,2023", "2023-12-01", "2023-12-02"),
    ("on December 24", "2022-12-24", "2022-12-25"),
    ("on 2023-05-07", "2023-05-07", "2023-05-08"),
    ("on 12/25/2022", "2022-12-25", "2022-12-26"),
    ("on 25.12.2022", "2022-12-25", "2022-12-26"),
    ("last summer", "2022-06-01", "2022-09-01"),
    ("during the summer", "2023-06-01", "2023-09-01"),
    ("in the winter of 2021", "2021-12-01", "2022-03-01"),
    ("summer 2021", "2021-06-01", "2021-09-01"),
    ("the week before last", "2023-05-29", "2023-06-05"),
    ("last week", "2023-06-05", "2023-06-12"),
    ("this month", "2023-06-01", "2023-07-01"),
    ("last year", "2022-01-01", "2023-01-01"),
    ("over the past three months", "2023-03-17T12", "2023-06-15T12"),
    ("last Tuesday", "2023-06-13", "2023-06-14"),
    ("on Friday night", "2023-06-09T20", "2023-06-10T06"),
    ("Friday of last week", "2023-06-09", "2023-06-10"),
    ("last weekend", "2023-06-10", "2023-06-12"),
    ("in the morning of June 3", "2023-06-03T05", "2023-06-03T12"),
    ("between March and May", "2023-03-01", "2023-06-01"),
    ("between August 11 and August 15 2023", "2023-08-11", "2023-08-16"),
    ("from 2019 to 2021", "2019-01-01", "2022-01-01"),
    ("the week before August 3, 2023", "2023-07-27", "2023-08-03"),
    ("the Sunday before October 25, 2022", "2022-10-23", "2022-10-24"),
    ("last weekend before April 10, 2023", "2023-04-08", "2023-04-10"),
    ("two weeks before August 11, 2023", "2023-07-24T12", "2023-07-31T12"),
    ("the second week of November", "2022-11-08", "2022-11-15"),
    ("the first half of September 2022", "2022-09-01", "2022-09-16"),
    ("in Q3 2022", "2022-07-01", "2022-10-01"),
    ("in the 90s", "1990-01-01", "2000-01-01"),
    ("last Christmas", "2022-12-24", "2022-12-27"),
    ("Thanksgiving 2022", "2022-11-24", "2022-11-25"),
    ("since March", "2023-03-01", None),
    ("before 2021", None, "2021-01-01"),
    ("after 7 May 2023", "2023-05-08", None),
    ("by July 10, 2022", None, "2022-07-11"),
]

FOREIGN = [
    ("de", "Was habe ich letzten Mai gemacht?", "2023-05-01", "2023-06-01"),
    ("de", "vor zwei Wochen", "2023-05-29", "2023-06-05"),
    ("de", "am 7. Mai 2023", "2023-05-07", "2023-05-08"),
    ("fr", "la semaine dernière", "2023-06-05", "2023-06-12"),
    ("fr", "en mai dernier", "2023-05-01", "2023-06-01"),
    ("fr", "le 3/5/2023", "2023-05-03", "2023-05-04"),
    ("es", "el verano pasado", "2022-06-01", "2022-09-01"),
    ("es", "el 7 de mayo de 2023", "2023-05-07", "2023-05-08"),
    ("ru", "Что было в мае 2022 года?", "2022-05-01", "2022-06-01"),
    ("ru", "две недели назад", "2023-05-29", "2023-06-05"),
    ("zh", "我去年五月做了什么", "2022-05-01", "2022-06-01"),
    ("zh", "2023年5月7日", "2023-05-07", "2023-05-08"),
    ("ja", "去年の5月", "2022-05-01", "2022-06-01"),
    ("ja", "2週間前", "2023-05-29", "2023-06-05"),
    ("ko", "지난주에 뭐 했어", "2023-06-05", "2023-06-12"),
]

NO_TIMES = [
    "When did Melanie paint a sunrise?",
    "May I ask who was second in the march?",
    "she may march",
    "Did June call?",
    "a message from April",
    "What does March stand for?",
    "How long ago was it?",
    "How many days passed between the meeting and the deadline?",
    "How many days a week do I work?",
    "How many weeks passed between Maria adopting Coco and Shadow?",
    "What year did John start surfing?",
    "the name of John's one-year-old child",
    "my 30-day challenge",
    "Which libraries are used in this project?",
    "version 5.3.0 and 3,600 words",
    "my score rose from 65% to 82%",
    "a budget of 2000 euros and 2048 tokens",
    "How did he overcome his injury from last season?",
    "the last day of the course",
    "my past jobs",
    "What did she realize after the charity race?",
    "How do I spring a trap, or fall on my feet?",
    "What is the 2nd item?",
    "",
]


@pytest.mark.parametrize(("query", "since", "until"), ENGLISH)
def test_english_names_a_window(query: str, since: str | None, until: str | None) -> None:
    assert window(times_in(query, REFERENCE)) == (moment(since), moment(until))


@pytest.mark.parametrize(("language", "query", "since", "until"), FOREIGN)
def test_other_languages_name_one_as_well(
    language: str, query: str, since: str, until: str
) -> None:
    assert window(times_in(query, REFERENCE, [language])) == (moment(since), moment(until))


@pytest.mark.parametrize("query", NO_TIMES)
def test_what_is_no_time_gives_none(query: str) -> None:
    assert times_in(query, REFERENCE, ["en", "de"]) == []


def test_a_day_named_in_full_is_what_the_rest_is_seen_from() -> None:
    last_week, day = times_in("his issue last week, as said on November 6, 2023", REFERENCE)
    assert (last_week.since, last_week.kind) == (moment("2023-10-30"), "relative")
    assert (day.since, day.kind) == (moment("2023-11-06"), "absolute")


@pytest.mark.parametrize(
    ("query", "event", "kind", "first", "last"),
    [
        ("two weeks before the wedding", "the wedding", "before_event", -17.5, -10.5),
        ("What did I eat the day after Bob's party?", "Bob's party", "after_event", 0.5, 1.5),
        ("the week before my trip to Rome, was I ill?", "my trip to Rome", "before_event", -7, 0),
        ("what 3 months after I moved did I buy", "I moved", "after_event", 75, 105),
    ],
)
def test_a_time_may_hang_on_an_event(
    query: str, event: str, kind: str, first: float, last: float
) -> None:
    (span,) = times_in(query, REFERENCE)
    assert (span.event, span.kind, span.since, span.until) == (event, kind, None, None)
    since, until = window_by_event(span, REFERENCE)
    assert (since, until) == (
        REFERENCE + timedelta(days=first),
        REFERENCE + timedelta(days=last),
    )


@pytest.mark.parametrize(
    ("language", "query", "left", "dated"),
    [
        ("en", "dentist in May 2025", "dentist", "in May 2025"),
        ("en", "What did we plan over the last weekend in Ulm?", "What did we plan in Ulm?", ""),
        ("en", "Who came on the 7th of May?", "Who came ?", "7th May"),
        ("en", "What did I cook last Christmas?", "What did I cook ?", "Christmas"),
        ("en", "Was I ill two weeks before the wedding?", "Was I ill ?", ""),
        ("en", "from 2019 to 2021 and last week", "and", "from 2019 to 2021"),
        ("de", "Wann war ich im Mai 2025 beim Zahnarzt?", "Wann war ich beim Zahnarzt?",
         "im Mai 2025"),
        ("de", "War ich letzten Mai beim Zahnarzt?", "War ich beim Zahnarzt?", ""),
        ("fr", "le dentiste la semaine dernière", "le dentiste", ""),
        ("zh", "我上周去看牙医了吗", "我 去看牙医了吗", ""),
    ],
)  # fmt: skip
def test_what_names_a_time_is_left_out_but_for_dates_that_a_text_may_say(
    language: str, query: str, left: str, dated: str
) -> None:
    spans = times_in(query, REFERENCE, [language])
    assert without_times(query, [span.phrase for span in spans]) == left
    assert " ".join(span.dated for span in spans).strip() == dated


WORDS = st.one_of(
    st.sampled_from(["the last", "next", "this", "two", "31", "12", "0", "999", "2023", "feb"]),
    st.sampled_from(["may", "march", "weeks", "years", "decades", "before", "after", "between"]),
    st.sampled_from(["and", "from", "to", "since", "in", "of", "on", "ago", "christmas", "second"]),
    st.sampled_from(["-", "/", ".", ",", "summer", "monday", "weekend", "night", "13/13/2023"]),
    st.sampled_from(["2023-02-30", "early", "去年", "5月", "vor", "Jahren"]),
)


@given(
    st.one_of(st.text(), st.lists(WORDS, max_size=30).map(" ".join)),
    st.datetimes(timezones=st.just(UTC)),
    st.lists(st.sampled_from(["en", "de", "zh", "ru", "xx", ""]), max_size=2),
)
def test_any_text_at_any_time_is_read(text: str, reference: datetime, languages: list[str]) -> None:
    spans = times_in(text, reference, languages)
    assert len(spans) <= SPANS_MAX
    for span in spans:
        assert span.phrase in text
        if span.since and span.until:
            assert span.since < span.until
        if span.event:
            assert window_by_event(span, reference)[0] <= window_by_event(span, reference)[1]


def test_a_long_text_is_read_in_part() -> None:
    text = "two weeks before the first half of May and " * 5_000
    assert len(times_in(text, REFERENCE, ["de", "zh"])) <= SPANS_MAX


def window(spans: list[TimeSpan]) -> tuple[datetime | None, datetime | None]:
    (span,) = spans
    return span.since, span.until


def moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None

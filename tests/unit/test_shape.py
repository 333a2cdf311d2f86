"""What of a context may go, in which order, and what goes together."""

from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from app.contexts.compact import plan_compaction
from app.contexts.compacted import summary_message
from app.contexts.shape import loose_parts
from app.contexts.truncate import room_for_input, truncated

Json = dict[str, Any]


def items(shape: str) -> list[Json]:
    """One letter an item: d(eveloper) u(ser) a(ssistant) S(ummary) r(easoning); a capital letter
    C and a digit a call, O and a digit its output."""
    return list(_items(shape.split()))


def _items(words: list[str]) -> Iterator[Json]:
    roles = {"d": "developer", "u": "user", "a": "assistant"}
    for word in words:
        if word in roles:
            yield {"type": "message", "role": roles[word], "content": word}
        elif word == "S":
            yield summary_message("Before.")
        elif word == "r":
            yield {"type": "reasoning", "summary": []}
        else:
            kind = "function_call" if word[0] == "C" else "function_call_output"
            yield {"type": kind, "call_id": word[1:]}


def test_turns_go_whole_and_the_newest_stays() -> None:
    assert loose_parts(items("d u a u C1 O1 a u a")) == [[1, 2], [3, 4, 5, 6]]


def test_within_the_newest_turn_steps_go() -> None:
    assert loose_parts(items("u r C1 O1 r C2 O2 C3")) == [[1, 2, 3], [4, 5, 6]]


def test_an_open_call_stays_wherever_it_stands() -> None:
    assert loose_parts(items("u C1 C2 O1 C3 O3 C4 O4")) == [[4, 5]]


def test_calls_that_cross_go_together() -> None:
    assert loose_parts(items("u C1 u C2 O2 O1 a u")) == [[0, 1, 2, 3, 4, 5, 6]]


def test_an_output_after_the_newest_message_keeps_its_call() -> None:
    assert loose_parts(items("u a u C1 u O1")) == [[0, 1], [2]]


def test_a_summary_goes_last() -> None:
    assert loose_parts(items("S u a u")) == [[1, 2], [0]]


WORDS = ("d", "u", "a", "r", "S", "C1", "C2", "C3", "O1", "O2", "O3")


@given(st.lists(st.sampled_from(WORDS), max_size=30))
def test_whatever_is_said_calls_and_outputs_go_together(words: list[str]) -> None:
    said = items(" ".join(_once(words)))
    loose = [place for part in loose_parts(said) for place in part]
    assert len(loose) == len(set(loose)), "nothing goes twice"
    assert all(said[place].get("role") != "developer" for place in loose)
    called = {item["call_id"]: n for n, item in enumerate(said) if item["type"] == "function_call"}
    for place, item in enumerate(said):
        call = called.get(item.get("call_id"), place)
        if call < place:
            assert (place in loose) == (call in loose)


def _once(words: list[str]) -> Iterator[str]:
    """A call and an output are said once."""
    for place, word in enumerate(words):
        if word[0] not in "CO" or word not in words[:place]:
            yield word


def test_as_little_goes_as_has_to() -> None:
    said = items("d u a u a u")
    assert truncated(said, [1] * 6, 6) == said
    assert truncated(said, [1] * 6, 5) == items("d u a u")
    assert truncated(said, [1] * 6, 0) == items("d u")


def test_the_answer_needs_room() -> None:
    assert room_for_input(1000, None) == 750
    assert room_for_input(1000, 100) == 900
    assert room_for_input(1000, 5000) == 750


def test_an_earlier_summary_is_summarised_again() -> None:
    plan = plan_compaction(items("d S u a u a u d"), [10] * 8, 35)
    assert plan.summarised == items("S u a")
    assert plan.instructions == items("d")
    assert plan.kept == items("u a u")
    assert plan_compaction(items("S u a u"), [10] * 4, 1000).summarised == []


def test_instructions_that_are_said_again_stand_once() -> None:
    said = [{"type": "message", "role": "developer", "content": word} for word in "abacb"]
    assert plan_compaction(said, [1] * 5, 0).instructions == [said[0], said[1], said[3]]

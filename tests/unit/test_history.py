"""What a client sends again is known, however it writes it; nothing else is."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from app.conversations.contents import Hasher
from app.conversations.history import extend_history, histories
from app.ids import PROJECT_ITSELF, ProjectId, new_id

Item = dict[str, Any]

HASHER = Hasher(b"k" * 32, ProjectId(new_id()), PROJECT_ITSELF)
BEGINNING = HASHER.beginning(None)


def message(role: str, *texts: str) -> Item:
    kind = "output_text" if role == "assistant" else "input_text"
    return {"role": role, "content": [{"type": kind, "text": text} for text in texts]}


def call(arguments: str, call_id: str = "call_1") -> Item:
    return {"type": "function_call", "call_id": call_id, "name": "f", "arguments": arguments}


def output(text: str, call_id: str = "call_1") -> Item:
    return {"type": "function_call_output", "call_id": call_id, "output": text}


def history(*items: Item) -> bytes:
    return extend_history(BEGINNING, [HASHER.item(item) for item in items])


TEXTS = st.text(alphabet="ab", max_size=2)
STEPS = st.one_of(
    st.builds(message, st.sampled_from(["user", "system"]), TEXTS),
    st.builds(output, TEXTS),
    st.builds(message, st.just("assistant"), TEXTS),
    st.builds(call, st.sampled_from(["{}", '{"a":1}'])),
)


@given(st.lists(st.lists(STEPS, min_size=1, max_size=4), max_size=5))
def test_turns_one_by_one_have_the_history_of_all_at_once(turns: list[list[Item]]) -> None:
    """Unless a turn begins where an assistant left off: two steps are not one."""
    whole: list[Item] = []
    running = BEGINNING
    for turn in turns:
        turn = [message("user", "next"), *turn]
        running = extend_history(running, [HASHER.item(item) for item in turn])
        whole += turn
        assert running == history(*whole)
    hashed = [HASHER.item(item) for item in whole]
    expected = [history(*whole[: count + 1]) for count in range(len(whole))]
    assert list(histories(BEGINNING, hashed)) == expected


@given(st.lists(STEPS, max_size=6), st.lists(STEPS, max_size=6))
def test_other_words_have_another_history(one: list[Item], other: list[Item]) -> None:
    assert (history(*one) == history(*other)) == (spoken(one) == spoken(other))


def spoken(items: list[Item]) -> list[object]:
    """The model: assistants' items in a row are one step, of its texts and its calls."""
    steps: list[object] = []
    for item in items:
        if item.get("role") == "assistant" or item.get("type") == "function_call":
            if not steps or not isinstance(steps[-1], dict):
                steps.append({"text": "", "calls": []})
            step = steps[-1]
            assert isinstance(step, dict)
            if "content" in item:
                step["text"] += item["content"][0]["text"]
            else:
                step["calls"].append(item["arguments"])
        else:
            steps.append((item.get("role"), item.get("output") or item.get("content")))
    return steps


def test_what_chat_clients_leave_out_or_write_anew_makes_no_difference() -> None:
    reasoning = {"type": "reasoning", "summary": [], "content": [{"text": "Hm."}]}
    searched = {"type": "web_search_call", "action": {}}
    phased = {**message("assistant", "Hello ", "you"), "phase": "commentary", "id": "msg_1"}
    answered = history(
        message("user", "Hi"), reasoning, searched, call('{"a":1,"b":[]}'), phased, output("1")
    )
    assert answered == history(
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello you"},
        call('{"b": [], "a": 1}'),
        {**output("1"), "status": "completed"},
    )


def test_a_refusal_is_no_answer_of_the_same_words() -> None:
    refusal = {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}
    assert history(refusal) != history(message("assistant", "No."))


def test_arguments_that_are_no_json_are_compared_as_they_are() -> None:
    assert history(call("{")) != history(call("{ "))


def test_threads_under_different_cache_keys_are_apart() -> None:
    assert HASHER.beginning("a") != HASHER.beginning("b") != HASHER.beginning(None)

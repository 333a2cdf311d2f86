"""Calls and their outputs are sent together, whatever was deleted between them."""

from app.conversations.context import whole_calls
from app.conversations.types import StoredItem
from app.ids import ItemId, new_id


def item(name: str, status: str = "completed") -> StoredItem:
    """`call a`, `output a`, `user` or `assistant`."""
    kind, _, call = name.partition(" ")
    if kind == "call":
        body = {"type": "function_call", "call_id": call}
    elif kind == "output":
        body = {"type": "function_call_output", "call_id": call}
    else:
        body = {"type": "message", "role": kind}
    return StoredItem(ItemId(new_id()), body["type"], status, 0, body)


def kept(*names: str) -> list[str]:
    items = [
        item(name.removesuffix("!"), "incomplete" if "!" in name else "completed") for name in names
    ]
    left = {id(one) for one in whole_calls(items)}
    return [name for name, one in zip(names, items, strict=True) if id(one) in left]


def test_whole_ones_stay() -> None:
    names = ("user", "call a", "call b", "output a", "output b", "assistant")
    assert kept(*names) == list(names)


def test_an_open_call_waits_for_its_output() -> None:
    assert kept("user", "call a") == ["user", "call a"]


def test_a_call_whose_output_was_deleted_goes() -> None:
    assert kept("user", "call a", "user", "assistant") == ["user", "user", "assistant"]


def test_a_call_goes_where_what_is_new_does_not_answer_it() -> None:
    stored = [item("user"), item("call a"), item("call b")]
    new = [item("output b").body, item("user").body]
    assert whole_calls(stored, new) == [stored[0], stored[2]]


def test_an_output_whose_call_was_deleted_goes() -> None:
    assert kept("output a", "assistant", "user") == ["assistant", "user"]


def test_a_call_that_was_broken_off_goes_with_its_output() -> None:
    assert kept("user", "call a!", "output a", "assistant") == ["user", "assistant"]

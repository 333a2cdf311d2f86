"""Items as clients give them: every mistake is told with the field that it is in."""

from typing import Any

from app.conversations.contents import item_type
from app.engine.types import Item
from app.errors import InvalidRequest

ROLES = frozenset({"user", "assistant", "system", "developer"})


def check_items(items: list[Item], name: str, most: int) -> None:
    """`name` is the field that they came in. Raises InvalidRequest."""
    if len(items) > most:
        raise InvalidRequest(
            f"'{name}' may hold at most {most} items.", param=name, code="array_above_max_length"
        )
    for index, item in enumerate(items):
        _check_item(item, f"{name}[{index}]")


def _check_item(item: Item, at: str) -> None:
    """Types that are not known here pass."""
    type_ = item.get("type")
    if type_ is not None and (not isinstance(type_, str) or "\x00" in type_):
        raise wrong(f"{at}.type", "the name of a type")
    match item_type(item):
        case "message":
            _check_message(item, at)
        case "function_call":
            _need_texts(item, ("call_id", "name", "arguments"), at)
        case "item_reference":
            _need_texts(item, ("id",), at)
        case "function_call_output":
            _need_texts(item, ("call_id",), at)
            if not isinstance(item.get("output"), (str, list)):
                raise wrong(f"{at}.output", "a string or a list of parts")


def _check_message(item: Item, at: str) -> None:
    role = item.get("role")
    if not isinstance(role, str) or role not in ROLES:
        raise wrong(f"{at}.role", "one of 'user', 'assistant', 'system' and 'developer'")
    content = item.get("content")
    if isinstance(content, str):
        return
    if not isinstance(content, list):
        raise wrong(f"{at}.content", "a string or a list of parts")
    for index, part in enumerate(content):
        _check_part(part, f"{at}.content[{index}]")


def _check_part(part: Any, at: str) -> None:
    if not isinstance(part, dict) or not isinstance(part.get("type"), str):
        raise wrong(at, "a part with a 'type'")
    match part["type"]:
        case "input_text" | "output_text":
            _need_texts(part, ("text",), at)
        case "input_image":
            if not isinstance(part.get("image_url") or part.get("file_id"), str):
                raise wrong(f"{at}.image_url", "a URL, or 'file_id' the id of a file")


def _need_texts(value: dict[str, Any], names: tuple[str, ...], at: str) -> None:
    for name in names:
        if not isinstance(value.get(name), str):
            raise wrong(f"{at}.{name}", "a string")


def wrong(param: str, expected: str) -> InvalidRequest:
    return InvalidRequest(
        f"Invalid value for '{param}': expected {expected}.", param=param, code="invalid_value"
    )

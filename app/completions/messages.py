"""Messages of a chat as items, and items as messages again."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from app.completions.types import (
    AssistantMessage,
    AudioPart,
    FilePart,
    ImagePart,
    Instruction,
    Message,
    RefusalPart,
    TextPart,
    ToolCall,
    ToolMessage,
    UserMessage,
    UserPart,
)
from app.engine.types import Item


def split_instructions(messages: Sequence[Message]) -> tuple[str | None, Sequence[Message]]:
    """System messages at the beginning are instructions, so that a chat goes on as the same where
    they change; unless nothing else is said."""
    count = 0
    while count < len(messages) and isinstance(messages[count], Instruction):
        count += 1
    if count in (0, len(messages)):
        return None, messages
    # The loop has seen that all of these are instructions; their type does not say so.
    said = [_text(message.content) for message in messages[:count]]  # type: ignore[arg-type]
    return "\n\n".join(said), messages[count:]


def items_of(messages: Iterable[Message]) -> Iterator[Item]:
    for message in messages:
        match message:
            case UserMessage():
                yield _message("user", _user_content(message.content))
            case AssistantMessage():
                yield from _assistant_items(message)
            case ToolMessage():
                yield {
                    "type": "function_call_output",
                    "call_id": message.tool_call_id,
                    "output": _text(message.content),
                }
            case _:
                yield _message(str(message.__struct_config__.tag), _text(message.content))


def _assistant_items(message: AssistantMessage) -> Iterator[Item]:
    """What it said, if anything, then its calls. Reasoning that is sent back is left out: only the
    engine that made it could tell that it is its own."""
    parts = list(_said(message))
    if parts or not message.tool_calls:
        yield _message("assistant", parts or [_part("output_text", "")])
    yield from map(_call, message.tool_calls or [])


def _said(message: AssistantMessage) -> Iterator[Item]:
    content = message.content
    given = [TextPart(content)] if isinstance(content, str) else content or []
    for part in given:
        match part:
            case TextPart(text) if text:
                yield _part("output_text", text)
            case RefusalPart(refusal):
                yield {"type": "refusal", "refusal": refusal}
    if message.refusal:
        yield {"type": "refusal", "refusal": message.refusal}


def _call(call: ToolCall) -> Item:
    return {
        "type": "function_call",
        "call_id": call.id,
        "name": call.function.name,
        "arguments": call.function.arguments,
    }


def _message(role: str, content: str | list[Item]) -> Item:
    return {"type": "message", "role": role, "content": content}


def _user_content(content: str | list[UserPart]) -> str | list[Item]:
    return content if isinstance(content, str) else [_user_part(part) for part in content]


def _user_part(part: UserPart) -> Item:
    match part:
        case TextPart(text):
            return _part("input_text", text)
        case ImagePart(image):
            detail = image.detail or "auto"
            return {"type": "input_image", "image_url": image.url, "detail": detail}
        case AudioPart(audio):
            return {"type": "input_audio", "input_audio": audio}
        case FilePart(file):
            return {**file, "type": "input_file"}


def _part(kind: str, text: str) -> Item:
    return {"type": kind, "text": text}


def _text(content: str | list[TextPart]) -> str:
    return content if isinstance(content, str) else "\n".join(part.text for part in content)


# And back


def said_in(item: Item) -> tuple[str, str]:
    """The text and the refusal of an assistant's message."""
    parts = item.get("content") or []
    texts = [part.get("text") or "" for part in parts if part.get("type") == "output_text"]
    refusals = [part.get("refusal") or "" for part in parts if part.get("type") == "refusal"]
    return "".join(texts), "".join(refusals)


def reasoning_in(item: Item) -> str:
    """What an engine shows of its reasoning: the text, or else its summary."""
    parts = item.get("content") or item.get("summary") or []
    return "".join(part.get("text") or "" for part in parts)


def call_in(item: Item) -> Item:
    """A function call as an entry of `tool_calls`."""
    return {
        "id": item["call_id"],
        "type": "function",
        "function": {"name": item["name"], "arguments": item["arguments"]},
    }


def messages_of(instructions: str | None, items: Iterable[Item]) -> list[dict[str, Any]]:
    """For looking at what was asked. What chats have no word for is left out."""
    messages: list[dict[str, Any]] = []
    if instructions:
        messages.append({"role": "system", "content": instructions})
    for item in items:
        match item["type"]:
            case "message":
                messages.append(_shown(item))
            case "function_call":
                _add_call(messages, item)
            case "function_call_output":
                shown = {"role": "tool", "tool_call_id": item["call_id"]}
                messages.append({**shown, "content": _output_text(item["output"])})
    return messages


def _shown(item: Item) -> dict[str, Any]:
    role = item["role"]
    if role == "assistant":
        text, refusal = said_in(item)
        return {"role": role, "content": text, "refusal": refusal or None}
    parts = [_chat_part(part) for part in item["content"]]
    if all(part["type"] == "text" for part in parts):
        return {"role": role, "content": "".join(part["text"] for part in parts)}
    return {"role": role, "content": None, "content_parts": parts}


def _chat_part(part: Item) -> Item:
    match part:
        case {"type": "input_text" | "output_text", "text": text}:
            return {"type": "text", "text": text}
        case {"type": "input_image", "image_url": str() as url}:
            detail = part.get("detail") or "auto"
            return {"type": "image_url", "image_url": {"url": url, "detail": detail}}
        case {"type": "input_file", **file}:
            return {"type": "file", "file": file}
        case _:
            return part


def _add_call(messages: list[dict[str, Any]], item: Item) -> None:
    if not messages or messages[-1]["role"] != "assistant":
        messages.append({"role": "assistant", "content": None, "refusal": None})
    messages[-1].setdefault("tool_calls", []).append(call_in(item))


def _output_text(output: Any) -> str:
    if isinstance(output, str):
        return output
    return "".join(part.get("text") or "" for part in output)

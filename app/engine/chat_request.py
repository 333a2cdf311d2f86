"""A request of the Responses API as the body of a chat completion."""

from collections.abc import Iterable, Mapping
from typing import Any

from app.engine.types import EngineRequest, Item
from app.errors import EngineRefused

Message = dict[str, Any]

LOGPROBS = "message.output_text.logprobs"
"""What asks for them, in `include`."""

_TRANSLATED = frozenset({"max_output_tokens", "reasoning", "text", "tool_choice", "tools"})
_UNKNOWN_TO_CHAT = frozenset(
    {
        "background",
        "context_management",
        "conversation",
        "include",
        "max_tool_calls",
        "metadata",
        "prompt",
        "stream_options",
        "truncation",
    }
)


def chat_body(request: EngineRequest) -> dict[str, Any]:
    """Raises EngineRefused where chat completions cannot say what is asked."""
    parameters = request.parameters
    kept = {
        name: value
        for name, value in parameters.items()
        if name not in _TRANSLATED and name not in _UNKNOWN_TO_CHAT
    }
    translated = {
        "user": request.user,
        "max_tokens": parameters.get("max_output_tokens"),
        "reasoning_effort": (parameters.get("reasoning") or {}).get("effort"),
        "logprobs": _wants_logprobs(parameters) or None,
        **_text(parameters.get("text") or {}),
        **chat_tools(parameters),
    }
    return {
        **kept,
        **_without_none(translated),
        "model": request.model,
        "messages": chat_messages(request.instructions, request.input),
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def _wants_logprobs(parameters: Mapping[str, Any]) -> bool:
    return bool(parameters.get("top_logprobs")) or LOGPROBS in (parameters.get("include") or [])


def chat_messages(instructions: str | None, items: Iterable[Item]) -> list[Message]:
    messages: list[Message] = []
    if instructions:
        messages.append({"role": "system", "content": instructions})
    images: list[Item] = []
    for number, item in enumerate(items):
        try:
            if item.get("type") != "function_call_output":
                _show(messages, images)
            _append(messages, item, images)
        except (KeyError, TypeError, AttributeError):
            message = f"Input item {number} is not as the Responses API writes it."
            raise _refusal(message, "input") from None
    _show(messages, images)
    return messages


def _show(messages: list[Message], images: list[Item]) -> None:
    """Chats take images only from users: what tools gave follows, when all of them have spoken."""
    if images:
        heading = {"type": "text", "text": "Images that the tools gave:"}
        messages.append({"role": "user", "content": [heading, *images]})
        images.clear()


def _append(messages: list[Message], item: Item, images: list[Item]) -> None:
    """Images of tools are added to `images`."""
    match item.get("type", "message"):
        case "message":
            messages.append(_message(item))
        case "function_call":
            _append_call(messages, item)
        case "function_call_output":
            content = _tool_text(item.get("output") or "", images)
            messages.append({"role": "tool", "tool_call_id": item["call_id"], "content": content})
        case "item_reference":
            raise _refusal("item_reference cannot be sent to this engine.", "input")
        case _:
            # Reasoning and the calls of hosted tools are readable only by the engine that made
            # them. Without them the talk goes on, with them no other engine could continue it.
            pass


def _message(item: Item) -> Message:
    role = "system" if item["role"] == "developer" else item["role"]
    if role == "user":
        return {"role": role, "content": _user_content(item["content"])}
    return {"role": role, "content": _joined_text(item["content"])}


def _append_call(messages: list[Message], item: Item) -> None:
    """Calls made together, and the text before them, are one message of the assistant."""
    if not messages or messages[-1]["role"] != "assistant":
        messages.append({"role": "assistant", "content": None})
    messages[-1].setdefault("tool_calls", []).append(
        {
            "id": item["call_id"],
            "type": "function",
            "function": {"name": item["name"], "arguments": item["arguments"]},
        }
    )


def _user_content(content: str | list[Item]) -> str | list[Item]:
    """Parts only where they are needed: not every chat template can read them."""
    if isinstance(content, str):
        return content
    parts = [_part(part) for part in content]
    if len(parts) == 1 and parts[0]["type"] == "text":
        return str(parts[0]["text"])
    return parts


def _part(part: Item) -> Item:
    match part.get("type"):
        case "input_text" | "output_text" | "text" | "summary_text":
            return {"type": "text", "text": part["text"]}
        case "refusal":
            return {"type": "text", "text": part["refusal"]}
        case "input_image" if url := part.get("image_url"):
            image = {"url": url, "detail": part.get("detail")}
            return {"type": "image_url", "image_url": _without_none(image)}
        case "input_image":
            raise _refusal("This engine takes an input_image only by its image_url.", "input")
        case "input_audio":
            return part
        case kind:
            raise _refusal(f"This engine takes no content of type '{kind}'.", "input")


def _tool_text(output: str | list[Item], images: list[Item]) -> str:
    if isinstance(output, str):
        return output
    shown = [_part(part) for part in output if part.get("type") == "input_image"]
    images.extend(shown)
    texts = [part for part in output if part.get("type") != "input_image"]
    return _joined_text(texts) or ("(an image, below)" if shown else "")


def _joined_text(content: str | list[Item]) -> str:
    if isinstance(content, str):
        return content
    parts = [_part(part) for part in content]
    if any(part["type"] != "text" for part in parts):
        raise _refusal("This engine takes only text outside of user messages.", "input")
    return "\n".join(part["text"] for part in parts)


def _text(text: Mapping[str, Any]) -> dict[str, Any]:
    return {"response_format": _format(text.get("format")), "verbosity": text.get("verbosity")}


def _format(said: Mapping[str, Any] | None) -> Item | None:
    if said is None or said.get("type") == "text":
        return None
    if said.get("type") != "json_schema":
        return dict(said)
    schema = {name: value for name, value in said.items() if name != "type"}
    return {"type": "json_schema", "json_schema": _without_none(schema)}


def chat_tools(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """`tools` and `tool_choice`, where there are any."""
    tools = list(map(_tool, parameters.get("tools") or []))
    match parameters.get("tool_choice"):
        case {"type": "function", "name": name}:
            choice: Any = {"type": "function", "function": {"name": name}}
        case {"type": "allowed_tools", "tools": allowed, **more}:
            # Few servers know allowed tools; all know a shorter list of tools.
            names = {tool.get("name") for tool in allowed}
            tools = [tool for tool in tools if tool["function"]["name"] in names]
            choice = more.get("mode", "auto")
        case str() | None as choice:
            pass
        case _:
            raise _refusal("This engine can be told to use only functions.", "tool_choice")
    return {"tools": tools, "tool_choice": choice} if tools else {}


def _tool(tool: Mapping[str, Any]) -> Item:
    if tool.get("type") != "function":
        raise _refusal(f"This engine has no tool of type '{tool.get('type')}'.", "tools")
    named = {name: value for name, value in tool.items() if name != "type"}
    return {"type": "function", "function": _without_none(named)}


def _without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _refusal(message: str, param: str) -> EngineRefused:
    return EngineRefused(message, status=400, param=param, code="unsupported_by_engine")

"""Function calls by a schema, for a model whose chat template knows no tools.

Where the client says that a function must be called, the model is held to JSON that names one of
the functions and gives its arguments. Where it may choose, it answers in words.
"""

from typing import Any

import msgspec

from app.engine.chat_chunk import CallDelta, Choice, Chunk, Delta, FunctionDelta
from app.engine.chat_events import ChatEvents
from app.engine.chat_request import chat_tools
from app.engine.types import EngineRequest, Event, Item
from app.errors import EngineBroken

Function = dict[str, Any]


class Call(msgspec.Struct):
    name: str
    arguments: dict[str, Any]


def functions_to_call(request: EngineRequest) -> list[Function]:
    """Of which one must be called; none where the model is free."""
    asked = chat_tools(request.parameters)
    functions = [tool["function"] for tool in asked.get("tools", [])]
    match asked.get("tool_choice"):
        case "required":
            return functions
        case {"function": {"name": name}}:
            return [function for function in functions if function["name"] == name]
        case _:
            return []


def held_to_call(request: EngineRequest, functions: list[Function]) -> EngineRequest:
    """The request with a schema that only a call fits, and with what there is to call."""
    schema = {"anyOf": [_schema(function) for function in functions]}
    text = {"format": {"type": "json_schema", "name": "call", "schema": schema}}
    kept = {
        name: value
        for name, value in request.parameters.items()
        if name not in ("tools", "tool_choice", "parallel_tool_calls", "text")
    }
    return msgspec.structs.replace(
        request,
        input=[_told(functions), *request.input],
        parameters={**kept, "text": text},
    )


def as_call(request: EngineRequest, last: Event) -> list[Event]:
    """The events of a call, from the last event of the answer that is one."""
    events = ChatEvents(request, None)
    chunk = Chunk(choices=[_choice(last["response"])])
    batch = [*events.begin(), *events.feed(chunk), *events.end()]
    batch[-1]["response"]["usage"] = last["response"]["usage"]
    return batch


def _schema(function: Function) -> dict[str, Any]:
    arguments = function.get("parameters") or {"type": "object"}
    return {
        "type": "object",
        "properties": {"name": {"const": function["name"]}, "arguments": arguments},
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }


def _told(functions: list[Function]) -> Item:
    listed = "".join(f"\n{f['name']}: {f.get('description') or ''}" for f in functions)
    return {"type": "message", "role": "system", "content": f"Call one function:{listed}"}


def _choice(response: Item) -> Choice:
    """An answer that was cut off is no call yet."""
    if response["status"] != "completed":
        return Choice(finish_reason="length")
    try:
        call = msgspec.json.decode(response["output"][0]["content"][0]["text"], type=Call)
    except msgspec.DecodeError:
        raise EngineBroken("The local engine's call was not of the schema.") from None
    delta = CallDelta(FunctionDelta(call.name, call.arguments), index=0)
    return Choice(delta=Delta(tool_calls=[delta]), finish_reason="tool_calls")

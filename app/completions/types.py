"""A chat completion as OpenAI's clients ask for it: the fields that are translated."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

NonNegative = Annotated[int, Meta(ge=0)]


class TextPart(msgspec.Struct, tag_field="type", tag="text"):
    text: str


class RefusalPart(msgspec.Struct, tag_field="type", tag="refusal"):
    refusal: str


class ImageUrl(msgspec.Struct):
    url: str
    detail: str | None = None


class ImagePart(msgspec.Struct, tag_field="type", tag="image_url"):
    image_url: ImageUrl


class AudioPart(msgspec.Struct, tag_field="type", tag="input_audio"):
    input_audio: dict[str, Any]


class FilePart(msgspec.Struct, tag_field="type", tag="file"):
    file: dict[str, Any]


UserPart = TextPart | ImagePart | AudioPart | FilePart


class CalledFunction(msgspec.Struct):
    name: str
    arguments: str


class ToolCall(msgspec.Struct, tag_field="type", tag="function"):
    id: str
    function: CalledFunction


class SystemMessage(msgspec.Struct, tag_field="role", tag="system"):
    content: str | list[TextPart]


class DeveloperMessage(msgspec.Struct, tag_field="role", tag="developer"):
    content: str | list[TextPart]


class UserMessage(msgspec.Struct, tag_field="role", tag="user"):
    content: str | list[UserPart]


class AssistantMessage(msgspec.Struct, tag_field="role", tag="assistant"):
    content: str | list[TextPart | RefusalPart] | None = None
    refusal: str | None = None
    tool_calls: list[ToolCall] | None = None
    function_call: None = None


class ToolMessage(msgspec.Struct, tag_field="role", tag="tool"):
    tool_call_id: str
    content: str | list[TextPart]


Instruction = SystemMessage | DeveloperMessage
Message = SystemMessage | DeveloperMessage | UserMessage | AssistantMessage | ToolMessage


class Function(msgspec.Struct):
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class Tool(msgspec.Struct, tag_field="type", tag="function"):
    function: Function


class NamedFunction(msgspec.Struct):
    name: str


class FunctionChoice(msgspec.Struct, tag_field="type", tag="function"):
    function: NamedFunction


class AllowedTools(msgspec.Struct):
    mode: str
    tools: list[FunctionChoice]


class AllowedChoice(msgspec.Struct, tag_field="type", tag="allowed_tools"):
    allowed_tools: AllowedTools


class TextFormat(msgspec.Struct, tag_field="type", tag="text"):
    pass


class ObjectFormat(msgspec.Struct, tag_field="type", tag="json_object"):
    pass


class Schema(msgspec.Struct):
    name: str
    schema: dict[str, Any] | None = None
    description: str | None = None
    strict: bool | None = None


class SchemaFormat(msgspec.Struct, tag_field="type", tag="json_schema"):
    json_schema: Schema


class StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class CompletionFields(msgspec.Struct, kw_only=True):
    """What chat completions and responses say in different ways. All else goes on as it is."""

    messages: Annotated[list[Message], Meta(min_length=1)]
    max_tokens: NonNegative | None = None
    max_completion_tokens: NonNegative | None = None
    n: int | None = None
    logprobs: bool | None = None
    top_logprobs: NonNegative | None = None
    reasoning_effort: str | None = None
    verbosity: str | None = None
    response_format: TextFormat | ObjectFormat | SchemaFormat | None = None
    tools: list[Tool] | None = None
    tool_choice: str | FunctionChoice | AllowedChoice | None = None
    modalities: list[str] | None = None
    stream_options: StreamOptions | None = None

    @property
    def tokens_max(self) -> int | None:
        """Under its newer or its older name."""
        return self.max_tokens if self.max_completion_tokens is None else self.max_completion_tokens

    @property
    def include_usage(self) -> bool:
        return bool(self.stream_options and self.stream_options.include_usage)

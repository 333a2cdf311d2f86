"""What clients may send to conversations."""

from typing import Any

from litestar import Request
from litestar.datastructures import MultiDict

from app.conversations.given import check_items, wrong
from app.engine.types import Item
from app.web.idempotency import HEADER, Claim, claim_for
from app.web.principal import Caller

ITEMS_MAX = 20
"""As many as OpenAI takes at a time."""

IMAGES = "message.input_image.image_url"
INCLUDABLE = frozenset(
    {
        IMAGES,
        "code_interpreter_call.outputs",
        "computer_call_output.output.image_url",
        "file_search_call.results",
        "message.output_text.logprobs",
        "reasoning.encrypted_content",
        "web_search_call.action.sources",
        "web_search_call.results",
    }
)
"""What OpenAI gives when asked for. Here all but the bytes of images is always given."""


def check_given(items: list[Item]) -> None:
    """Raises InvalidRequest."""
    check_items(items, "items", ITEMS_MAX)


def includes_images(query: MultiDict[Any]) -> bool:
    """Whether `include=…&include=…`, or `include[]=…`, asks for them. Raises InvalidRequest."""
    asked = {*query.getall("include", []), *query.getall("include[]", [])}
    if not asked <= INCLUDABLE:
        raise wrong("include", f"some of {', '.join(sorted(INCLUDABLE))}")
    return IMAGES in asked


async def claim_of(request: Request[Any, Any, Any], caller: Caller) -> Claim | None:
    """The same body on another path is another body. Raises InvalidRequest."""
    key = request.headers.get(HEADER)
    if not key:
        return None
    said = b"%b\x00%b" % (request.scope["path"].encode(), await request.body())
    return claim_for(request.auth, key, said, caller.external_id)

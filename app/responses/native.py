"""Native continuation: the engine goes on from its own response, and gets only what is new.

Only where it was asked for, and where what the engine keeps is what we keep: not with recalled
memories, which are sent and not stored, not for clients that send their whole history each time,
and not where an item was deleted meanwhile. Then the whole context is sent, as always.
"""

import msgspec

from app.conversations.contents import NewItem
from app.conversations.context import Context, whole_calls
from app.engine.types import EngineRequest, Item
from app.responses import queries
from app.responses.parts import Parts
from app.responses.types import Call, EngineCopy

ENGINE_ID_LENGTH_MAX = 200


async def continued(
    parts: Parts, call: Call, context: Context, recalled: list[Item], request: EngineRequest
) -> EngineRequest:
    """The request, with what the engine may keep and continue."""
    if not parts.engine.native or not call.request.store or recalled or context.resent is not None:
        return request
    request = msgspec.structs.replace(request, keep=True)
    before = len(whole_calls(context.items, call.request.items))
    if context.parent is None or len(request.input) != before + len(call.request.items):
        return request
    async with parts.database.tenant(call.caller.project) as conn:
        copy = await queries.find_engine_head(
            conn, call.caller.project, context.parent, context.branch, context.position
        )
    if not copy or (copy.engine, copy.items) != (parts.engine.address, before):
        return request
    return msgspec.structs.replace(request, continues=copy.engine_response_id, new_from=before)


def copy_of(
    engine: str,
    engine_response_id: object,
    context: Context,
    request: EngineRequest,
    inputs: list[NewItem],
    outputs: int,
) -> EngineCopy | None:
    """What the engine keeps of a response that has ended; None where it keeps nothing."""
    first = context.items[0].item_id if context.items else inputs[0].item_id if inputs else None
    if not request.keep or first is None or not _is_id(engine_response_id):
        return None
    return EngineCopy(
        engine=engine,
        engine_response_id=str(engine_response_id),
        first_item_id=first,
        parent=context.parent,
        items=len(request.input) + outputs,
    )


def _is_id(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= ENGINE_ID_LENGTH_MAX and "\x00" not in value

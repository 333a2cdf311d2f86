"""Reading what is stored of a response: its object, its input items, its events."""

from collections.abc import Iterator
from typing import Any

import msgspec

from app.blobs.images import Images
from app.conversations import turns
from app.conversations.contents import shown
from app.conversations.types import StoredItem
from app.db.database import Database
from app.db.sql import Connection
from app.engine.types import Event
from app.errors import InvalidRequest, NotFound
from app.ids import BranchId, ResponseId, id_text, parse_id
from app.responses import queries
from app.responses.complete import BEGINNINGS, ENDS
from app.responses.log import unpack
from app.responses.resource import Resource
from app.responses.types import StoredResponse
from app.web.frames import frame
from app.web.pages import Page, PageQuery, page
from app.web.principal import Caller

AS_BEGUN: Resource = {
    "output": [],
    "usage": None,
    "completed_at": None,
    "error": None,
    "incomplete_details": None,
}
"""What of a finished response was not yet so when it began."""


RESENT_ITEMS_MAX = 20_000
"""Listed at most of what a client sent again."""

WORKER_LOST = "worker_lost"
"""The code of an error that a response has where its worker died."""


async def get_response(database: Database, caller: Caller, text: str) -> Resource:
    """Raises NotFound."""
    async with database.tenant(caller.project) as conn:
        stored = await find_response(conn, caller, text)
        outputs = await _outputs(conn, caller, stored)
    return _resource(stored, outputs)


async def find_response(conn: Connection, caller: Caller, text: str) -> StoredResponse:
    """Raises NotFound, also for what is another user's."""
    response_id = parse_id("resp", text)
    stored = response_id and await queries.get_response(
        conn, caller.project, ResponseId(response_id)
    )
    if not stored or not caller.may_reach(stored.user_id):
        raise NotFound(f"Response with id '{text}' not found.", code="response_not_found")
    return stored


async def list_input_items(images: Images, caller: Caller, text: str, paging: PageQuery) -> Page:
    """What its client sent, images too. Raises NotFound."""
    async with images.database.tenant(caller.project) as conn:
        stored = await find_response(conn, caller, text)
        items = await input_of(conn, caller, stored)
    shown_items = [shown(item.item_id, item.status, item.body) for item in items]
    found = page_of(shown_items, paging)
    found.data = await images.shown(caller.project, stored.user_id, found.data)
    return found


async def input_of(conn: Connection, caller: Caller, stored: StoredResponse) -> list[StoredItem]:
    """The items that the response's own turn brought; with all that came before, where the client
    sent that again."""
    project, branch = caller.project, BranchId(stored.branch_id)
    start, until = stored.start_position, stored.output_position
    if stored.resent:
        return await turns.list_path(conn, project, branch, until, RESENT_ITEMS_MAX)
    return await turns.list_items(conn, project, branch, start, until)


def page_of(items: list[dict[str, Any]], paging: PageQuery) -> Page:
    """Of a list that is short enough to be read whole and cut here."""
    if paging.descending:
        items.reverse()
    if paging.cursor:
        places = [place for place, item in enumerate(items) if item["id"] == paging.cursor]
        if not places:
            name = "before" if paging.before else "after"
            raise InvalidRequest(f"'{name}' names no item of this list.", param=name)
        items = items[places[0] + 1 :]
    return page(items[: paging.limit + 1], paging)


async def replay(database: Database, caller: Caller, text: str, after: int = -1) -> Iterator[bytes]:
    """The frames of a stored response whose number is above `after`. Raises NotFound.

    Where a worker died, its client may have had events that nobody kept: it gets the end anyway.
    """
    async with database.tenant(caller.project) as conn:
        stored = await find_response(conn, caller, text)
        outputs = await _outputs(conn, caller, stored)
        packed = await queries.get_log(conn, caller.project, stored.response_id)
    assert packed is not None
    resource = _resource(stored, outputs)
    lost = bool(stored.error and stored.error["code"] == WORKER_LOST)
    return (
        frame(event["type"], msgspec.json.encode(refilled(event, resource)))
        for event in unpack(packed)
        if event["sequence_number"] > after or (lost and event["type"] in ENDS)
    )


def refilled(event: Event, resource: Resource) -> Event:
    """A kept event with what was left out of it: the response, and this response's item ids."""
    if event["type"] in BEGINNINGS:
        return {
            **event,
            "response": {**resource, **AS_BEGUN, "status": _status_at(event, resource)},
        }
    if event["type"] in ENDS:
        return {**event, "response": resource}
    index = event.get("output_index")
    if not isinstance(index, int) or index >= len(resource["output"]):
        return event
    item_id = resource["output"][index]["id"]
    if "item" in event:
        return {**event, "item": {**event["item"], "id": item_id}}
    return {**event, "item_id": item_id} if "item_id" in event else event


def _status_at(event: Event, resource: Resource) -> str:
    """One in the background was queued before it was in progress."""
    begun = event["type"] == "response.in_progress" or not resource["background"]
    return "in_progress" if begun else "queued"


async def _outputs(conn: Connection, caller: Caller, stored: StoredResponse) -> list[StoredItem]:
    return await turns.list_items(
        conn,
        caller.project,
        BranchId(stored.branch_id),
        stored.output_position,
        stored.end_position,
    )


def _resource(stored: StoredResponse, outputs: list[StoredItem]) -> Resource:
    previous, conversation = stored.previous_response_id, stored.conversation_id
    recalled = [id_text("mem", memory_id) for memory_id in stored.recalled]
    return {
        "id": id_text("resp", stored.response_id),
        "object": "response",
        "created_at": int(stored.created_at.timestamp()),
        "completed_at": int(stored.completed_at.timestamp()) if stored.completed_at else None,
        "status": stored.status,
        "background": False,
        "error": stored.error,
        "instructions": stored.instructions,
        "model": stored.model,
        "output": [shown(item.item_id, item.status, item.body) for item in outputs],
        "previous_response_id": id_text("resp", previous) if previous else None,
        "conversation": {"id": id_text("conv", conversation)} if conversation else None,
        "tools": stored.tools or [],
        "store": True,
        "usage": stored.usage,
        **stored.fields,
        **({"recalled": recalled} if recalled else {}),
    }

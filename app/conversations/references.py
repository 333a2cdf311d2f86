"""Items that a client names instead of sending them again: `{"type": "item_reference", "id"}`."""

import msgspec

from app.blobs.images import shown_refs
from app.conversations import queries
from app.conversations.contents import item_type, parse_item_id
from app.conversations.types import StoredItem
from app.db.database import Database
from app.engine.types import Item
from app.errors import ItemNotFound, TooLarge
from app.ids import ItemId
from app.web.principal import Caller


async def with_references(
    database: Database, caller: Caller, items: list[Item], bytes_max: int
) -> list[Item]:
    """Each reference replaced by what the item says. Raises ItemNotFound, or TooLarge where that
    is more than could have been sent instead."""
    wanted = [_named(item) for item in items if _is_reference(item)]
    if not wanted:
        return items
    async with database.tenant(caller.project) as conn:
        found = await queries.list_known_items(conn, caller.project, wanted, caller.user)
    bodies = {item.item_id: _as_given(item) for item in found}
    _check_size(wanted, bodies, bytes_max)
    return [_resolved(item, bodies) if _is_reference(item) else item for item in items]


def _is_reference(item: Item) -> bool:
    return item_type(item) == "item_reference"


def _named(item: Item) -> ItemId:
    item_id = parse_item_id(item["id"])
    if item_id is None:
        raise ItemNotFound(item["id"])
    return item_id


def _check_size(wanted: list[ItemId], bodies: dict[ItemId, Item], bytes_max: int) -> None:
    """One large item may be named many times."""
    sizes = {item_id: _size_bytes(body) for item_id, body in bodies.items()}
    if sum(sizes.get(item_id, 0) for item_id in wanted) > bytes_max:
        raise TooLarge(f"The items that are named are larger than {bytes_max} bytes together.")


def _size_bytes(body: Item) -> int:
    images = sum(ref.size_bytes for ref in shown_refs([body]))
    return len(msgspec.json.encode(body)) + images


def _resolved(item: Item, bodies: dict[ItemId, Item]) -> Item:
    body = bodies.get(_named(item))
    if body is None:
        raise ItemNotFound(item["id"])
    return body


def _as_given(item: StoredItem) -> Item:
    return {**item.body, "status": item.status}

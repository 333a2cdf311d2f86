"""Items that a client names instead of sending them again: `{"type": "item_reference", "id"}`."""

from app.conversations import queries
from app.conversations.contents import item_type, parse_item_id
from app.conversations.types import StoredItem
from app.db.database import Database
from app.engine.types import Item
from app.errors import ItemNotFound
from app.ids import ItemId
from app.web.principal import Caller


async def with_references(database: Database, caller: Caller, items: list[Item]) -> list[Item]:
    """Each reference replaced by what the item says. Raises ItemNotFound."""
    wanted = [_named(item) for item in items if _is_reference(item)]
    if not wanted:
        return items
    async with database.tenant(caller.project) as conn:
        found = await queries.list_known_items(conn, caller.project, wanted, caller.user)
    bodies = {item.item_id: _as_given(item) for item in found}
    return [_resolved(item, bodies) if _is_reference(item) else item for item in items]


def _is_reference(item: Item) -> bool:
    return item_type(item) == "item_reference"


def _named(item: Item) -> ItemId:
    item_id = parse_item_id(item["id"])
    if item_id is None:
        raise ItemNotFound(item["id"])
    return item_id


def _resolved(item: Item, bodies: dict[ItemId, Item]) -> Item:
    body = bodies.get(_named(item))
    if body is None:
        raise ItemNotFound(item["id"])
    return body


def _as_given(item: StoredItem) -> Item:
    return {**item.body, "status": item.status}

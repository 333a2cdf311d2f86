"""Which conversations hold an item."""

from collections.abc import Sequence

from app.conversations import queries
from app.db.sql import Connection
from app.ids import ConversationId, ItemId, ProjectId


async def holders_of(
    conn: Connection, project: ProjectId, item_ids: Sequence[ItemId]
) -> dict[ItemId, ConversationId]:
    """For each item the conversation that it was said in; where that is gone, or it was said in
    none, one that goes on from it."""
    homes = await queries.list_homes(conn, project, item_ids)
    holders = {home.item_id: home.conversation_id for home in homes}
    if homeless := [item_id for item_id in item_ids if item_id not in holders]:
        heirs = await queries.list_heirs(conn, project, homeless)
        holders.update({heir.item_id: heir.conversation_id for heir in heirs})
    return holders

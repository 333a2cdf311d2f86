"""Compaction items in a context: opened, and put in place of all that came before them."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from app.contexts.compacted import Compacted, read_compacted
from app.contexts.seal import COMPACTION, Sealed, not_ours
from app.conversations.compactions import COMPACTED, find_compactions
from app.conversations.contents import item_type
from app.conversations.context import Context
from app.conversations.types import StoredItem
from app.engine.types import Item
from app.ids import ProjectId
from app.responses.parts import Parts

STORED_LOOKED_AT_MAX = 20
"""Of compaction items that clients sent and that are stored, the newest."""


class Opened(msgspec.Struct, frozen=True):
    """A context and what is new, as the engine is to see them: with no compaction item left."""

    context: Context
    new: list[Item]
    read: list[UUID]
    """The stored items and compactions that stand in it."""
    compacted: bool = False
    """A compaction stands for what came before."""
    whole: bool = True
    """Nothing that came before was put aside by what is new."""


async def opened(parts: Parts, project: ProjectId, context: Context, items: list[Item]) -> Opened:
    """Raises InvalidRequest where the latest compaction item that is new is not ours."""
    if any(item_type(item) == COMPACTION for item in items):
        return await _open_new(parts, project, context, items)
    if not any(item.type in (COMPACTION, COMPACTED) for item in context.items):
        return Opened(context, items, [item.item_id for item in context.items])
    return await _open_stored(parts, project, context, items)


async def _open_new(
    parts: Parts, project: ProjectId, context: Context, items: list[Item]
) -> Opened:
    """The latest stands for all before it, what is stored too: no other is opened, since a small
    one may hold very much."""
    place = max(n for n, item in enumerate(items) if item_type(item) == COMPACTION)
    sealed = parts.seals.open(items[place], project, context.user)
    if sealed is None:
        raise not_ours(f"input[{place}]")
    compacted = sealed.compacted
    if sealed.stored:
        known = await _find(parts, project, context, [sealed.stored])
        compacted = known.get(sealed.stored)
    if compacted is None:
        raise not_ours(f"input[{place}]")
    return Opened(
        msgspec.structs.replace(context, items=[]),
        [*compacted.rendered(), *items[place + 1 :]],
        [sealed.stored] if sealed.stored else [],
        compacted=True,
        whole=False,
    )


async def _open_stored(
    parts: Parts, project: ProjectId, context: Context, items: list[Item]
) -> Opened:
    """The latest that can be opened. One that fell with what it was made from is as if it were
    not: what came before it is still there."""
    sealed = {
        item.item_id: found
        for item in context.items
        if item.type == COMPACTION and (found := parts.seals.open(item.body, project, context.user))
    }
    stored = [found.stored for found in sealed.values() if found.stored]
    known = await _find(parts, project, context, stored[-STORED_LOOKED_AT_MAX:])
    for place, item in reversed(list(enumerate(context.items))):
        if says := _says(item, sealed.get(item.item_id), known):
            after = _without_compactions(context.items[place + 1 :])
            return Opened(
                msgspec.structs.replace(context, items=[*_as_stored(item, says[0]), *after]),
                items,
                [says[1], *(later.item_id for later in after)],
                compacted=True,
            )
    left = _without_compactions(context.items)
    context = msgspec.structs.replace(context, items=left)
    return Opened(context, items, [item.item_id for item in left])


async def _find(
    parts: Parts, project: ProjectId, context: Context, ids: Sequence[UUID]
) -> dict[UUID, Compacted]:
    if not ids:
        return {}
    async with parts.database.tenant(project) as conn:
        found = await find_compactions(conn, project, context.user, ids)
    return {id_: read_compacted(body) for id_, body in found.items()}


def _says(
    item: StoredItem, sealed: Sealed | None, known: dict[UUID, Compacted]
) -> tuple[Compacted, UUID] | None:
    """What an item stands for, and what it was read from."""
    if item.type == COMPACTED:
        return read_compacted(item.body), item.item_id
    if sealed and sealed.compacted:
        return sealed.compacted, item.item_id
    if sealed and sealed.stored in known:
        return known[sealed.stored], sealed.stored
    return None


def _as_stored(item: StoredItem, compacted: Compacted) -> list[StoredItem]:
    """In the item's place. They have its id: a memory of them is none that stands here."""
    return [
        StoredItem(item.item_id, item_type(body), "completed", item.position, body)
        for body in compacted.rendered()
    ]


def _without_compactions(items: list[StoredItem]) -> list[StoredItem]:
    return [item for item in items if item.type not in (COMPACTION, COMPACTED)]

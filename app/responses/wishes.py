"""Wishes: what a user asked for once and for all, which a prompt gets whatever the question."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from app.conversations.contents import canonical, message_text
from app.conversations.context import Context
from app.engine.types import Item
from app.ids import ProjectId
from app.recall.pack import CHARS_A_TOKEN, line_of
from app.responses.parts import Parts
from app.summaries.about import PROFILE, About
from app.summaries.entries import Told
from app.summaries.known import instructions_of

WISHES_MAX = 5

WISHES_SHARE = 2
"""They have at most this part of the budget: a half."""


class PackedWishes(msgspec.Struct, frozen=True):
    text: str
    said: list[str]
    memory_ids: list[UUID]


async def wishes_of(
    parts: Parts, project: ProjectId, context: Context, new: Sequence[Item]
) -> list[Told]:
    """The newest of a user's standing instructions, but for those that the engine gets anyway."""
    about = About(project, context.user, PROFILE)
    async with parts.database.tenant(project) as conn:
        names = await parts.users.names(conn, project, {context.user})
        told = await instructions_of(conn, about, names.get(context.user, ""), WISHES_MAX)
    there = {item.item_id for item in context.items}
    texts = [message_text(canonical(item)) for item in new]
    return [
        one
        for one in told
        if one.memory_id not in there and not any(one.statement.said in text for text in texts)
    ]


def pack_wishes(wishes: Sequence[Told], tokens_max: int) -> PackedWishes:
    """Those that fit; the newest of them last, which counts where two disagree."""
    lines: dict[str, Told] = {}
    left = tokens_max * CHARS_A_TOKEN
    for one in wishes:
        line = line_of(one.occurred_at, one.speaker, one.statement.said)
        if len(line) < left:
            lines[line] = one
            left -= len(line) + 1
    told = list(lines.values())
    return PackedWishes(
        text="\n".join(reversed(lines)),
        said=[one.statement.said for one in told],
        memory_ids=[one.memory_id for one in told],
    )

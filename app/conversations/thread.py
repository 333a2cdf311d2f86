"""Where a client that keeps no state, and sends its whole history each time, goes on.

The longest beginning of its items that ends a turn of the same project, user and key is known; it
holds something that an assistant said, so that two strangers with the same first message never
share a conversation. What follows is new, and all that is stored. The engine gets what the client
sent, all of it.

A deleted turn is known by its tombstone: its text, sent again, is not stored again.
"""

from collections.abc import Sequence

import msgspec

from app.conversations import queries
from app.conversations.contents import NewItem
from app.conversations.context import Context
from app.conversations.history import histories, said_by_assistant
from app.conversations.types import KnownTurn
from app.db.sql import Connection
from app.ids import ConversationId, new_id
from app.web.principal import Caller

ALIKE_MAX = 20
"""Of more turns with one history, the newest are looked at."""


async def find_thread(
    conn: Connection, caller: Caller, beginning: bytes, items: Sequence[NewItem]
) -> Context:
    """A conversation goes on at its head; elsewhere a new one begins, as a branch or afresh."""
    known = _beginnings(beginning, items)
    turn = known and await queries.find_known_turn(
        conn,
        caller.project,
        caller.owner,
        caller.principal.id,
        list(known),
        most=ALIKE_MAX,
    )
    if not turn:
        return begin_thread(caller, beginning)
    return _after(turn, caller, known[turn.history_hash])


def begin_thread(caller: Caller, beginning: bytes) -> Context:
    return Context(
        user=caller.owner,
        conversation=ConversationId(new_id()),
        history_hash=beginning,
        resent=0,
        begins=True,
    )


def forked(context: Context) -> Context:
    """After another turn took the head: a client that keeps no state has a conversation anyway."""
    threaded = context.resent is not None
    conversation = ConversationId(new_id()) if threaded else None
    return msgspec.structs.replace(context, conversation=conversation, begins=threaded)


def _beginnings(beginning: bytes, items: Sequence[NewItem]) -> dict[bytes, int]:
    """The histories that may be known, longest first, each with how many items it has."""
    hashes = list(histories(beginning, items))
    first = next((n for n, item in enumerate(items) if said_by_assistant(item)), len(items))
    found: dict[bytes, int] = {}
    for count in range(len(items), first, -1):
        found.setdefault(hashes[count - 1], count)
    return found


def _after(turn: KnownTurn, caller: Caller, resent: int) -> Context:
    return Context(
        user=caller.owner,
        parent=turn.turn_id,
        conversation=turn.conversation_id or ConversationId(new_id()),
        branch=turn.branch_id,
        position=turn.end_position,
        history_hash=turn.history_hash,
        resent=resent,
        begins=turn.conversation_id is None,
    )

"""What was forgotten, known again by keyed hashes alone: a client that keeps no state sends its
whole history each time, and must not bring it back.

A mark is made of a user's name and a text, so that it means nothing without both and the key, and
outlives the user. Only what was said is marked, and which fact was read from what: who sends a
memory on purpose means it.
"""

from collections.abc import Collection, Iterable, Sequence
from hashlib import blake2b

from app.db.sql import Connection
from app.identity.users import Users
from app.ids import PROJECT_ITSELF, MemoryId, ProjectId, UserId
from app.memory import queries
from app.memory.types import NewMemory, Told

MARK_BYTES = 32


class Marks:
    def __init__(self, secret: bytes, users: Users) -> None:
        self._secret = secret
        self._users = users

    async def leave(
        self, conn: Connection, project: ProjectId, user: UserId, texts: Iterable[str]
    ) -> None:
        """These are forgotten. In the transaction that forgets them."""
        name = await self._name(conn, project, user)
        if name is None:
            return
        if marks := sorted({self._mark(name, text) for text in texts}):
            await queries.insert_marks(conn, project, marks)

    async def leave_for(
        self, conn: Connection, project: ProjectId, user: UserId, ids: Sequence[MemoryId]
    ) -> None:
        """What these memories of a user say and said, of those that were said. Before they go."""
        await self.leave(conn, project, user, await queries.list_said(conn, project, ids))

    async def leave_told(
        self, conn: Connection, project: ProjectId, user: UserId, ids: Sequence[MemoryId]
    ) -> None:
        """What these facts tell and told of which memories: those do not tell it again. Before
        they go."""
        told = await queries.list_told(conn, project, ids)
        await self.leave(conn, project, user, [_told(one) for one in told])

    async def find_told(
        self, conn: Connection, project: ProjectId, user: UserId, told: Collection[Told]
    ) -> set[Told]:
        """Which of these were forgotten as facts."""
        name = await self._name(conn, project, user)
        if name is None:
            return set()
        marks = {one: self._mark(name, _told(one)) for one in told}
        forgotten = await queries.find_marks(conn, project, sorted(marks.values()))
        return {one for one, mark in marks.items() if mark in forgotten}

    async def without_forgotten(
        self, conn: Connection, project: ProjectId, memories: Sequence[NewMemory]
    ) -> list[NewMemory]:
        """Without what their one user had forgotten. Holds the user's scope, so that who forgets
        at this moment is waited for."""
        if not memories:
            return []
        user = memories[0].user_id
        await queries.lock_scopes(conn, project, [user])
        name = await self._name(conn, project, user)
        if name is None:
            return list(memories)
        marks = [self._mark(name, memory.content) for memory in memories]
        forgotten = await queries.find_marks(conn, project, marks)
        pairs = zip(memories, marks, strict=True)
        return [memory for memory, mark in pairs if mark not in forgotten]

    async def _name(self, conn: Connection, project: ProjectId, user: UserId) -> str | None:
        """Empty for the project itself; None for who is erased, whose texts are not the project's
        for that."""
        if user == PROJECT_ITSELF:
            return ""
        return (await self._users.names(conn, project, {user})).get(user)

    def _mark(self, name: str, text: str) -> bytes:
        said = text.replace("\x00", "\ufffd").strip()
        pieces = b"%b\x00%b" % (name.encode(), said.encode())
        return blake2b(pieces, key=self._secret, digest_size=MARK_BYTES).digest()


def _told(told: Told) -> str:
    return f"fact of {told.source_id}: {plain_text(told.content)}"


def plain_text(text: str) -> str:
    """What statements have in common that say the same in the same words."""
    return " ".join(text.casefold().split()).rstrip(".")

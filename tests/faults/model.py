"""What Backstory promises of a history, in as few lines as it takes."""

from dataclasses import dataclass, field
from typing import NamedTuple


class Said(NamedTuple):
    text: str
    turn: "Turn"
    place: int
    """Among the texts of its turn."""


@dataclass(eq=False)
class Turn:
    """What one response, or one call that added items, brought; and what it went on from."""

    owner: str | None
    parent: "Turn | None" = None
    after: int | None = None
    """Of the parent only so many texts come before it."""
    texts: list[str] = field(default_factory=list)
    gone: set[int] = field(default_factory=set)
    id: str | None = None
    deleted: bool = False
    """It cannot be continued; of its texts some may be left, for others that hold them."""
    resent: bool = False
    """Its client sent all that came before it once more."""
    conversation: "Conversation | None" = None
    children: list["Turn"] = field(default_factory=list)

    def path(self, most: int | None = None) -> list[tuple["Turn", int]]:
        """From the first turn to this one, each with how many of its texts are on the path."""
        before = self.parent.path(self.after) if self.parent else []
        return [*before, (self, len(self.texts) if most is None else most)]

    def said(self) -> list[Said]:
        """All that is still there, up to this turn and with it."""
        return [
            Said(turn.texts[index], turn, index)
            for turn, most in self.path()
            for index in range(most)
            if index not in turn.gone
        ]

    def history(self) -> list[str]:
        return [said.text for said in self.said()]

    def input(self) -> list[str]:
        """As it is listed: without what the engine answered."""
        said = self.said() if self.resent else [said for said in self.said() if said.turn is self]
        return [one.text for one in said if (one.turn, one.place) != (self, len(self.texts) - 1)]

    def named(self) -> bool:
        """It is of a conversation that was made by name, and goes on only where that is named."""
        return self.path()[0][0].conversation is not None

    def whole(self) -> bool:
        return not any(turn.deleted or turn.gone for turn, _ in self.path())

    def stored(self) -> None:
        """It moves the conversation that its parent headed."""
        if self.parent:
            self.parent.children.append(self)
            if self.parent.heads_conversation():
                self.conversation = self.parent.conversation
                assert self.conversation
                self.conversation.head = self

    def heads_conversation(self) -> bool:
        return bool(self.conversation and self.conversation.head is self)

    def has_conversation(self) -> bool:
        return bool(self.conversation and self.conversation.head)

    def lives(self) -> bool:
        """Somebody can still see that it goes on from its parent."""
        return (
            self.heads_conversation()
            or len(self.gone) < len(self.texts)
            or any(child.lives() for child in self.children)
        )

    def reached_by(self, user: str | None) -> bool:
        return user in (None, self.owner)

    def forget(self) -> None:
        self.deleted = True
        self.gone = set(range(len(self.texts)))


@dataclass(eq=False)
class Conversation:
    """A head that moves with the turns that go on from it; none when it is deleted."""

    id: str
    head: Turn | None

    def __post_init__(self) -> None:
        assert self.head
        self.head.conversation = self

    def reached_by(self, user: str | None) -> bool:
        return bool(self.head and self.head.reached_by(user))

    def forget(self) -> None:
        """What nobody else holds goes with it: what lies behind all that others share."""
        assert self.head
        path, self.head = self.head.path(), None
        begins = [sum(most for _, most in path[:n]) for n in range(len(path))]
        places = list(zip(begins, path, strict=True))
        held = max([b + n for b, (turn, most) in places for n in _held(turn, most, path)] + [0])
        for begin, (turn, most) in places:
            if not turn.has_conversation() and (begin + most > held or begin >= held):
                turn.deleted = True
                turn.gone |= {index for index in range(most) if begin + index >= held}


def _held(turn: Turn, most: int, path: list[tuple[Turn, int]]) -> list[int]:
    """How many of the texts that it has on the path others hold."""
    on_path = {one for one, _ in path}
    beside = [child for child in turn.children if child not in on_path and child.lives()]
    held = [most if child.after is None else min(most, child.after) for child in beside]
    goes_on = any(index not in turn.gone for index in range(most, len(turn.texts)))
    return held + [most] * (goes_on or turn.has_conversation())

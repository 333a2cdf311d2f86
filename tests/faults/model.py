"""What Backstory promises of a history, in as few lines as it takes."""

from dataclasses import dataclass, field
from typing import NamedTuple


class Said(NamedTuple):
    text: str
    turn: "Turn"
    until: int
    """How many of its turn's texts there are up to this one and with it."""


@dataclass(eq=False)
class Turn:
    """What one response, or one call that added items, brought; and what it went on from."""

    owner: str | None
    parent: "Turn | None" = None
    after: int | None = None
    """Of the parent only so many texts come before it."""
    texts: list[str] = field(default_factory=list)
    id: str | None = None
    deleted: bool = False
    resent: bool = False
    """Its client sent all that came before it once more."""
    conversation: "Conversation | None" = None

    def said(self, most: int | None = None) -> list[Said]:
        """All that is still there, up to this turn and with it."""
        before = self.parent.said(self.after) if self.parent else []
        own = [] if self.deleted else self.texts[:most]
        return before + [Said(text, self, n + 1) for n, text in enumerate(own)]

    def history(self) -> list[str]:
        return [said.text for said in self.said()]

    def input(self) -> list[str]:
        return (self.history() if self.resent else self.texts)[:-1]

    def whole(self) -> bool:
        return not self.deleted and (self.parent is None or self.parent.whole())

    def stored(self) -> None:
        """It moves the conversation that its parent headed."""
        conversation = self.parent and self.parent.conversation
        if conversation and conversation.head is self.parent:
            self.conversation = conversation
            conversation.head = self

    def reached_by(self, user: str | None) -> bool:
        return user in (None, self.owner)


@dataclass(eq=False)
class Conversation:
    """A head that moves with the turns that go on from it."""

    id: str
    head: Turn

    def __post_init__(self) -> None:
        self.head.conversation = self

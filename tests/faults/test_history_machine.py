"""Whatever is created, continued, forked, edited, deleted and restarted: histories are right.

Hypothesis draws what is done; `model.py` says what must come of it. What the engine was sent is
compared with it to the letter.
"""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from app.config import Config
from app.db.embedded import EmbeddedPostgres
from tests.faults.model import Conversation, Said, Turn
from tests.faults.restarting import RestartingService
from tests.support.api import Json, Reply, message, text_of
from tests.support.engine import FakeEngine
from tests.support.heard import something, texts
from tests.support.postgres_fixtures import fresh_database

SETTINGS = settings(
    max_examples=15,
    stateful_step_count=30,
    deadline=None,
    derandomize="CI" in os.environ,
    database=None,
    print_blob=True,
    phases=[Phase.generate],  # to make a failing example small takes minutes: add Phase.shrink
    suppress_health_check=list(HealthCheck),
)
RESTARTS_MAX = 2
"""In an example; each takes a quarter of a second."""

USERS = st.sampled_from([None, "ada", "bob"])
ROLES = st.lists(st.sampled_from(["user", "assistant"]), max_size=3)


class Histories(RuleBasedStateMachine):
    service: RestartingService
    engine: FakeEngine
    turns = Bundle("turns")
    conversations = Bundle("conversations")

    def __init__(self) -> None:
        super().__init__()
        self.restarts = 0

    @rule(target=turns, user=USERS, store=st.booleans())
    def create(self, user: str | None, store: bool) -> Any:
        return self._respond(user, Turn(user), store=store)

    @rule(target=turns, user=USERS, parent=turns, store=st.booleans())
    def continue_or_fork(self, user: str | None, parent: Turn, store: bool) -> Any:
        """A parent may have any number of children."""
        fields = {"previous_response_id": parent.id}
        if parent.deleted or not parent.reached_by(user):
            reply = self._create(user, something(), fields)
            assert (reply.status, reply.error["code"]) == (400, "previous_response_not_found")
            return multiple()
        return self._respond(user, Turn(parent.owner, parent), fields, store=store)

    @rule(target=turns, turn=turns)
    def resend(self, turn: Turn) -> Any:
        """A client without state sends all that was said, and is known by it."""
        if not turn.whole():
            return multiple()
        again = Turn(turn.owner, None if turn.named() else turn, resent=True)
        return self._respond(turn.owner, again, resent=turn.history())

    @rule(target=conversations, user=USERS, roles=ROLES)
    def open_conversation(self, user: str | None, roles: list[str]) -> Conversation:
        lines = [f"{role}: {something()}" for role in roles]
        reply = self.service.send(user, "POST", "/v1/conversations", {"items": _messages(lines)})
        assert reply.status == 200, reply.raw
        return Conversation(reply.body["id"], Turn(user, texts=lines))

    @rule(target=turns, user=USERS, conversation=conversations)
    def speak(self, user: str | None, conversation: Conversation) -> Any:
        fields, head = {"conversation": conversation.id}, conversation.head
        if not head or not head.reached_by(user):
            assert self._create(user, something(), fields).error["code"] == "conversation_not_found"
            return multiple()
        return self._respond(user, Turn(head.owner, head), fields)

    @rule(user=USERS, conversation=conversations, roles=ROLES.filter(bool))
    def add_items(self, user: str | None, conversation: Conversation, roles: list[str]) -> None:
        lines, head = [f"{role}: {something()}" for role in roles], conversation.head
        path = f"/v1/conversations/{conversation.id}/items"
        reply = self.service.send(user, "POST", path, {"items": _messages(lines)})
        if not head or not head.reached_by(user):
            assert reply.status == 404
            return
        assert texts(reply.body["data"]) == lines
        Turn(head.owner, head, texts=lines).stored()

    @rule(target=conversations, conversation=conversations, drawn=st.integers(0, 20))
    def fork_conversation(self, conversation: Conversation, drawn: int) -> Any:
        listed, said = self._list_items(conversation)
        if not conversation.head:
            return multiple()
        body, head = {}, Turn(conversation.head.owner, conversation.head)
        if drawn < len(said):
            body = {"item_id": listed[drawn]["id"]}
            head = Turn(head.owner, said[drawn].turn, after=said[drawn].place + 1)
        reply = self.service.send(None, "POST", f"/v1/conversations/{conversation.id}/fork", body)
        assert head.parent
        head.parent.children.append(head)
        return Conversation(reply.body["id"], head)

    @rule(user=USERS, conversation=conversations, drawn=st.integers(0, 20))
    def delete_item(self, user: str | None, conversation: Conversation, drawn: int) -> None:
        listed, said = self._list_items(conversation)
        if drawn < len(said):
            path = f"/v1/conversations/{conversation.id}/items/{listed[drawn]['id']}"
            there = conversation.reached_by(user)
            assert self.service.send(user, "DELETE", path).status == (200 if there else 404)
            said[drawn].turn.gone |= {said[drawn].place} if there else set()

    @rule(user=USERS, conversation=conversations)
    def delete_conversation(self, user: str | None, conversation: Conversation) -> None:
        there = conversation.reached_by(user)
        reply = self.service.send(user, "DELETE", f"/v1/conversations/{conversation.id}")
        assert reply.status == (200 if there else 404)
        if there:
            conversation.forget()

    @rule(user=USERS, turn=turns)
    def delete(self, user: str | None, turn: Turn) -> None:
        reply = self.service.send(user, "DELETE", f"/v1/responses/{turn.id}")
        there = not turn.deleted and turn.reached_by(user)
        assert reply.status == (200 if there else 404)
        if there:
            turn.forget()

    @rule(user=USERS, turn=turns)
    def look(self, user: str | None, turn: Turn) -> None:
        reply = self.service.send(user, "GET", f"/v1/responses/{turn.id}")
        items = self.service.send(user, "GET", f"/v1/responses/{turn.id}/input_items?order=asc")
        if turn.deleted or not turn.reached_by(user):
            assert (reply.status, items.status) == (404, 404)
            return
        assert texts(reply.body["output"]) == [turn.texts[-1]] * (
            len(turn.texts) - 1 not in turn.gone
        )
        assert texts(items.body["data"]) == turn.input()

    @rule(conversation=conversations)
    def look_at_items(self, conversation: Conversation) -> None:
        self._list_items(conversation)

    @precondition(lambda self: self.restarts < RESTARTS_MAX)
    @rule()
    def restart(self) -> None:
        self.restarts += 1
        self.service.restart()

    def _respond(
        self,
        user: str | None,
        turn: Turn,
        fields: Json | None = None,
        *,
        store: bool = True,
        resent: Sequence[str] = (),
    ) -> Any:
        """A turn that may be continued, or none where it is not stored."""
        said = something()
        reply = self._create(user, said, {**(fields or {}), "store": store}, resent)
        assert reply.status == 200, reply.raw
        new = [] if turn.parent else resent  # what is not known is new, and stored
        before = [*turn.history(), *new]
        turn.texts = [*new, f"user: {said}", f"assistant: {text_of(reply.body)}"]
        assert texts(self.engine.last.body["input"]) == [*before, f"user: {said}"]
        turn.id = reply.body["id"]
        if not store:
            assert self.service.send(user, "GET", f"/v1/responses/{turn.id}").status == 404
            return multiple()
        turn.stored()
        return turn

    def _create(
        self, user: str | None, said: str, fields: Json, resent: Sequence[str] = ()
    ) -> Reply:
        given = [*_messages(resent), message(said)]
        body = {"model": "test-model", "input": given, **fields}
        return self.service.send(user, "POST", "/v1/responses", body)

    def _list_items(self, conversation: Conversation) -> tuple[list[Json], list[Said]]:
        """What is listed, and what the model says to it."""
        path = f"/v1/conversations/{conversation.id}/items?order=asc&limit=100"
        reply = self.service.send(None, "GET", path)
        if not conversation.head:
            assert reply.status == 404
            return [], []
        said = conversation.head.said()
        assert texts(reply.body["data"]) == [one.text for one in said]
        return reply.body["data"], said


def _messages(lines: Sequence[str]) -> list[Json]:
    said = (line.partition(": ") for line in lines)
    return [message(text, role) for role, _, text in said]


async def test_histories(
    postgres: EmbeddedPostgres, fake_engine: FakeEngine, tmp_path: Path
) -> None:
    config = Config(
        data_dir=tmp_path,
        engine_url=fake_engine.url,
        engine_api_key=fake_engine.key,
        engine_kind="responses",
        drain_seconds=5,
    )
    with fresh_database(postgres) as urls:
        service = RestartingService(urls, config)
        await service.start()
        try:
            machine = type("Driven", (Histories,), {"service": service, "engine": fake_engine})
            await asyncio.to_thread(run_state_machine_as_test, machine, settings=SETTINGS)
        finally:
            await service.stop()

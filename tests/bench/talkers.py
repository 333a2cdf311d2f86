"""Clients that talk for a thousand turns: one names what it continues, others send it again."""

from typing import Any, Protocol

from tests.support.api import MODEL, Api, Json, Reply, message, text_of

WORDS = "The hive on the hill was busy today and the bees came home late with"
LINE_CHARS = 200


class Talker(Protocol):
    user: str
    turns: int

    async def say(self) -> None:
        """One turn more."""
        ...


def line(turn: int) -> str:
    """What a user says: different each time, always as long."""
    return f"Turn {turn}: {WORDS} {turn * 7919} grains of pollen. ".ljust(LINE_CHARS, "~")


class ByPreviousResponse:
    user = "names what it continues"

    def __init__(self, api: Api) -> None:
        self._api = api.as_user(self.user)
        self.turns = 0
        self.responses: list[str] = []

    async def say(self) -> None:
        self.turns += 1
        previous = self.responses[-1] if self.responses else None
        fields = {"previous_response_id": previous, "memory": False}
        response = await self._api.respond([message(line(self.turns))], **fields)
        self.responses.append(response["id"])


class ByWholeInput:
    user = "sends its history, responses"

    def __init__(self, api: Api) -> None:
        self._api = api.as_user(self.user)
        self.turns = 0
        self.items: list[Json] = []
        self.responses: list[str] = []

    async def say(self) -> None:
        self.turns += 1
        self.items.append(message(line(self.turns)))
        response = await self._api.respond(self.items, memory=False)
        self.items.append(message(text_of(response), "assistant"))
        self.responses.append(response["id"])


class ByMessages:
    user = "sends its history, chat completions"

    def __init__(self, api: Api) -> None:
        self._api = api.as_user(self.user)
        self.turns = 0
        self._messages: list[Json] = []

    async def say(self) -> None:
        self.turns += 1
        self._messages.append({"role": "user", "content": line(self.turns)})
        body: Any = {"model": MODEL, "messages": self._messages, "memory": False}
        reply: Reply = await self._api.send("POST", "/v1/chat/completions", body)
        assert reply.status == 200, reply.raw
        self._messages.append(reply.body["choices"][0]["message"])

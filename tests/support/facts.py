"""Facts over the wire: people who say things, an engine told what it finds in them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from app.ids import ProjectId
from tests.support.api import MODEL, Api, Json
from tests.support.engine import FakeEngine
from tests.support.eventually import eventually
from tests.support.memories import recall, somebody
from tests.support.rows import count, new_key, new_project
from tests.support.service import Service
from tests.support.settings import set_own

READINGS = """
    SELECT count(*) FROM outbox
    WHERE project_id = $1 AND topic IN ('remember_turn', 'extract_facts') AND failed_at IS NULL
"""
SCOPES = ("engine", "memory:read", "memory:write", "usage:read", "admin", "settings")
READ_SECONDS_MAX = 60.0
NOON = datetime(2023, 5, 8, 12, tzinfo=UTC)


def fact(text: str, subject: str = "The user", **fields: Any) -> Json:
    """As an engine tells it, of the message in which it is found."""
    return {"text": text, "subject": subject, "entities": [], "lasting": True, **fields}


class Talk:
    """One user of a project of its own, in which facts are on."""

    def __init__(self, service: Service, project: ProjectId, api: Api, engine: FakeEngine) -> None:
        self.service = service
        self.project = project
        self._own = api
        self.api = api.as_user(somebody())
        self.engine = engine

    async def set(self, **settings: Any) -> None:
        await set_own(self._own, settings)

    async def say(self, text: str, *facts: Json, day: int = 0, **fields: Any) -> Json:
        """A message, in which the engine finds these facts; on the given day after the first."""
        if facts:
            self.engine.facts.told[text] = list(facts)
        at = NOON + timedelta(days=day)
        body = {"kind": "message", "content": text, "speaker": "user", **fields}
        reply = await self.api.send("POST", "/v1/memories", {"occurred_at": at.isoformat(), **body})
        assert reply.status == 200, reply.raw
        await self.read()
        memory: Json = reply.body
        return memory

    async def say_all(self, said: Sequence[tuple[str, Json]]) -> None:
        """In one call, a minute after each other."""
        self.engine.facts.told.update({text: [told] for text, told in said})
        memories = [
            {
                "kind": "message",
                "content": text,
                "occurred_at": (NOON + timedelta(minutes=minute)).isoformat(),
            }
            for minute, (text, _) in enumerate(said)
        ]
        reply = await self.api.send("POST", "/v1/memories", {"memories": memories})
        assert reply.status == 200, reply.raw
        await self.read()

    async def read(self) -> None:
        """Waits until all that was said has been read, and nothing failed."""

        async def none() -> bool:
            assert (await self.jobs())["failed"] == []
            return await count(self.service, READINGS, self.project) == 0

        await eventually(none, seconds=READ_SECONDS_MAX)

    async def jobs(self) -> Json:
        found: Json = (await self.api.get("/v1/jobs")).body
        return found

    async def facts(self) -> list[Json]:
        """All, also those that hold no more, oldest first."""
        listed = (await self.api.get("/v1/memories?kind=fact&order=asc&limit=100")).body
        found: list[Json] = listed["data"]
        return found

    async def texts(self) -> list[str]:
        return [one["content"] for one in await self.facts()]

    async def current(self) -> list[str]:
        return [one["content"] for one in await self.facts() if one["superseded_at"] is None]

    async def fact(self, text: str) -> Json:
        (found,) = [one for one in await self.facts() if one["content"] == text]
        return found

    async def recalled(self, query: str, **fields: Any) -> list[str]:
        body = await recall(self.api, query, filter={"kinds": ["fact"]}, **fields)
        return [one["memory"]["content"] for one in body["data"]]

    async def quality(self) -> Json:
        reply = await self.api.get("/v1/memories/quality")
        assert reply.status == 200, reply.raw
        found: Json = reply.body
        return found

    def contradict(self, first: str, second: str) -> None:
        """The engine says so, whichever was said first."""
        self.engine.facts.verdicts[first, second] = "contradicts"
        self.engine.facts.verdicts[second, first] = "contradicts"


async def new_talk(service: Service, api: Api, engine: FakeEngine, facts: str = "engine") -> Talk:
    project = await new_project(service)
    key = await new_key(service, *SCOPES, project=project)
    talk = Talk(service, project, api.with_key(key), engine)
    await talk.set(facts=facts, facts_model=MODEL)
    return talk

"""Facts by the bundled engine, which is far too small for it: nothing breaks, no junk is kept."""

import msgspec
import pytest

from app.db.embedded import EmbeddedPostgres
from app.engine.local_server import LocalServer
from app.facts.wording import words_in
from tests.support.api import Json, open_api
from tests.support.engine import FakeEngine
from tests.support.eventually import eventually
from tests.support.facts import READINGS, new_talk
from tests.support.postgres_fixtures import fresh_database
from tests.support.rows import count
from tests.support.service import Service, run_service
from tests.support.two_friends import SESSION

SECONDS_MAX = 280.0
LITTLE_WORDS = {"a", "an", "the", "is", "are", "was", "has", "of", "in", "at", "to", "and", "her"}


@pytest.mark.slow
async def test_a_session_is_read_to_its_end(
    postgres: EmbeddedPostgres,
    backstory: Service,
    local_server: LocalServer,
    fake_engine: FakeEngine,
) -> None:
    config = msgspec.structs.replace(
        backstory.config,
        engine_url=None,
        engine_api_key=None,
        engine_kind="local",
        local_engine_url=local_server.url,
        facts_output_tokens_max=250,
        facts_attempts_max=2,
    )
    with fresh_database(postgres) as urls:
        async with run_service(urls, config) as service, open_api(service) as api:
            talk = await new_talk(service, api, fake_engine)
            await talk.set(facts="engine")
            memories = [
                {"kind": "message", "content": text, "speaker": speaker, "episode": "S1"}
                for speaker, text in SESSION
            ]
            reply = await talk.api.send("POST", "/v1/memories", {"memories": memories})
            assert reply.status == 200, reply.raw

            async def nothing_waits() -> bool:
                return await count(service, READINGS, talk.project) == 0

            await eventually(nothing_waits, seconds=SECONDS_MAX)
            failed = (await talk.jobs())["failed"]
            quality, facts = await talk.quality(), await talk.facts()
    assert all("The engine's answer" in job["error"] for job in failed), failed
    assert quality["messages"] == len(SESSION) or failed
    new = sum(quality["kept"].get(name, 0) for name in ("stored", "superseding", "history"))
    assert len(facts) == new
    for one in facts:
        assert _was_said(one), one["content"]


def _was_said(one: Json) -> bool:
    """By one of the two, in about these words."""
    said = frozenset().union(*(words_in(f"{speaker} {text}") for speaker, text in SESSION))
    told = words_in(one["content"]) - LITTLE_WORDS
    return len(told & said) >= len(told) - 1

"""Titles: by hand, by the first words, or by the engine where a setting says so."""

import pytest

from tests.api.test_gateway_settings import Project
from tests.support.api import Api, message
from tests.support.conversations import add, fork, new_conversation, posted
from tests.support.engine import FakeEngine
from tests.support.eventually import eventually
from tests.support.heard import heard, something
from tests.support.rows import count, new_key, new_project
from tests.support.service import Service

TITLE_JOBS = "SELECT count(*) FROM outbox WHERE topic = 'title_conversation'"


@pytest.fixture
async def project(backstory: Service, api: Api) -> Project:
    made = await new_project(backstory)
    key = await new_key(backstory, "engine", "usage:read", "settings", project=made)
    return Project(api.with_key(key))


async def title_of(api: Api, conversation: str) -> str | None:
    found: str | None = (await api.get(f"/v1/conversations/{conversation}")).body["title"]
    return found


async def titled(api: Api, conversation: str) -> str:
    async def title() -> str | None:
        return await title_of(api, conversation)

    return await eventually(title) or ""


async def idle(service: Service) -> None:
    async def none() -> bool:
        return await count(service, TITLE_JOBS) == 0

    await eventually(none)


async def test_a_title_is_the_first_words(api: Api, shared_engine: FakeEngine) -> None:
    word = something("How do")
    conversation = await new_conversation(api)
    await api.respond(f"{word} bees find their way home at night", conversation=conversation)
    assert await titled(api, conversation) == f"{word} bees find their way home …"
    assert len(heard(shared_engine, word)) == 1


async def test_added_answers_and_forks_get_titles(api: Api) -> None:
    conversation = await new_conversation(api, items=[message("Of bees")])
    assert await title_of(api, conversation) is None
    await add(api, conversation, message("What of them?", "assistant"))
    assert await titled(api, conversation) == "Of bees"
    assert await titled(api, await fork(api, conversation)) == "Of bees"


async def test_a_conversation_without_state_gets_a_title(api: Api) -> None:
    word = something("Stateless")
    history = [message(word), message("fine", "assistant"), message("again")]
    conversation = (await api.create(history)).headers["Backstory-Conversation"]
    assert await titled(api, conversation) == word


async def test_a_title_by_hand_stays(api: Api, backstory: Service) -> None:
    conversation = await new_conversation(api, title="By hand")
    await api.respond("hello", conversation=conversation)
    await idle(backstory)
    assert await title_of(api, conversation) == "By hand"
    changed = await posted(api, f"/{conversation}", {"title": "Another"})
    assert (changed["title"], changed["metadata"]) == ("Another", {})
    assert (await posted(api, f"/{conversation}", {"title": None}))["title"] is None
    await api.respond("hello again", conversation=conversation)
    assert await titled(api, conversation) == "hello"


async def test_the_engine_makes_titles_where_it_may(
    project: Project, shared_engine: FakeEngine
) -> None:
    await project.set({"titles": "engine", "title_model": "@oi/beta"})
    word = something()
    conversation = await new_conversation(project.api)
    await project.api.respond(f'[[say:"Of bees"]] {word}', conversation=conversation)
    assert await titled(project.api, conversation) == "Of bees"
    call = heard(shared_engine, word)[-1].body
    assert call["model"] == "@oi/beta"
    assert call["max_output_tokens"] == 32

    async def logged() -> bool:
        lines = (await project.api.get("/v1/requests")).body["data"]
        return [line["model"] for line in lines if line["purpose"] == "title"] == ["@oi/beta"]

    await eventually(logged)
    listed = (await project.api.get(f"/v1/conversations/{conversation}/items")).body["data"]
    assert len(listed) == 2


async def test_a_failing_engine_leaves_the_first_words(project: Project) -> None:
    await project.set({"titles": "engine"})
    conversation = await new_conversation(
        project.api, items=[message("Broken [[status:500]]"), message("oh", "assistant")]
    )
    await project.api.respond("go on", conversation=conversation)
    assert await titled(project.api, conversation) == "Broken [[status:500]]"


async def test_titles_can_be_off(project: Project, backstory: Service) -> None:
    await project.set({"titles": "off"})
    conversation = await new_conversation(project.api)
    await project.api.respond("hello", conversation=conversation)
    await idle(backstory)
    assert await title_of(project.api, conversation) is None

"""Profiles over HTTP: from what was said and from facts, without a language model."""

import pytest

from tests.support.api import Api, Json, message
from tests.support.eventually import eventually
from tests.support.memories import remember, somebody
from tests.support.rows import new_key, new_project
from tests.support.service import Service

SECTIONS = ("instructions", "preferences", "stable", "current")


@pytest.fixture
def me() -> str:
    return somebody()


@pytest.fixture
def mine(api: Api, me: str) -> Api:
    return api.as_user(me)


async def profile(api: Api, user: str, query: str = "") -> Json:
    reply = await api.get(f"/v1/users/{user}/profile{query}")
    assert reply.status == 200, reply.raw
    body: Json = reply.body
    return body


def texts(profile: Json) -> dict[str, list[str]]:
    return {name: [one["text"] for one in profile[name]] for name in SECTIONS if profile[name]}


async def test_a_profile_is_made_of_what_a_user_said(mine: Api, me: str) -> None:
    said = [
        ("Hi, I live in Ulm. What's the weather?", "2026-01-01"),
        ("Always answer in French. I'm vegetarian.", "2026-02-01"),
        ("We moved to Bonn in March.", "2026-03-05"),
        ("How do I boil an egg?", "2026-03-06"),
    ]
    for text, day in said:
        await remember(mine, text, kind="message", speaker="user", occurred_at=day)
    await remember(mine, "I love it, and I live in Paris.", kind="message", speaker="assistant")
    await remember(mine, "I'm learning Greek.", kind="message", speaker="user")
    found = await profile(mine, me)
    assert texts(found) == {
        "instructions": ["Always answer in French."],
        "preferences": ["I'm vegetarian."],
        "stable": ["We moved to Bonn in March."],
        "current": ["I'm learning Greek."],
    }
    entry = found["stable"][0]
    assert entry["occurred_at"] == entry["since"] == "2026-03-05T00:00:00Z"
    stored = (await mine.get(f"/v1/memories/{entry['memory']}")).body
    assert stored["content"] == "We moved to Bonn in March."
    assert "- [2026-02-01] Always answer in French." in found["context"].splitlines()
    assert found["summary"] is None
    assert found["usage"]["left_out"] == 0


async def test_what_is_forgotten_or_corrected_is_not_in_it(mine: Api, me: str) -> None:
    [old] = await remember(mine, "I live in Ulm.", kind="message", occurred_at="2026-01-01")
    [new] = await remember(mine, "I live in Bonn.", kind="message", occurred_at="2026-02-01")
    assert texts(await profile(mine, me)) == {"stable": ["I live in Bonn."]}
    await mine.delete(f"/v1/memories/{new['id']}")
    assert texts(await profile(mine, me)) == {"stable": ["I live in Ulm."]}
    corrected = {"content": "I live near Ulm, and I hate rain."}
    assert (await mine.send("PATCH", f"/v1/memories/{old['id']}", corrected)).status == 200
    assert texts(await profile(mine, me)) == {
        "stable": ["I live near Ulm"],
        "preferences": ["I hate rain."],
    }
    await mine.send("PATCH", f"/v1/memories/{old['id']}", {"content": "Nothing of note."})
    assert texts(await profile(mine, me)) == {}


async def test_notes_and_facts_of_the_user_are_in_it(mine: Api, me: str) -> None:
    await remember(mine, "The user prefers tea.", "Berlin is a city.")
    await remember(mine, "Ada is Sam's aunt.", kind="fact", occurred_at="2026-02-01")
    found = await profile(mine, me)
    assert texts(found) == {
        "preferences": ["The user prefers tea."],
        "stable": ["Ada is Sam's aunt."],
    }
    assert found["stable"][0]["kind"] == "fact"


async def test_turns_are_heard(mine: Api, me: str) -> None:
    items = [message("Please call me Sam."), message("I live in Rome.", "assistant")]
    made = await mine.send("POST", "/v1/conversations", {"items": items})
    assert made.status == 200

    async def heard() -> Json:
        return texts(await profile(mine, me))

    assert await eventually(heard) == {"instructions": ["Please call me Sam."]}


async def test_a_profile_is_each_users_own(api: Api, mine: Api, me: str) -> None:
    await remember(mine, "I live in Ulm.", kind="message")
    other = await profile(api, somebody())
    assert texts(other) == {}
    assert (other["context"], other["updated_at"]) == ("", None)
    assert (await mine.get(f"/v1/users/{somebody()}/profile")).status == 400


async def test_a_profile_is_each_projects_own(
    api: Api, mine: Api, me: str, backstory: Service
) -> None:
    await remember(mine, "I live in Ulm.", kind="message")
    key = await new_key(backstory, "memory:read", project=await new_project(backstory))
    assert texts(await profile(api.with_key(key), me)) == {}
    writer = api.with_key(await new_key(backstory, "memory:write"))
    assert (await writer.get(f"/v1/users/{me}/profile")).status == 403


@pytest.mark.parametrize("budget", ["0", "-1", "x", "1.5", "100001", "9" * 30])
async def test_a_budget_that_is_none_is_refused(mine: Api, me: str, budget: str) -> None:
    reply = await mine.get(f"/v1/users/{me}/profile?token_budget={budget}")
    assert (reply.status, reply.error["param"]) == (400, "token_budget")


async def test_the_context_is_within_its_budget(mine: Api, me: str) -> None:
    await remember(mine, *(f"I like fruit number {n}." for n in range(15)), kind="message")
    found = await profile(mine, me, "?token_budget=60")
    assert found["usage"]["context_tokens"] <= 60
    assert found["usage"]["left_out"] == 15 - (len(found["context"].splitlines()) - 1)
    assert len(found["preferences"]) == 15

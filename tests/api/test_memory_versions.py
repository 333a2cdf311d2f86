"""Correcting a memory: versions, optimistic locks, and what was derived from the old text."""

import asyncio
from typing import Any

import pytest

from tests.support.api import Api, Json
from tests.support.derived import as_uuid, derive
from tests.support.memories import embedded, recalled, remember, somebody
from tests.support.rows import connected, count, tables_with
from tests.support.service import Service

CONVERSATION = "conv_01a204d6d03e7136806b4ed9fc7bb852"


@pytest.fixture
def mine(api: Api) -> Api:
    return api.as_user(somebody())


async def patch(api: Api, memory: Json, **fields: Any) -> Json:
    reply = await api.send("PATCH", f"/v1/memories/{memory['id']}", fields)
    assert reply.status == 200, reply.raw
    assert reply.headers["ETag"] == f'"{reply.body["version"]}"'
    body: Json = reply.body
    return body


async def history(api: Api, memory: Json, query: str = "") -> Json:
    reply = await api.get(f"/v1/memories/{memory['id']}/history{query}")
    assert reply.status == 200, reply.raw
    body: Json = reply.body
    return body


async def test_a_correction_is_found_and_the_old_text_is_not(mine: Api, backstory: Service) -> None:
    user = mine.headers["Backstory-User"]
    memory = (await remember(mine, "Ada lives in Ulm.", speaker="Ada"))[0]
    await embedded(backstory, user, 1)
    changed = await patch(mine, memory, content="Ada lives in Bonn.", speaker=None)
    assert (changed["id"], changed["version"]) == (memory["id"], 2)
    assert changed["speaker"] is None
    assert await recalled(mine, "Bonn") == ["Ada lives in Bonn."]
    await embedded(backstory, user, 1)
    postings = "SELECT count(*) FROM memory_postings WHERE term = 'ulm' AND memory_id::text = $1"
    assert await count(backstory, postings, as_uuid(memory["id"])) == 0


async def test_every_field_can_be_changed_and_taken_away(mine: Api) -> None:
    memory = (await remember(mine, "x", metadata={"a": {"b": 1, "c": 2}, "d": 3}))[0]
    fields: Json = {
        "kind": "fact",
        "episode": "e",
        "occurred_at": "2026-01-01T00:00:00Z",
        "valid_from": "2026-01-02T00:00:00Z",
        "valid_to": "2036-01-03T00:00:00Z",
        "expires_at": "2036-01-01T00:00:00Z",
        "confidence": 0.5,
    }
    changed = await patch(mine, memory, **fields, metadata={"a": {"b": None}, "e": [1]})
    assert {name: changed[name] for name in fields} == fields
    assert changed["metadata"] == {"a": {"c": 2}, "d": 3, "e": [1]}
    cleared = await patch(
        mine, memory, valid_from=None, valid_to=None, confidence=None, metadata=None
    )
    assert cleared["valid_from"] is cleared["valid_to"] is cleared["confidence"] is None
    assert cleared["metadata"] == {}
    assert (await mine.get(f"/v1/memories/{memory['id']}")).body == cleared


async def test_what_changes_nothing_is_no_version(mine: Api) -> None:
    memory = (await remember(mine, "x", metadata={"a": 1}))[0]
    assert await patch(mine, memory) == memory
    assert await patch(mine, memory, content="x", metadata={"b": None}) == memory
    assert len((await history(mine, memory))["data"]) == 1
    sure = await patch(mine, memory, confidence=0.3)
    assert await patch(mine, memory, confidence=0.3) == sure


async def test_history_tells_what_it_was_and_why_it_is_not(mine: Api) -> None:
    memory = (await remember(mine, "one", external_id="x"))[0]
    await patch(mine, memory, content="two")
    await remember(mine, "three", external_id="x")
    found = await history(mine, memory)
    told = [(v["version"], v["content"], v["why"]) for v in found["data"]]
    assert told == [(3, "three", None), (2, "two", "replaced"), (1, "one", "patched")]
    newest, middle, oldest = found["data"]
    assert newest["created_at"] == middle["replaced_at"]
    assert middle["created_at"] == oldest["replaced_at"]
    assert oldest["created_at"] == memory["created_at"]
    assert newest["replaced_at"] is None
    page = await history(mine, memory, "?limit=1&after=3")
    assert [v["version"] for v in page["data"]] == [2]
    assert page["has_more"]
    assert (page["first_id"], page["last_id"]) == ("2", "2")
    rest = await history(mine, memory, "?order=asc&limit=2&after=1")
    assert [v["version"] for v in rest["data"]] == [2, 3]
    assert [v["version"] for v in (await history(mine, memory, "?before=1"))["data"]] == [2, 3][
        ::-1
    ]


async def test_of_a_hundred_versions_the_oldest_go(mine: Api) -> None:
    memory = (await remember(mine, "0"))[0]
    for number in range(102):
        await patch(mine, memory, content=str(number + 1))
    oldest = (await history(mine, memory, "?order=asc&limit=1"))["data"][0]
    assert oldest["version"] == 3


@pytest.mark.parametrize(
    ("tag", "status"), [('"1"', 412), ('"2"', 200), ('W/"2"', 200), ('"1", "2"', 200), ("*", 200)]
)
async def test_if_match_means_a_version(mine: Api, tag: str, status: int) -> None:
    memory = (await remember(mine, "one"))[0]
    await patch(mine, memory, content="two")
    asked = mine.with_headers({"If-Match": tag})
    reply = await asked.send("PATCH", f"/v1/memories/{memory['id']}", {"content": "three"})
    assert reply.status == status, reply.raw
    if status == 412:
        assert reply.error["code"] == "precondition_failed"


async def test_of_many_who_change_one_version_one_wins(mine: Api) -> None:
    memory = (await remember(mine, "one"))[0]
    path = f"/v1/memories/{memory['id']}"
    replies = await asyncio.gather(
        *(mine.send("PATCH", path, {"content": f"n{n}", "version": 1}) for n in range(8))
    )
    assert sorted(reply.status for reply in replies) == [200] + [409] * 7
    assert len((await history(mine, memory))["data"]) == 2


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({"content": ""}, 400, "content"),
        ({"content": None}, 400, "content"),
        ({"content": "x" * 70_000}, 413, "content"),
        ({"kind": "opinion"}, 400, "kind"),
        ({"confidence": 1.5}, 400, "confidence"),
        ({"occurred_at": None}, 400, "occurred_at"),
        ({"valid_to": "soon"}, 400, "valid_to"),
        ({"valid_from": 20, "valid_to": 10}, 400, "valid_to"),
        ({"metadata": [1]}, 400, "metadata"),
        ({"metadata": {"a": "x" * 70_000}}, 413, "metadata"),
        ({"external_id": "y"}, 400, "external_id"),
        ({"version": "1"}, 400, "version"),
    ],
)
async def test_what_cannot_be_is_refused(mine: Api, body: Json, status: int, param: str) -> None:
    memory = (await remember(mine, "x"))[0]
    reply = await mine.send("PATCH", f"/v1/memories/{memory['id']}", body)
    assert (reply.status, reply.error["param"]) == (status, param)
    assert (await mine.get(f"/v1/memories/{memory['id']}")).body == memory


async def test_others_neither_change_nor_see_it(api: Api, mine: Api) -> None:
    memory = (await remember(mine, "x"))[0]
    other, path = api.as_user(somebody()), f"/v1/memories/{memory['id']}"
    assert (await other.send("PATCH", path, {"content": "y"})).status == 404
    assert (await other.get(f"{path}/history")).status == 404
    assert (await mine.get(f"{path}/history?after=x")).error["param"] == "after"
    assert (await mine.get(f"{path}/history?before={'9' * 20}")).error["param"] == "before"


async def test_versions_go_with_the_memory(mine: Api, backstory: Service) -> None:
    word = somebody().replace("-", "")
    memory = (await remember(mine, f"The word is {word}."))[0]
    await patch(mine, memory, content="Another word.")
    assert "memory_versions" in await tables_with(backstory, word)
    reply = await mine.delete(f"/v1/memories/{memory['id']}")
    assert reply.body["forgotten"]["versions"] == 1
    assert await tables_with(backstory, word) == set()


async def test_patches_deletions_and_embedding_never_block_each_other(mine: Api) -> None:
    memories = await remember(mine, *map(str, range(24)))
    paths = [f"/v1/memories/{memory['id']}" for memory in memories]
    calls = [mine.send("PATCH", path, {"content": f"new {path}"}) for path in paths]
    calls += [mine.send("PATCH", path, {"content": f"newer {path}"}) for path in paths[::-1]]
    calls += [mine.delete(path) for path in paths[::2]]
    replies = await asyncio.gather(*calls)
    assert {reply.status for reply in replies} <= {200, 404}
    assert len((await mine.get("/v1/memories?limit=100")).body["data"]) == 12


@pytest.mark.parametrize("change", ["patch", "delete"])
async def test_what_came_from_it_goes_and_is_derived_again(
    mine: Api, backstory: Service, change: str
) -> None:
    said = {"kind": "message", "conversation": CONVERSATION, "episode": "e"}
    one, other = await remember(mine, "I live in Ulm.", "I like it there.", **said)
    alone = await derive(backstory, "fact", "The user lives in Ulm.", [one])
    both = await derive(backstory, "fact", "The user likes living in Ulm.", [other, one])
    summary = await derive(backstory, "summary", "Of Ulm.", [one, other])
    deeper = await derive(backstory, "summary", "Of Ulm, in short.", [{"id": summary}])
    if change == "patch":
        await patch(mine, one, content="I live in Bonn.")
    else:
        reply = await mine.delete(f"/v1/memories/{one['id']}")
        counted = reply.body["forgotten"]
        assert [counted[sort] for sort in ("memories", "facts", "summaries")] == [5, 2, 2]
    for gone in (alone, both, summary, deeper):
        assert (await mine.get(f"/v1/memories/{gone}")).status == 404


async def test_a_patch_that_says_nothing_else_leaves_what_came_from_it(
    mine: Api, backstory: Service
) -> None:
    one = (await remember(mine, "I live in Ulm.", kind="message"))[0]
    fact = await derive(backstory, "fact", "The user lives in Ulm.", [one])
    await patch(mine, one, metadata={"seen": True}, expires_at="2036-01-01T00:00:00Z")
    assert (await mine.get(f"/v1/memories/{fact}")).status == 200


async def test_what_was_superseded_by_something_forgotten_holds_again(
    mine: Api, backstory: Service
) -> None:
    old, new = await remember(mine, "Ada lives in Ulm.", "Ada lives in Bonn.", kind="fact")
    async with connected(backstory.urls.owner) as conn:
        await conn.execute(
            "UPDATE memories SET superseded_at = now(), valid_to = now(), superseded_by = $2"
            " WHERE memory_id = $1",
            as_uuid(old["id"]),
            as_uuid(new["id"]),
        )
    assert "Ada lives in Ulm." not in await recalled(mine, "Ulm")
    await mine.delete(f"/v1/memories/{new['id']}")
    back = (await mine.get(f"/v1/memories/{old['id']}")).body
    assert back["superseded_at"] is back["superseded_by"] is back["valid_to"] is None
    assert await recalled(mine, "Ulm") == ["Ada lives in Ulm."]
    assert [v["why"] for v in (await history(mine, old))["data"]] == [None, "restored"]

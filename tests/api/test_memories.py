"""Memories over HTTP: remembered once, shown as stored, paged, and forgotten without a rest."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.api import Api, Json
from tests.support.memories import embedded, recalled, remember, somebody
from tests.support.rows import count, new_key, new_project, tables_of_user, tables_with
from tests.support.service import Service

SHAPE = {
    *("subject", "attribute", "entities", "confidence_reason"),
    "id",
    "object",
    "kind",
    "content",
    "user",
    "speaker",
    "conversation",
    "episode",
    "external_id",
    "occurred_at",
    "valid_from",
    "valid_to",
    "created_at",
    "superseded_at",
    "superseded_by",
    "expires_at",
    "confidence",
    "trust",
    "sources",
    "metadata",
    "version",
    "uses",
    "used_at",
}
CONVERSATION = "conv_01a204d6d03e7136806b4ed9fc7bb852"


def nested(depth: int) -> Json:
    """Objects within each other, so many."""
    value: Json = {}
    for _ in range(depth - 1):
        value = {"in": value}
    return value


@pytest.fixture
def me() -> str:
    return somebody()


@pytest.fixture
def mine(api: Api, me: str) -> Api:
    """Speaks for a user of this test alone."""
    return api.as_user(me)


async def remember_one(api: Api, **fields: Any) -> Json:
    reply = await api.send("POST", "/v1/memories", fields)
    assert reply.status == 200, reply.raw
    body: Json = reply.body
    return body


# Remembering


async def test_a_memory_is_shown_as_it_was_sent(mine: Api, me: str) -> None:
    sent = {
        "content": "Ada moved to Ulm.",
        "kind": "fact",
        "speaker": "Ada",
        "conversation": CONVERSATION,
        "episode": "2026-05-01",
        "external_id": "crm-1",
        "metadata": {"source": "crm", "tags": ["a", "b"], "n": 1},
        "valid_from": "2026-04-01T00:00:00Z",
        "valid_to": "2027-04-01T00:00:00Z",
        "confidence": 0.75,
    }
    memory = await remember_one(mine, **sent, occurred_at="2026-05-01T09:00:00+02:00")
    assert set(memory) == SHAPE
    assert {name: memory[name] for name in sent} == sent
    assert memory["user"] == me
    assert memory["object"] == "memory"
    assert memory["occurred_at"] == "2026-05-01T07:00:00Z"
    assert memory["version"] == 1
    assert memory["sources"] == []
    assert (await mine.get(f"/v1/memories/{memory['id']}")).body == memory


async def test_a_memory_needs_its_content_alone(mine: Api) -> None:
    before = datetime.now(UTC)
    memory = await remember_one(mine, content="Tea, not coffee.")
    assert memory["kind"] == "note"
    assert before <= datetime.fromisoformat(memory["occurred_at"]) <= datetime.now(UTC)


@pytest.mark.parametrize("time", [1_700_000_000, 1_700_000_000.0, "1700000000"])
async def test_a_time_may_be_unix_seconds(mine: Api, time: Any) -> None:
    memory = await remember_one(mine, content="Then.", occurred_at=time)
    assert memory["occurred_at"] == "2023-11-14T22:13:20Z"


async def test_many_are_answered_in_their_order(mine: Api) -> None:
    contents = [f"Number {n}." for n in range(200)]
    memories = await remember(mine, *contents)
    assert [memory["content"] for memory in memories] == contents
    assert len({memory["id"] for memory in memories}) == 200


async def test_a_thousand_that_changed_are_replaced_in_one_call(mine: Api) -> None:
    def batch(word: str) -> Json:
        return {"memories": [{"content": f"{word}{n}", "external_id": f"{n}"} for n in range(1000)]}

    first = (await mine.send("POST", "/v1/memories", batch("red"))).body["data"]
    second = (await mine.send("POST", "/v1/memories", batch("blue"))).body["data"]
    assert [memory["id"] for memory in second] == [memory["id"] for memory in first]
    assert {memory["version"] for memory in second} == {2}
    assert [memory["content"] for memory in second] == [f"blue{n}" for n in range(1000)]
    assert await recalled(mine, "blue512", limit=1) == ["blue512"]
    assert "red512" not in await recalled(mine, "red512", limit=5)


async def test_many_may_be_of_different_users(api: Api) -> None:
    one, other = somebody(), somebody()
    body = {"memories": [{"content": "mine", "user": one}, {"content": "hers", "user": other}]}
    reply = await api.send("POST", "/v1/memories", body)
    assert [memory["user"] for memory in reply.body["data"]] == [one, other]
    assert await recalled(api.as_user(one), "mine or hers") == ["mine"]


async def test_any_text_can_be_remembered(mine: Api) -> None:
    for content in (
        "nul \x00 within",
        "🎈",
        "the",
        "...",
        "x" * 5_000,
        "日本語のメモ",
        "'; DROP --",
    ):
        memory = await remember_one(mine, content=content, metadata={"k\x00": "v\x00"})
        assert memory["content"] == content.replace("\x00", "\ufffd")


async def test_metadata_may_be_nested(mine: Api) -> None:
    assert (await remember_one(mine, content="x", metadata=nested(32)))["metadata"] == nested(32)


async def test_text_that_is_all_different_words_is_remembered(mine: Api) -> None:
    content = " ".join(f"word{n:x}" for n in range(7_000))
    await remember_one(mine, content=content)
    assert await recalled(mine, "word0") == [content]


# Idempotency


async def test_the_same_external_id_is_the_same_memory(mine: Api) -> None:
    first = await remember_one(mine, content="Ada lives in Ulm.", external_id="x")
    again = await remember_one(mine, content="Ada lives in Ulm.", external_id="x")
    assert again == first


async def test_another_content_replaces_it(mine: Api, me: str, backstory: Service) -> None:
    first = await remember_one(mine, content="Ada lives in Ulm.", external_id="x")
    await embedded(backstory, me, 1)
    second = await remember_one(mine, content="Ada lives in Bonn.", external_id="x")
    assert (second["id"], second["version"]) == (first["id"], 2)
    await embedded(backstory, me, 1)
    assert await recalled(mine, "Ulm") == ["Ada lives in Bonn."]  # by its vector, not by words
    assert "Ulm" not in str(await tables_with(backstory, "ada lives in ulm"))
    postings = "SELECT count(*) FROM memory_postings WHERE term = 'ulm' AND memory_id::text = $1"
    assert await count(backstory, postings, as_uuid(first["id"])) == 0


async def test_an_external_id_is_each_users_own(api: Api) -> None:
    one = await remember_one(api.as_user(somebody()), content="a", external_id="x")
    other = await remember_one(api.as_user(somebody()), content="b", external_id="x")
    assert one["id"] != other["id"]


async def test_twenty_at_once_make_one(mine: Api) -> None:
    made = await asyncio.gather(
        *(remember(mine, "a", "b", external_id="same") for _ in range(10)),
        *(remember(mine, "b", "a", external_id="same") for _ in range(10)),
    )
    assert len({memory["id"] for memories in made for memory in memories}) == 1
    assert len((await mine.get("/v1/memories")).body["data"]) == 1


async def test_batches_that_overlap_do_not_block_each_other(mine: Api) -> None:
    def batch(numbers: list[int]) -> Json:
        return {"memories": [{"content": f"n {n}", "external_id": str(n)} for n in numbers]}

    numbers = list(range(50))
    replies = await asyncio.gather(
        *(mine.send("POST", "/v1/memories", batch(numbers[:: 1 - 2 * (n % 2)])) for n in range(8))
    )
    assert {reply.status for reply in replies} == {200}
    assert len({m["id"] for reply in replies for m in reply.body["data"]}) == 50


async def test_an_idempotency_key_gives_the_same_answer(mine: Api) -> None:
    keyed = mine.with_headers({"Idempotency-Key": somebody()})
    first = await remember_one(keyed, content="Once.")
    assert await remember_one(keyed, content="Once.") == first
    assert len((await mine.get("/v1/memories")).body["data"]) == 1
    other = await keyed.send("POST", "/v1/memories", {"content": "Twice."})
    assert (other.status, other.error["code"]) == (422, "idempotency_key_reused")


async def test_what_is_forgotten_is_in_no_kept_answer(mine: Api, backstory: Service) -> None:
    keyed = mine.with_headers({"Idempotency-Key": somebody()})
    secret = f"secret {somebody()}"
    memory = await remember_one(keyed, content=secret)
    await mine.delete(f"/v1/memories/{memory['id']}")
    assert await tables_with(backstory, secret) == set()
    assert (await keyed.send("POST", "/v1/memories", {"content": secret})).status == 404


# Refusals


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "content"),
        ({"content": ""}, "content"),
        ({"content": "  \n"}, "content"),
        ({"content": 1}, "content"),
        ({"content": "x", "kind": "opinion"}, "kind"),
        ({"content": "x", "occurred_at": "yesterday"}, "occurred_at"),
        ({"content": "x", "expires_at": 1e300}, "expires_at"),
        ({"content": "x", "conversation": "mine"}, "conversation"),
        ({"content": "x", "speaker": "s" * 600}, "speaker"),
        ({"content": "x", "confidence": 2}, "confidence"),
        ({"content": "x", "valid_from": 20, "valid_to": 10}, "valid_to"),
        ({"content": "x", "metadata": []}, "metadata"),
        ({"content": "x", "metadata": nested(33)}, "metadata"),
        ({"content": "x", "metadata": nested(100)}, "metadata"),
        ({"memories": [{"content": "x", "metadata": nested(100)}]}, "memories[0].metadata"),
        ({"memories": [{"content": "x"}, {"content": " "}]}, "memories[1].content"),
        ({"memories": [{"content": "x"}, {"content": 1}]}, "memories[1].content"),
        ({"memories": [{"content": "x"}, {"content": "x", "user": "*"}]}, "memories[1]"),
        (
            {"memories": [{"content": "x", "occurred_at": 1}, {"content": "x", "expires_at": ""}]},
            "memories[1].expires_at",
        ),
        ({"content": "x", "colour": "red"}, None),
        ({"content": "x", "user": "*"}, None),
        ({"memories": []}, "memories"),
        ({"memories": [{"content": "x"}] * 1001}, "memories"),
        ({"memories": [{"content": "x"}], "kind": "fact"}, "kind"),
        ({"memories": [{"content": "x"}, {"kind": "note"}]}, "memories[1].content"),
    ],
)
async def test_what_cannot_be_remembered_is_refused(
    api: Api, body: Json, param: str | None
) -> None:
    reply = await api.send("POST", "/v1/memories", body)
    assert reply.status in (400, 403), reply.raw
    assert reply.error["type"] == "invalid_request_error"
    if param is not None:
        assert reply.error["param"] == param


async def test_a_memory_that_is_too_large_is_refused(api: Api, backstory: Service) -> None:
    content = "x" * (backstory.config.memory_bytes_max + 1)
    reply = await api.send("POST", "/v1/memories", {"content": content})
    assert (reply.status, reply.error["param"]) == (413, "content")


async def test_a_batch_is_remembered_whole_or_not_at_all(mine: Api) -> None:
    memories = [{"content": f"good {n}"} for n in range(1000)]
    memories[17] = {"content": ""}
    reply = await mine.send("POST", "/v1/memories", {"memories": memories})
    assert (reply.status, reply.error["param"]) == (400, "memories[17].content")
    assert reply.error["message"] == "memories[17]: 'content' must not be empty."
    assert (await mine.get("/v1/memories")).body["data"] == []


async def test_a_key_needs_the_scope(api: Api, backstory: Service) -> None:
    reader = api.with_key(await new_key(backstory, "memory:read"))
    assert (await reader.send("POST", "/v1/memories", {"content": "x"})).status == 403
    assert (await reader.get("/v1/memories")).status == 200
    writer = api.with_key(await new_key(backstory, "memory:write"))
    assert (await writer.get("/v1/memories")).status == 403


# Browsing


async def test_pages_walk_through_all_both_ways(mine: Api) -> None:
    ids = [memory["id"] for memory in await remember(mine, *map(str, range(5)))]
    newest = (await mine.get("/v1/memories?limit=2")).body
    assert [m["id"] for m in newest["data"]] == [ids[4], ids[3]]
    assert newest["has_more"]
    after = (await mine.get(f"/v1/memories?limit=10&after={newest['last_id']}")).body
    assert [m["id"] for m in after["data"]] == [ids[2], ids[1], ids[0]]
    assert not after["has_more"]
    before = (await mine.get(f"/v1/memories?limit=1&before={ids[1]}")).body
    assert [m["id"] for m in before["data"]] == [ids[2]]
    oldest = (await mine.get("/v1/memories?order=asc&limit=2")).body
    assert [m["id"] for m in oldest["data"]] == ids[:2]


async def test_lists_are_filtered(mine: Api) -> None:
    await remember(mine, "a", kind="fact", episode="one")
    await remember(mine, "b", conversation=CONVERSATION)

    async def listed(query: str) -> list[str]:
        return [m["content"] for m in (await mine.get(f"/v1/memories?{query}")).body["data"]]

    assert await listed("kind=fact") == ["a"]
    assert await listed("episode=one") == ["a"]
    assert await listed(f"conversation={CONVERSATION}") == ["b"]
    assert await listed("episode=none") == []


@pytest.mark.parametrize("query", ["kind=x", "conversation=x", "after=x", "limit=0", "order=up"])
async def test_a_list_that_makes_no_sense_is_refused(api: Api, query: str) -> None:
    reply = await api.get(f"/v1/memories?{query}")
    assert (reply.status, reply.error["param"]) == (400, query.partition("=")[0])


async def test_no_user_named_is_the_projects_own(api: Api, backstory: Service) -> None:
    fresh = await of_another_project(api, backstory)
    await remember(fresh, "the project's")
    await remember(fresh.as_user("ada"), "ada's")
    listed = (await fresh.get("/v1/memories")).body["data"]
    assert [(m["content"], m["user"]) for m in listed] == [("the project's", None)]


async def test_everyone_is_for_admins(api: Api, backstory: Service) -> None:
    project = await new_project(backstory)
    admin = api.with_key(
        await new_key(backstory, "admin", "memory:read", "memory:write", project=project)
    )
    plain = api.with_key(await new_key(backstory, "memory:read", project=project))
    await remember(admin, "the project's")
    await remember(admin.as_user("ada"), "ada's")
    listed = (await admin.get("/v1/memories?user=*")).body["data"]
    assert [(m["content"], m["user"]) for m in listed] == [
        ("ada's", "ada"),
        ("the project's", None),
    ]
    assert (await plain.get("/v1/memories?user=*")).status == 403
    found = await recalled(admin, "what is ada's, what the project's", user="*")
    assert set(found) == {"ada's", "the project's"}


async def test_a_user_reaches_only_its_own(api: Api, mine: Api) -> None:
    other = api.as_user(somebody())
    memory = (await remember(mine, "mine"))[0]
    path = f"/v1/memories/{memory['id']}"
    assert (await other.get(path)).status == 404
    assert (await other.delete(path)).status == 404
    assert (await other.get("/v1/memories")).body["data"] == []
    assert (await mine.get(path)).body == memory
    assert (await api.get(path)).body == memory  # a key that names no user reaches any by its id


async def test_a_project_reaches_only_its_own(api: Api, backstory: Service) -> None:
    memory = (await remember(api.as_user("ada"), f"theirs {somebody()}"))[0]
    other = await of_another_project(api, backstory)
    assert (await other.get(f"/v1/memories/{memory['id']}")).status == 404
    assert (await other.delete(f"/v1/memories/{memory['id']}")).status == 404
    assert await recalled(other.as_user("ada"), memory["content"]) == []


@pytest.mark.parametrize("memory_id", ["mem_0", "mem_" + "0" * 32, "resp_" + "0" * 32, "x"])
async def test_an_unknown_memory_is_not_found(api: Api, memory_id: str) -> None:
    assert (await api.get(f"/v1/memories/{memory_id}")).status == 404
    assert (await api.delete(f"/v1/memories/{memory_id}")).status == 404


# Forgetting


async def test_a_forgotten_memory_leaves_nothing(mine: Api, me: str, backstory: Service) -> None:
    word = somebody().replace("-", "")
    gone, stays = await remember(mine, f"The word is {word}.", "Another word.")
    await embedded(backstory, me, 2)
    reply = await mine.delete(f"/v1/memories/{gone['id']}")
    assert reply.body["forgotten"] == {
        **dict.fromkeys(("facts", "summaries", "versions", "cache_entries", "jobs"), 0),
        "memories": 1,
        "vectors": 1,
        "postings": 2,
    }
    assert reply.body["id"] == gone["id"]
    assert reply.body["object"] == "memory.deleted"
    assert await tables_with(backstory, as_uuid(gone["id"])) == set()
    assert await tables_with(backstory, word) == set()
    assert (await mine.get(f"/v1/memories/{gone['id']}")).status == 404
    assert await recalled(mine, word) == [stays["content"]]


async def test_what_is_forgotten_before_it_is_embedded_gets_no_vector(
    mine: Api, me: str, backstory: Service
) -> None:
    memories = await remember(mine, *(f"number {n}" for n in range(100)))
    await asyncio.gather(*(mine.delete(f"/v1/memories/{m['id']}") for m in memories[1:]))
    await embedded(backstory, me, 1)
    assert (await mine.get("/v1/memories")).body["data"] == memories[:1]


async def test_counts_follow_what_is_there(mine: Api, me: str, backstory: Service) -> None:
    memories = await remember(mine, "one two three", "four five", "six seven", external_id=None)
    await mine.delete(f"/v1/memories/{memories[0]['id']}")
    await remember_one(mine, content="eight", external_id="x")
    await remember_one(mine, content="nine ten eleven", external_id="x")
    counts = """
        SELECT s.memories = (SELECT count(*) FROM memories m WHERE m.user_id = s.user_id)
           AND s.words = (SELECT sum(frequency) FROM memory_postings p WHERE p.user_id = s.user_id)
        FROM memory_scopes s JOIN users u USING (user_id) WHERE u.external_id = $1"""
    assert await count(backstory, counts, me) is True


async def test_all_of_a_user_is_forgotten(api: Api, mine: Api, me: str, backstory: Service) -> None:
    await remember(mine, *(f"number {n}" for n in range(30)), episode="e")
    other = api.as_user(somebody())
    await remember(other, "stays")
    listed = (await api.get(f"/v1/users/{me}/memories?limit=100")).body["data"]
    assert len(listed) == 30
    reply = await api.delete(f"/v1/users/{me}/memories")
    assert reply.body["count"] == reply.body["forgotten"]["memories"] == 30
    assert (reply.body["object"], reply.body["user"]) == ("memories.deleted", me)
    left = await tables_of_user(backstory, me)
    assert {table for table in left if table.startswith("memor")} == set()
    assert (await mine.get("/v1/memories")).body["data"] == []
    assert await recalled(other, "stays") == ["stays"]


async def test_a_user_in_the_path_is_the_one_who_speaks(api: Api, me: str) -> None:
    reply = await api.as_user(somebody()).get(f"/v1/users/{me}/memories")
    assert (reply.status, reply.error["param"]) == (400, "user")


async def test_an_expired_memory_is_not_recalled(mine: Api) -> None:
    soon = datetime.now(UTC) + timedelta(days=1)
    await remember(mine, "fresh milk", expires_at=soon.isoformat())
    await remember(mine, "sour milk", expires_at=1_700_000_000)
    assert await recalled(mine, "milk") == ["fresh milk"]


async def of_another_project(api: Api, service: Service) -> Api:
    scopes = ("memory:read", "memory:write")
    return api.with_key(await new_key(service, *scopes, project=await new_project(service)))


def as_uuid(memory_id: str) -> str:
    digits = memory_id.removeprefix("mem_")
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))

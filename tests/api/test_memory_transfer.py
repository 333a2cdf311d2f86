"""Memories moved out and in again: nothing is lost on the way, and nothing comes twice."""

import asyncio
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import pytest

from app.ids import ProjectId, id_at, id_text, new_id
from tests.support.api import Api, Json
from tests.support.eventually import eventually
from tests.support.memories import recalled, remember, somebody
from tests.support.rows import connected, count, new_key, new_project
from tests.support.service import Service
from tests.support.transfer import counts, exported, imported

CONVERSATION = "conv_01a204d6d03e7136806b4ed9fc7bb852"
VECTORS = """
    SELECT string_agg(v.part || encode(halfvec_send(v.embedding), 'hex'), ',' ORDER BY
                      v.memory_id, v.part)
    FROM memory_vectors v JOIN users u USING (project_id, user_id)
    WHERE u.external_id = $1 AND u.project_id = $2
"""


@pytest.fixture
def me() -> str:
    return somebody()


@pytest.fixture
def mine(api: Api, me: str) -> Api:
    """Speaks for a user of this test alone."""
    return api.as_user(me)


@pytest.fixture
async def elsewhere(backstory: Service) -> ProjectId:
    return await new_project(backstory)


@pytest.fixture
async def there(api: Api, backstory: Service, me: str, elsewhere: ProjectId) -> Api:
    """The same user in another project."""
    key = await new_key(backstory, "memory:read", "memory:write", project=elsewhere)
    return api.with_key(key).as_user(me)


@pytest.fixture
async def rich(mine: Api, me: str, backstory: Service) -> list[Json]:
    """Memories of all sorts, with vectors, history and sources, as exported."""
    await remember(
        mine,
        *("Ada moved to Ulm.", "In May?", "Yes, in May. 🎈"),
        kind="message",
        speaker="Ada",
        conversation=CONVERSATION,
        episode="May",
        metadata={"n": 1, "deep": {"a": [1.5, None]}},
        occurred_at="2026-05-01T09:00:00.123456+02:00",
    )
    [old] = await remember(mine, "Ada lives in Ulm.", external_id="x", kind="fact")
    await mine.send("PATCH", f"/v1/memories/{old['id']}", {"content": "Ada lives in Bonn."})
    await remember(mine, "later", expires_at="2100-01-01T00:00:00Z")
    await _derive(backstory, me)
    await everything_embedded(backstory, me)
    return await exported(mine)


async def _derive(service: Service, user: str) -> None:
    """The fact gets sources and a confidence, and is superseded, as extraction does it."""
    async with connected(service.urls.owner) as conn:
        await conn.execute(
            """
            UPDATE memories m SET confidence = 0.9, trust = 'user', valid_from = occurred_at,
                superseded_at = now(), valid_to = now(), superseded_by = (
                    SELECT n.memory_id FROM memories n
                    WHERE n.user_id = m.user_id AND n.kind = 'note')
            FROM users u
            WHERE u.user_id = m.user_id AND u.external_id = $1 AND kind = 'fact'
            """,
            user,
        )
        await conn.execute(DERIVED, user)
        await conn.execute(
            """
            INSERT INTO memory_sources (project_id, memory_id, source_type, source_id)
            SELECT m.project_id, f.memory_id, kind.name, m.memory_id
            FROM memories m JOIN memories f USING (project_id, user_id)
            JOIN users u USING (project_id, user_id)
            CROSS JOIN (VALUES ('memory'), ('item')) AS kind (name)
            WHERE u.external_id = $1 AND m.kind = 'message' AND f.kind = 'fact'
            """,
            user,
        )


DERIVED = """
    WITH mine AS (
        SELECT m.* FROM memories m JOIN users u USING (project_id, user_id)
        WHERE u.external_id = $1
    ), told AS (
        INSERT INTO facts (project_id, memory_id, user_id, subject, about, attribute, value,
                           entities, reason, seen, statement_key, kept_at)
        SELECT project_id, memory_id, user_id, 'Ada', 'ada', 'home', 'Bonn', ARRAY['Ada', 'Bonn'],
               'Said 2 times', 2, sha256(memory_id::text::bytea), now()
        FROM mine WHERE kind = 'fact'
    ), read AS (
        INSERT INTO fact_readings (project_id, memory_id, user_id, version)
        SELECT project_id, memory_id, user_id, version FROM mine WHERE kind = 'message'
    )
    INSERT INTO memory_uses (project_id, memory_id, user_id, uses, used_at)
    SELECT project_id, memory_id, user_id, 3, now() FROM mine WHERE kind = 'fact'
"""


WAITING = """
    SELECT count(*) FROM outbox o JOIN users u USING (project_id, user_id)
    WHERE u.external_id = $1 AND o.failed_at IS NULL
"""


async def everything_embedded(service: Service, user: str) -> None:
    async def nothing_waits() -> bool:
        return await count(service, WAITING, user) == 0

    await eventually(nothing_waits)


# There and back


async def test_what_is_moved_is_the_same_to_the_last_bit(
    rich: list[Json], there: Api, elsewhere: ProjectId, me: str, backstory: Service
) -> None:
    assert {vector["part"] for line in rich for vector in line["vectors"]} == {-1, 0}
    assert any(line["versions"] and line["uses"] and line["fact"] for line in rich)
    report = await imported(there, rich)
    assert counts(report) == (len(rich), 0, 0, 0), report
    assert report["vectors"] == sum(len(line["vectors"]) for line in rich)
    assert await exported(there) == rich
    waiting = "SELECT count(*) FROM outbox WHERE project_id = $1"
    assert await count(backstory, waiting, elsewhere) == 0  # nothing is embedded again
    async with connected(backstory.urls.owner) as conn:
        here = await conn.fetchval(
            "SELECT project_id FROM users WHERE external_id = $1 AND project_id <> $2",
            *(me, elsewhere),
        )
        vectors = [await conn.fetchval(VECTORS, me, project) for project in (here, elsewhere)]
    assert vectors[0] == vectors[1]
    assert "Ada lives in Bonn." not in await recalled(there, "Bonn")  # it is superseded
    assert "Ada moved to Ulm." in await recalled(there, "moved")


async def test_importing_twice_changes_nothing(rich: list[Json], there: Api) -> None:
    await imported(there, rich)
    assert counts(await imported(there, rich)) == (0, len(rich), 0, 0)
    assert counts(await imported(there, rich + rich)) == (0, 2 * len(rich), 0, 0)
    assert await exported(there) == rich


async def test_two_imports_at_once_are_one(rich: list[Json], there: Api) -> None:
    reports = await asyncio.gather(*(imported(there, rich) for _ in range(4)))
    assert sum(report["imported"] for report in reports) == len(rich)
    assert sum(report["unchanged"] for report in reports) == 3 * len(rich)
    assert await exported(there) == rich


async def test_another_user_of_the_project_gets_memories_of_their_own(
    rich: list[Json], mine: Api, api: Api
) -> None:
    """The ids are taken: new ones are made from them, and what points to them follows."""
    other = api.as_user(somebody())
    refused = await imported(other, rich)
    assert counts(refused) == (0, 0, 0, len(rich))
    assert {problem["code"] for problem in refused["problems"]} == {"insufficient_permissions"}
    assert counts(await imported(other, rich, "?reassign=true")) == (len(rich), 0, 0, 0)
    assert counts(await imported(other, rich, "?reassign=true")) == (0, len(rich), 0, 0)
    lines = await exported(other)
    assert not {line["id"] for line in lines} & {line["id"] for line in rich}
    names = {was["id"]: line["id"] for was, line in zip(rich, lines, strict=True)}
    for was, line in zip(rich, lines, strict=True):
        sources = [
            {**source, "id": names.get(source["id"], source["id"])} for source in was["sources"]
        ]
        changed = {
            "id": names[was["id"]],
            "user": line["user"],
            "superseded_by": names.get(was["superseded_by"]),
            "sources": sorted(sources, key=lambda source: (source["type"], source["id"])),
        }
        assert line == {**was, **changed}
    assert await exported(mine) == rich


async def test_vectors_of_another_model_are_made_anew(
    rich: list[Json], there: Api, me: str, backstory: Service
) -> None:
    foreign = [
        {**line, "vectors": [{**vector, "model": "other"} for vector in line["vectors"]]}
        for line in rich
    ]
    report = await imported(there, foreign)
    assert (report["imported"], report["vectors"]) == (len(rich), 0)
    await everything_embedded(backstory, me)
    models = {vector["model"] for line in await exported(there) for vector in line["vectors"]}
    assert models == {"all-MiniLM-L6-v2"}


async def test_what_is_stored_is_never_overwritten(rich: list[Json], mine: Api) -> None:
    changed = [{**line, "content": "something else"} for line in rich]
    report = await imported(mine, changed)
    assert counts(report) == (0, 0, len(rich), 0)
    assert [problem["line"] for problem in report["problems"]] == list(range(1, len(rich) + 1))
    assert {problem["code"] for problem in report["problems"]} == {"differs"}
    assert await exported(mine) == rich


FUTURE = """
    INSERT INTO memories (project_id, memory_id, user_id, kind, content, language, words,
        occurred_at, trust)
    SELECT project_id, $2, user_id, 'note', 'of tomorrow', 'english', 0, now(), 'user' FROM users
    WHERE external_id = $1
"""


async def test_ids_of_the_future_are_exported_too(mine: Api, me: str, backstory: Service) -> None:
    await remember(mine, "of today")
    async with connected(backstory.urls.owner) as conn:
        await conn.execute(FUTURE, me, id_at(TOMORROW))
    assert [line["content"] for line in await exported(mine)] == ["of today", "of tomorrow"]


# Who may


async def test_only_an_admin_moves_everyone(api: Api, backstory: Service, me: str) -> None:
    await remember(api.as_user(me), "mine")
    admin = api.with_key(backstory.admin_key)
    for path in ("/v1/memories/export?user=*",):
        assert (await api.get(path)).status == 403
    lines = await exported(admin, "?user=*")
    [line] = [line for line in lines if line["user"] == me]
    elsewhere = await new_project(backstory)
    scopes = ("memory:read", "memory:write", "admin")
    admin_there = api.with_key(await new_key(backstory, *scopes, project=elsewhere))
    strangers = [line, {"content": "of the project"}]
    assert counts(await imported(admin_there, strangers)) == (2, 0, 0, 0)
    assert counts(await imported(admin_there, [{"content": "nobody's", "user": ""}])) == (
        0,
        0,
        0,
        1,
    )
    assert [one["content"] for one in await exported(admin_there.as_user(me))] == ["mine"]
    assert [one["content"] for one in await exported(admin_there)] == ["of the project"]


async def test_an_export_has_one_users_memories_alone(api: Api, mine: Api, me: str) -> None:
    await remember(mine, "mine")
    await remember(api.as_user(somebody()), "not mine")
    await remember(api, "the project's own")
    assert [line["content"] for line in await exported(mine)] == ["mine"]
    assert [line["user"] for line in await exported(api, f"?user={me}")] == [me]


async def test_keys_need_their_scopes(api: Api, backstory: Service) -> None:
    reader = api.with_key(await new_key(backstory, "memory:read"))
    writer = api.with_key(await new_key(backstory, "memory:write"))
    assert (await writer.get("/v1/memories/export")).status == 403
    reply = await reader.send_raw("POST", "/v1/memories/import", b"{}", "application/x-ndjson")
    assert reply.status == 403


# Lines that are wrong


OWN = id_text("mem", new_id())
TOMORROW = datetime.now(UTC) + timedelta(days=1)
WRONG: list[tuple[Any, str | None, str | None]] = [
    (b"{", None, "invalid_json"),
    (b"[1]", None, "invalid_json"),
    (b"\xff\xfe", None, "invalid_json"),
    ({}, "content", "invalid_value"),
    ({"content": " "}, "content", "invalid_request"),
    ({"content": "x" * 70_000}, "content", "request_too_large"),
    ({"content": "x", "kind": "opinion"}, "kind", "invalid_value"),
    ({"content": "x", "colour": "red"}, "colour", "invalid_value"),
    ({"content": "x", "id": "mem_1"}, "id", "invalid_request"),
    ({"content": "x", "occurred_at": "once"}, "occurred_at", "invalid_request"),
    ({"content": "x", "conversation": "c"}, "conversation", "invalid_request"),
    ({"content": "x", "sources": [{"type": "item", "id": "?"}]}, "sources", "invalid_request"),
    ({"content": "x", "confidence": 2}, "confidence", "invalid_value"),
    ({"content": "x", "valid_from": 20, "valid_to": 10}, "valid_to", "invalid_request"),
    ({"content": "x", "kind": "fact", "subject": "y" * 3_000}, "subject", "invalid_value"),
    ({"content": "x", "uses": 2**63 - 1}, "uses", "invalid_value"),
    ({"content": "x", "user": "another"}, "user", "insufficient_permissions"),
    ({"content": "x", "superseded_by": "mem_1"}, "superseded_by", "invalid_request"),
    ({"content": "x", "id": OWN, "superseded_by": OWN}, "superseded_by", "invalid_request"),
    ({"content": "x", "id": id_text("mem", id_at(TOMORROW))}, "id", "invalid_request"),
    ({"content": "x", "episode": "y" * 5_000}, "episode", "invalid_value"),
    ({"content": "x", "metadata": {"a": "b" * 70_000}}, "metadata", "request_too_large"),
    ({"mapping": {"a": {"message": {"id": "m"}}}, "current_node": "b"}, "mapping", None),
    ({"memory": "x"}, "id", "invalid_value"),
]
NAN = {"model": "all-MiniLM-L6-v2", "part": 0, "float16": "AH4A"}
LONG = {**NAN, "float16": b64encode(np.full(384, 2, "<f2").tobytes()).decode()}
VERSION: Json = {
    **dict.fromkeys(("speaker", "conversation", "episode", "valid_from", "valid_to", "confidence")),
    **dict.fromkeys(("superseded_at", "superseded_by", "expires_at")),
    **dict.fromkeys(("occurred_at", "created_at", "replaced_at"), "2026-01-01T00:00:00Z"),
    "version": 1,
    "kind": "note",
    "content": "y",
    "why": "patched",
    "trust": "user",
    "metadata": {},
}
WRONG_VERSIONS: list[tuple[Json, str]] = [
    ({"conversation": "c"}, "conversation"),
    ({"superseded_by": "mem_1"}, "versions"),
    ({"metadata": msgspec.json.decode(b'{"a":' * 100 + b"{}" + b"}" * 100)}, "versions"),
    ({"confidence": 1e300}, "versions[0].confidence"),
    ({"occurred_at": "2026-01-01T00:00:00"}, "versions[0].occurred_at"),
]


async def test_a_wrong_line_is_told_and_holds_up_no_other(mine: Api) -> None:
    wrong = [
        *WRONG,
        *[({"content": "x", "vectors": [v]}, "vectors", "invalid_request") for v in (NAN, LONG)],
        *[({"content": "x", "versions": [VERSION | one]}, p, None) for one, p in WRONG_VERSIONS],
    ]
    lines = []
    for number, (line, _, _) in enumerate(wrong):
        lines.append(msgspec.json.encode({"content": f"good {number}"}))
        lines += [line if isinstance(line, bytes) else msgspec.json.encode(line), b""]
    report = await imported(mine, b"\r\n".join(lines))
    assert counts(report) == (len(wrong), 0, 0, len(wrong)), report["problems"]
    assert [problem["line"] for problem in report["problems"]] == [
        3 * number + 2 for number in range(len(wrong))
    ]
    for problem, (line, param, code) in zip(report["problems"], wrong, strict=True):
        assert problem["param"] == param, (line, problem)
        assert code in (None, problem["code"]), (line, problem)
    goods = [line["content"] for line in await exported(mine)]
    assert goods == [f"good {number}" for number in range(len(wrong))]


async def test_a_line_that_is_too_long_is_one_failure(mine: Api, backstory: Service) -> None:
    long = b'{"content": "' + b"x" * backstory.config.import_record_bytes_max + b'"}'
    report = await imported(mine, b"\n".join([b'{"content": "a"}', long, b'{"content": "b"}']))
    assert counts(report) == (2, 0, 0, 1)
    [problem] = report["problems"]
    assert (problem["line"], problem["code"]) == (2, "request_too_large")
    document = b'[{"content": "c"}, ' + long + b', {"content": "d"}]'
    assert counts(await imported(mine, document)) == (2, 0, 0, 1)
    assert [line["content"] for line in await exported(mine)] == ["a", "b", "c", "d"]


async def test_what_comes_after_a_document_is_read_too(mine: Api) -> None:
    for body, good, bad in (
        (b'[{"content": "a"}]\n[{"content": "b"}]', 2, 0),
        (b'{"results": [{"memory": "c", "id": "1"}], "n": [1, [2]]} {"content": "d"}', 2, 0),
        (b'[{"content": "e"}] and more', 1, 1),
        (b'[{"content": "f"}]]', 1, 1),
    ):
        report = await imported(mine, body)
        assert (report["imported"], report["failed"]) == (good, bad), (body, report)
    assert [line["content"] for line in await exported(mine)] == list("abcdef")


async def test_problems_beyond_the_limit_are_counted(mine: Api, backstory: Service) -> None:
    report = await imported(mine, [{}] * 250 + [{"content": "good"}])
    assert counts(report) == (1, 0, 0, 250)
    assert len(report["problems"]) == backstory.config.import_problems_max
    assert report["problems_left_out"] == 250 - backstory.config.import_problems_max


async def test_what_a_request_asks_wrong(mine: Api) -> None:
    long = f"episode={'y' * 5_000}"
    for query, param in (("format=xml", "format"), ("reassign=1", "reassign"), (long, "episode")):
        reply = await mine.send_raw("POST", f"/v1/memories/import?{query}", b"", "text/plain")
        assert (reply.status, reply.error["param"]) == (400, param)
    reply = await mine.get("/v1/memories/export?vectors=maybe")
    assert (reply.status, reply.error["param"]) == (400, "vectors")
    assert counts(await imported(mine, b"")) == (0, 0, 0, 0)


async def test_what_has_run_out_does_not_come_back(mine: Api) -> None:
    report = await imported(mine, [{"content": "x", "expires_at": 1_700_000_000}])
    assert counts(report) == (0, 0, 1, 0)
    assert report["problems"][0]["code"] == "expired"


# Many


async def test_thousands_are_exported_in_order_without_vectors(mine: Api) -> None:
    lines = [{"content": f"number {n}", "external_id": str(n)} for n in range(2_300)]
    assert counts(await imported(mine, lines)) == (2_300, 0, 0, 0)
    found = await exported(mine, "?vectors=false")
    assert [line["content"] for line in found] == [line["content"] for line in lines]
    assert all(line["vectors"] == [] for line in found)
    assert len({line["occurred_at"] for line in found}) == 2_300

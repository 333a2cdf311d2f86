"""Files of others: mem0's memories, ChatGPT's conversations, OpenAI's items."""

from typing import Any

import msgspec
import pytest

from tests.support.api import Api, Json
from tests.support.memories import remember, somebody
from tests.support.service import Service
from tests.support.transfer import counts, exported, imported

MEM0: list[Json] = [
    {
        "id": "892db2ae-06d9-49e5-8b3e-585ef9b85b8e",
        "memory": "Ada is a vegetarian.",
        "hash": "d94ea9d4b1f0d5f6a1a8a9a7e7c7b2c1",
        "metadata": {"source": "chat"},
        "score": None,
        "created_at": "2025-07-20T01:30:36.275141-07:00",
        "updated_at": None,
        "user_id": "ada",
        "agent_id": "cook",
        "categories": ["food"],
    },
    {
        "id": "892db2ae-06d9-49e5-8b3e-585ef9b85b8f",
        "memory": "What is for lunch?",
        "metadata": None,
        "created_at": "2025-07-20T08:30:37+00:00",
        "run_id": "lunch",
        "role": "user",
        "expiration_date": "2100-01-01",
    },
]


def node(name: str, parent: str | None, role: str, parts: list[Any], **fields: Any) -> Json:
    """One of ChatGPT's, with what surrounds a message there."""
    kind = fields.pop("content_type", "text")
    message = {
        "id": name,
        "author": {"role": role, "name": None, "metadata": {}},
        "create_time": fields.pop("at", None),
        "update_time": None,
        "content": {"content_type": kind, "parts": parts},
        "status": "finished_successfully",
        "end_turn": True,
        "weight": 1.0,
        "metadata": {"model_slug": "gpt-4o"},
        "recipient": "all",
        "channel": None,
    }
    return {"id": name, "message": message | fields, "parent": parent, "children": []}


def tree(*nodes: Json) -> dict[str, Json]:
    root: Json = {"id": "root", "message": None, "parent": None, "children": []}
    found = {"root": root}
    for one in nodes:
        found[one["id"]] = one
        found[one["parent"]]["children"].append(one["id"])
    return found


CHATGPT: list[Json] = [
    {
        "title": "Lunch",
        "create_time": 1736209400.5,
        "update_time": 1736209800.0,
        "mapping": tree(
            node("s", "root", "system", [""], weight=0.0),
            node("hidden", "s", "user", ["about me"], content_type="user_editable_context"),
            node("u-old", "hidden", "user", ["What is for dinner?"], at=1736209401.0),
            node("a-old", "u-old", "assistant", ["Soup."], at=1736209402.0),
            node("u", "hidden", "user", ["What is for lunch?"], at=1736209412.25),
            node("tool", "u", "tool", ["42"], at=1736209413.0),
            node("thinks", "tool", "assistant", ["hm"], content_type="thoughts"),
            node("calls", "thinks", "assistant", ["search()"], recipient="web"),
            node(
                *("a", "calls", "assistant", [{"content_type": "image_asset_pointer"}, "Salad."]),
                content_type="multimodal_text",
            ),
        ),
        "moderation_results": [],
        "current_node": "a",
        "conversation_id": "8f3a2b1c-0000-4000-8000-000000000001",
        "id": "8f3a2b1c-0000-4000-8000-000000000001",
    },
    {
        "title": "Lunch",
        "create_time": 1736300000,
        "mapping": tree(node("other", "root", "user", ["And tomorrow?"], at=1736300001)),
        "current_node": None,
        "conversation_id": "8f3a2b1c-0000-4000-8000-000000000002",
    },
]
ITEMS: list[Json] = [
    {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "Be."}]},
    {
        "id": "msg_689e",
        "type": "message",
        "role": "user",
        "status": "completed",
        "content": [{"type": "input_text", "text": "Where?"}, {"type": "input_image"}],
    },
    {"id": "rs_1", "type": "reasoning", "summary": []},
    {
        "id": "msg_68a0",
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "In Ulm.", "annotations": []}],
    },
]


@pytest.fixture
def mine(api: Api) -> Api:
    return api.as_user(somebody())


def laid_out(value: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2)


@pytest.mark.parametrize("wrap", [lambda m: m, lambda m: {"results": m, "relations": []}])
async def test_mem0(backstory: Service, api: Api, wrap: Any) -> None:
    admin = api.with_key(backstory.admin_key)
    ada, other = somebody(), somebody()
    file = [{**MEM0[0], "user_id": ada}, MEM0[1]]
    for body in (msgspec.json.encode(wrap(file)), laid_out(wrap(file)), file):
        report = await imported(admin.as_user(other), body)
        assert report["failed"] == 0, report
    assert counts(report) == (0, 2, 0, 0)
    [fact] = await exported(api.as_user(ada))
    assert {name: fact[name] for name in ("kind", "content", "external_id", "occurred_at")} == {
        "kind": "fact",
        "content": "Ada is a vegetarian.",
        "external_id": MEM0[0]["id"],
        "occurred_at": "2025-07-20T08:30:36.275141Z",
    }
    assert fact["metadata"] == {"source": "chat", "agent_id": "cook", "categories": ["food"]}
    [said] = await exported(api.as_user(other))
    assert (said["kind"], said["speaker"], said["trust"]) == ("message", "user", "user")
    assert (said["episode"], said["expires_at"]) == ("lunch", "2100-01-01T00:00:00Z")


async def test_what_chatgpt_showed_is_remembered(mine: Api) -> None:
    for body in (msgspec.json.encode(CHATGPT), laid_out(CHATGPT), CHATGPT):
        report = await imported(mine, body)
    assert counts(report) == (0, 3, 5, 0)
    lines = await exported(mine)
    assert [(line["speaker"], line["content"], line["external_id"]) for line in lines] == [
        ("user", "What is for lunch?", "u"),
        ("assistant", "Salad.", "a"),
        ("user", "And tomorrow?", "other"),
    ]
    assert {(line["kind"], line["episode"]) for line in lines} == {("message", "Lunch")}
    assert lines[0]["conversation"] == lines[1]["conversation"] != lines[2]["conversation"]
    assert lines[0]["occurred_at"] == "2025-01-07T00:23:32.250000Z"
    assert lines[0]["occurred_at"] < lines[1]["occurred_at"] < lines[2]["occurred_at"]


async def test_openai_items(mine: Api) -> None:
    listed = {"object": "list", "data": ITEMS, "has_more": False}
    for body in (msgspec.json.encode(listed), laid_out(ITEMS), ITEMS):
        report = await imported(mine, body, "?episode=Trip")
    assert counts(report) == (0, 2, 2, 0)
    lines = await exported(mine)
    assert [(line["trust"], line["content"], line["external_id"]) for line in lines] == [
        ("user", "Where?", "msg_689e"),
        ("assistant", "In Ulm.", "msg_68a0"),
    ]
    assert {line["episode"] for line in lines} == {"Trip"}
    assert lines[0]["occurred_at"] < lines[1]["occurred_at"]


async def test_chat_messages_of_a_conversation(mine: Api) -> None:
    messages = [{"role": "system", "content": "Be."}, {"role": "user", "content": "Hello."}]
    for _ in range(2):
        report = await imported(mine, [{"id": "talk-1", "title": "Hi", "messages": messages}])
    assert counts(report) == (0, 1, 1, 0)
    [line] = await exported(mine)
    assert (line["content"], line["episode"]) == ("Hello.", "Hi")
    assert line["external_id"] == "talk-1/1"


async def test_an_exported_conversation_is_what_was_remembered_of_it(mine: Api) -> None:
    reply = await mine.send("POST", "/v1/conversations", {})
    name = reply.body["id"]
    await mine.respond("Where is Ada?", conversation=name)
    document = (await mine.get(f"/v1/conversations/{name}/export")).raw
    await imported(mine, document)
    lines = await exported(mine)
    assert len({line["id"] for line in lines}) == len(lines) == 2
    assert {line["conversation"] for line in lines} == {name}


async def test_a_format_that_is_named_is_not_guessed(mine: Api) -> None:
    report = await imported(mine, MEM0, "?format=backstory")
    assert counts(report) == (0, 0, 0, 2)
    await remember(mine, "x")
    assert len(await exported(mine)) == 1

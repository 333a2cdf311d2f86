"""A whole conversation as a document."""

from datetime import datetime

from tests.support.api import Api, message
from tests.support.conversations import add, fork, items_of, new_conversation

IMAGE = {
    "role": "user",
    "content": [
        {"type": "input_text", "text": "See ```this```"},
        {"type": "input_image", "image_url": "https://example.com/a b.png"},
    ],
}
CALL = {"type": "function_call", "call_id": "c1", "name": "look", "arguments": '{"at": "bees"}'}
OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": "```\nmany\n```"}


async def test_json_has_every_item_with_its_time(api: Api) -> None:
    conversation = await new_conversation(api, title="Bees", metadata={"a": "b"})
    await add(api, conversation, IMAGE, CALL, OUTPUT)
    for start in range(0, 420, 20):
        await add(api, conversation, *(message(str(start + n)) for n in range(20)))
    conversation = await fork(api, conversation, title="Bees")
    reply = await api.get(f"/v1/conversations/{conversation}/export")
    assert reply.headers["content-type"] == "application/json"
    assert f"{conversation}.json" in reply.headers["content-disposition"]
    assert reply.body["object"] == "conversation.export"
    assert reply.body["conversation"]["title"] == "Bees"
    exported = reply.body["items"]
    times = [datetime.fromisoformat(item.pop("created_at")) for item in exported]
    assert times == sorted(times)
    assert len(exported) == 423
    assert exported[:100] == await items_of(api, conversation)


async def test_markdown_reads_well(api: Api) -> None:
    conversation = await new_conversation(api, items=[IMAGE, CALL, OUTPUT], title="Of bees")
    await add(api, conversation, message("**Many** bees.", "assistant"))
    reply = await api.get(f"/v1/conversations/{conversation}/export?format=markdown")
    assert reply.headers["content-type"] == "text/markdown; charset=utf-8"
    lines = [line for line in reply.raw.decode().splitlines() if line and line[0] != "*"]
    assert lines == [
        "# Of bees",
        lines[1],
        "## User",
        "See ```this```",
        "![image](<https://example.com/ab.png>)",
        "## Call of `look`",
        "```json",
        '{"at": "bees"}',
        "```",
        "## Output of the call",
        "````",
        "```",
        "many",
        "```",
        "````",
        "## Assistant",
    ]
    assert b"**Many** bees." in reply.raw


async def test_an_empty_conversation_is_a_document_too(api: Api) -> None:
    conversation = await new_conversation(api)
    assert (await api.get(f"/v1/conversations/{conversation}/export")).body["items"] == []
    reply = await api.get(f"/v1/conversations/{conversation}/export?format=pdf")
    assert reply.error["param"] == "format"

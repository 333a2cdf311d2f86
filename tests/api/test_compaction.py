"""Compaction by itself: long talks stay small for the engine, and nothing is lost."""

from typing import Any

from app.contexts.compacted import HEADING
from app.contexts.summarise import INSTRUCTIONS
from tests.support.api import Api, Json, message, text_of
from tests.support.context_fixtures import received_texts
from tests.support.engine import FakeEngine
from tests.support.engine_events import usage_of
from tests.support.eventually import eventually
from tests.support.images import data_url, image
from tests.support.rows import count, new_key, new_project
from tests.support.service import Service
from tests.support.settings import set_own
from tests.support.standard import check_events

THRESHOLD = 800
COMPACTING: Json = {"context_management": [{"type": "compaction", "compact_threshold": THRESHOLD}]}
TURNS = 40
PADDING = "bees and flowers " * 12


def compactions(response: Json) -> list[Json]:
    return [item for item in response["output"] if item["type"] == "compaction"]


def asked_for_answers(engine: FakeEngine, user: str) -> list[Json]:
    """What the engine got in the talk about this, without what it got for summaries."""
    return [
        received.body
        for received in engine.received
        if received.body.get("instructions") != INSTRUCTIONS and user in str(received.body)
    ]


async def talk(api: Api, name: str, turns: int, **fields: Any) -> list[Json]:
    """Each turn brings a fact and continues the one before."""
    responses: list[Json] = []
    for turn in range(turns):
        previous = {"previous_response_id": responses[-1]["id"]} if responses else {}
        said = f"{name} fact-{name}{turn} {PADDING}"
        responses.append(await api.respond(said, **previous, **COMPACTING, **fields))
    return responses


async def test_forty_turns_stay_small_and_nothing_is_lost(
    talker: Api, contexts_engine: FakeEngine
) -> None:
    responses = await talk(talker, "long", TURNS, instructions="Be kind.")
    sizes = [
        usage_of(body, "")["input_tokens"] for body in asked_for_answers(contexts_engine, "long")
    ]
    assert len(sizes) == TURNS
    assert max(sizes) <= THRESHOLD * 1.1, "it is an estimate"
    compacted = [turn for turn, response in enumerate(responses) if compactions(response)]
    assert 2 <= len(compacted) <= TURNS // 3, compacted
    last = contexts_engine.last.body
    assert last["instructions"] == "Be kind."
    texts = received_texts(last)
    assert texts[0].startswith(HEADING)
    for turn in range(TURNS):
        assert f"fact-long{turn}" in " ".join(texts), "told by the summary, if not word for word"
    assert f"long fact-long{TURNS - 2} {PADDING}".strip() in [text.strip() for text in texts]
    for turn, response in enumerate(responses):
        reply = await talker.get(f"/v1/responses/{response['id']}/input_items")
        assert f"fact-long{turn} " in reply.body["data"][0]["content"][0]["text"]


async def test_the_item_comes_first_and_is_opaque(talker: Api) -> None:
    responses = await talk(talker, "streamed", 8)
    said = f"streamed again {PADDING * 10}"
    streamed = await talker.stream(
        said, previous_response_id=responses[-1]["id"], instructions="x", **COMPACTING
    )
    check_events(streamed.events)
    assert streamed.types[:4] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.output_item.done",
    ]
    item = streamed.response["output"][0]
    assert set(item) == {"id", "type", "encrypted_content"}
    assert item["type"] == "compaction"
    assert item["id"].startswith("cmp_")
    assert "fact" not in item["encrypted_content"]
    assert streamed.response["output"][1]["type"] == "message"
    stored = (await talker.get(f"/v1/responses/{streamed.response['id']}")).body
    assert stored["output"] == streamed.response["output"]
    replayed = await talker.get(f"/v1/responses/{stored['id']}?stream=true")
    assert item["encrypted_content"].encode() in replayed.raw


async def test_a_summary_is_a_call_of_its_own_in_the_log(
    talker: Api, contexts_backstory: Service
) -> None:
    logged = "SELECT count(*) FROM requests WHERE purpose = 'compact' AND input_tokens > 0"
    before = await count(contexts_backstory, logged)
    responses = await talk(talker, "logged", 10)
    made = sum(bool(compactions(response)) for response in responses)
    assert made

    async def all_logged() -> bool:
        return await count(contexts_backstory, logged) == before + made

    await eventually(all_logged)


async def test_an_open_call_survives(talker: Api, contexts_engine: FakeEngine) -> None:
    responses = await talk(talker, "called", 7)
    asked = await talker.respond(
        f"called {PADDING * 8} [[call:look]]",
        previous_response_id=responses[-1]["id"],
        **COMPACTING,
    )
    assert [item["type"] for item in asked["output"]] == ["compaction", "function_call"]
    call = asked["output"][1]["call_id"]
    output = {"type": "function_call_output", "call_id": call, "output": f"seen {PADDING * 30}"}
    answer = await talker.respond([output], previous_response_id=asked["id"], **COMPACTING)
    assert text_of(answer).startswith("The tool said: seen")
    types = [item["type"] for item in contexts_engine.last.body["input"]]
    assert types[-2:] == ["function_call", "function_call_output"]


async def test_a_client_may_carry_it_instead(talker: Api, contexts_engine: FakeEngine) -> None:
    """Without storage the item holds all there is; what came before may be left out."""
    told = [f"carried fact-c{turn} {PADDING}" for turn in range(24)]
    items: list[Json] = []
    for text in told:
        items += [{"role": "user", "content": text}, {"role": "assistant", "content": "Yes."}]
    items.append({"role": "user", "content": "carried now"})
    response = await talker.respond(items, store=False, **COMPACTING)
    assert [item["type"] for item in response["output"]] == ["compaction", "message"]
    await talker.respond(
        [*response["output"], {"role": "user", "content": "carried on"}], store=False
    )
    texts = received_texts(contexts_engine.last.body)
    assert texts[0].startswith(HEADING)
    assert "fact-c0" in texts[0]
    assert texts[-3] == "carried now"
    assert texts[-1] == "carried on"
    assert len(texts) < len(items)


async def test_images_are_kept_with_their_message(talker: Api, contexts_engine: FakeEngine) -> None:
    url = data_url(image())
    shown = {
        "role": "user",
        "content": [
            {"type": "input_text", "text": f"pictured {PADDING * 20}"},
            {"type": "input_image", "image_url": url},
        ],
    }
    items = [message(f"pictured {PADDING * 20}"), message("Yes.", "assistant"), shown]
    carried = await talker.respond(items, store=False, **COMPACTING)
    on = {"role": "user", "content": "pictured on"}
    await talker.respond([*carried["output"], on], store=False)
    assert url in str(contexts_engine.last.body["input"])
    stored = await talker.respond(items, **COMPACTING)
    assert compactions(stored)
    await talker.respond("pictured on", previous_response_id=stored["id"])
    assert url in str(contexts_engine.last.body["input"])


async def test_without_a_summary_the_engine_gets_all(
    talker: Api, contexts_engine: FakeEngine
) -> None:
    responses = await talk(talker, "unsummarised", 6)
    contexts_engine.summarises = False
    said = f"unsummarised {PADDING * 12}"
    previous = {"previous_response_id": responses[-1]["id"]}
    response = await talker.respond(said, **previous, **COMPACTING)
    assert not compactions(response)
    assert len(received_texts(contexts_engine.last.body)) == 13
    contexts_engine.context_tokens = 100
    refused = await talker.create(said, **previous, **COMPACTING)
    assert refused.status == 400
    assert refused.error["code"] == "context_length_exceeded"


async def test_a_setting_compacts_what_is_continued(
    talker: Api, contexts_backstory: Service
) -> None:
    project = await new_project(contexts_backstory)
    key = await new_key(contexts_backstory, "engine", "settings", project=project)
    own = talker.with_key(key)
    await set_own(own, {"compact_threshold": 500})
    first = await own.respond([message(f"set {PADDING * 15}"), message("Yes.", "assistant")])
    assert not compactions(first), "a client that keeps its own history has to ask for it"
    previous = {"previous_response_id": first["id"]}
    assert compactions(await own.respond(f"set {PADDING * 5}", **previous))
    assert not compactions(await own.respond("set off", **previous, context_management=[]))


async def test_what_is_forgotten_falls_out_of_summaries(
    talker: Api, contexts_engine: FakeEngine, contexts_backstory: Service
) -> None:
    """A compaction that was made from a deleted turn goes with it; what is left is still there."""
    responses = await talk(talker, "forgotten", 10)
    last = responses[-1]["id"]
    await talker.respond("forgotten first", previous_response_id=last)
    assert "fact-forgotten2" in str(contexts_engine.last.body)
    assert (await talker.delete(f"/v1/responses/{responses[2]['id']}")).status == 200
    holds = "SELECT count(*) FROM compactions WHERE body::text LIKE '%fact-forgotten2%'"
    assert await count(contexts_backstory, holds) == 0
    await talker.respond("forgotten then", previous_response_id=last)
    got = " ".join(received_texts(contexts_engine.last.body))
    assert "fact-forgotten2" not in got
    assert all(f"fact-forgotten{turn}" in got for turn in range(10) if turn != 2)


async def test_what_a_client_sends_again_can_be_forgotten_too(talker: Api) -> None:
    """It keeps its history, and we keep it as well: what it carries is only a name."""
    asked = message(f"resent fact-resent0 {PADDING * 20}")
    first = await talker.respond([asked])
    items = [asked, *first["output"], message(f"resent {PADDING * 6}")]
    second = await talker.respond(items, **COMPACTING)
    assert compactions(second)
    on = [*items, *second["output"], message("resent on")]
    assert (await talker.create(on)).status == 200
    assert (await talker.delete(f"/v1/responses/{first['id']}")).status == 200
    refused = await talker.create(on)
    assert refused.error["code"] == "invalid_encrypted_content"
    without = [item for item in on if item["type"] != "compaction"]
    assert (await talker.create(without)).status == 200


async def test_a_forged_or_foreign_item_is_refused(talker: Api) -> None:
    responses = await talk(talker.as_user("owner-of-items"), "owned", 10)
    item = next(item for response in responses for item in compactions(response))
    new = {"role": "user", "content": "go on"}
    assert (await talker.as_user("owner-of-items").create([item, new])).status == 200
    damaged = item | {"encrypted_content": item["encrypted_content"][:-8] + "AAAAAAA="}
    passed_by = {"type": "compaction", "encrypted_content": "stands for nothing now"}
    assert (await talker.as_user("owner-of-items").create([passed_by, item, new])).status == 200
    for speaker, sent in (
        (talker.as_user("somebody-else"), item),
        (talker, item),
        (talker.as_user("owner-of-items"), damaged),
        (talker.as_user("owner-of-items"), {"type": "compaction", "encrypted_content": "garbage"}),
        (talker.as_user("owner-of-items"), {"type": "compaction"}),
    ):
        refused = await speaker.create([sent, new])
        assert refused.status == 400
        assert refused.error["code"] == "invalid_encrypted_content"
        assert refused.error["param"] == "input[0].encrypted_content"

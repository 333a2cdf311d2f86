"""POST /v1/responses/input_tokens and …/compact, by the official SDK and on the wire."""

import asyncio
from typing import Any

import openai
import pytest
from openai import OpenAI
from openai.types.responses import CompactedResponse

from app.contexts.compacted import HEADING
from app.contexts.weights import SAMPLE_CHARS
from tests.support.api import Api, Json, message
from tests.support.context_fixtures import received_texts
from tests.support.engine import FakeEngine
from tests.support.service import Service

PADDING = "amber basin cedar " * 10
TOOL: Any = {
    "type": "function",
    "name": "look_up",
    "description": "Looks something up in the encyclopedia of bees.",
    "parameters": {"type": "object", "properties": {"word": {"type": "string"}}},
    "strict": False,
}


@pytest.fixture
def client(contexts_backstory: Service, talker: Api) -> OpenAI:
    return OpenAI(
        base_url=contexts_backstory.base_url, api_key=contexts_backstory.api_key, max_retries=0
    )


def talk(name: str, turns: int) -> list[Any]:
    items: list[Json] = []
    for turn in range(turns):
        items += [message(f"{name} fact-{name}{turn} {PADDING}"), message("Yes.", "assistant")]
    return items


async def test_the_engine_counts_where_it_can(client: OpenAI, contexts_engine: FakeEngine) -> None:
    contexts_engine.counts = True
    counted = await asyncio.to_thread(
        client.responses.input_tokens.count, model="test-model", input="one two three"
    )
    assert counted.object == "response.input_tokens"
    assert counted.input_tokens == len(str([message("one two three")]).split())


async def test_an_estimate_counts_all_of_the_request(client: OpenAI, talker: Api) -> None:
    def count(**fields: Any) -> int:
        return client.responses.input_tokens.count(**fields).input_tokens

    bare = await asyncio.to_thread(count, input="How many bees are there in a hive?")
    assert 8 <= bare <= 20
    ruled = await asyncio.to_thread(
        count, input="How many bees are there in a hive?", instructions="Answer in one sentence."
    )
    armed = await asyncio.to_thread(count, input="How many bees are there in a hive?", tools=[TOOL])
    assert ruled > bare
    assert armed > bare + 20
    first = await talker.respond(talk("counted", 10))
    continued = await asyncio.to_thread(count, input="And now?", previous_response_id=first["id"])
    used = first["usage"]
    assert continued >= used["input_tokens"] + used["output_tokens"]
    long = await asyncio.to_thread(count, input="bees " * SAMPLE_CHARS)
    assert SAMPLE_CHARS * 0.8 < long < SAMPLE_CHARS * 1.2


async def test_counting_stores_nothing_and_knows_walls(talker: Api) -> None:
    first = await talker.as_user("counted-user").respond("hello")
    refused = await talker.as_user("another").send(
        "POST", "/v1/responses/input_tokens", {"previous_response_id": first["id"]}
    )
    assert refused.status == 400
    assert refused.error["code"] == "previous_response_not_found"
    nothing = await talker.send("POST", "/v1/responses/input_tokens", {})
    assert nothing.body == {"object": "response.input_tokens", "input_tokens": 0}


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")  # of users' messages as output
async def test_compact_gives_a_smaller_context(client: OpenAI, contexts_engine: FakeEngine) -> None:
    compacted: CompactedResponse = await asyncio.to_thread(
        client.responses.compact, model="test-model", input=talk("made", 12)
    )
    assert compacted.object == "response.compaction"
    assert compacted.output[0].type == "compaction"
    assert compacted.usage.input_tokens > 0
    assert compacted.usage.output_tokens > 0
    kept = [item.model_dump(warnings=False) for item in compacted.output[1:]]
    assert kept[-2]["content"][0]["text"] == f"made fact-made11 {PADDING}"
    assert len(kept) < 24
    next_input: Any = [*compacted.output, message("What did we say?")]
    await asyncio.to_thread(client.responses.create, model="test-model", input=next_input)
    texts = received_texts(contexts_engine.last.body)
    assert texts[0].startswith(HEADING)
    assert all(f"fact-made{turn}" in " ".join(texts) for turn in range(12))
    assert texts[-1] == "What did we say?"


async def test_what_is_stored_can_be_compacted(
    client: OpenAI, talker: Api, contexts_engine: FakeEngine
) -> None:
    first = await talker.respond([*talk("kept", 12), message("Look! [[call:look]]")])
    compacted = await asyncio.to_thread(
        client.responses.compact, model="test-model", previous_response_id=first["id"]
    )
    types = [item.type for item in compacted.output]
    assert types[0] == "compaction"
    assert types[-1] == "function_call", "an open call is kept"
    call = first["output"][0]["call_id"]
    output = {"type": "function_call_output", "call_id": call, "output": "42"}
    response = await talker.respond(
        [*(item.model_dump(exclude_none=True, warnings=False) for item in compacted.output), output]
    )
    again = await talker.respond("And?", previous_response_id=response["id"])
    assert again["status"] == "completed"
    assert received_texts(contexts_engine.last.body)[0].startswith(HEADING)


async def test_a_short_context_needs_no_summary(
    client: OpenAI, contexts_engine: FakeEngine
) -> None:
    calls = contexts_engine.calls
    compacted = await asyncio.to_thread(
        client.responses.compact, model="test-model", input="Only this."
    )
    assert [item.type for item in compacted.output] == ["compaction", "message"]
    assert compacted.usage.total_tokens == 0
    assert contexts_engine.calls == calls


async def test_without_an_engine_it_fails_clearly(
    client: OpenAI, talker: Api, contexts_engine: FakeEngine
) -> None:
    contexts_engine.summarises = False
    with pytest.raises(openai.InternalServerError) as caught:
        await asyncio.to_thread(
            client.responses.compact, model="test-model", input=talk("failed", 12)
        )
    assert caught.value.status_code == 502
    refused = await talker.send("POST", "/v1/responses/compact", {"model": "test-model"})
    assert refused.status == 400
    assert refused.error["param"] == "input"

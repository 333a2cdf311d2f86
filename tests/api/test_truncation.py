"""`truncation: "auto"`: the oldest turns are left out until the engine takes the rest."""

from tests.support.api import Api, Json, message, text_of
from tests.support.context_fixtures import received_texts
from tests.support.engine import FakeEngine
from tests.support.engine_events import usage_of
from tests.support.standard import check_events

WINDOW = 300
PADDING = "river stone tide " * 8


def long_talk(name: str, turns: int) -> list[Json]:
    items = [message("Be kind.", "developer")]
    for turn in range(turns):
        items += [message(f"{name}{turn} {PADDING}"), message(f"Yes {turn}.", "assistant")]
    return [*items, message(f"{name} now")]


async def test_the_oldest_turns_go(talker: Api, contexts_engine: FakeEngine) -> None:
    contexts_engine.context_tokens = WINDOW
    response = await talker.respond(long_talk("shorter", 20), truncation="auto")
    assert text_of(response) == "You said: shorter now"
    assert response["truncation"] == "auto"
    got = contexts_engine.last.body
    assert usage_of(got, "")["input_tokens"] <= WINDOW
    assert "truncation" not in got
    texts = received_texts(got)
    assert texts[0] == "Be kind."
    assert texts[-1] == "shorter now"
    assert len(texts) > 3, "no more went than had to"
    kept = [text.split()[0] for text in texts[1:-1:2]]
    assert kept == [f"shorter{turn}" for turn in range(20 - len(kept), 20)]
    items = (await talker.get(f"/v1/responses/{response['id']}/input_items?limit=100")).body
    assert len(items["data"]) == 42, "what is stored stays whole"


async def test_what_was_left_out_can_still_be_continued(
    talker: Api, contexts_engine: FakeEngine
) -> None:
    contexts_engine.context_tokens = WINDOW
    first = await talker.respond(long_talk("stored", 20), truncation="auto")
    await talker.respond(
        "stored on", previous_response_id=first["id"], truncation="auto", model="@oi/beta"
    )
    assert received_texts(contexts_engine.last.body)[-1] == "stored on"
    contexts_engine.context_tokens = None
    await talker.respond("stored all", previous_response_id=first["id"])
    assert len(received_texts(contexts_engine.last.body)) == 44


async def test_calls_go_with_their_outputs(talker: Api, contexts_engine: FakeEngine) -> None:
    contexts_engine.context_tokens = WINDOW
    items = [message("calls: look at all of them")]
    for number in range(20):
        items += [
            {
                "type": "function_call",
                "call_id": f"c{number}",
                "name": "look",
                "arguments": "{}",
            },
            {"type": "function_call_output", "call_id": f"c{number}", "output": PADDING},
        ]
    await talker.respond(items, truncation="auto")
    got = contexts_engine.last.body["input"]
    assert got[0]["role"] == "user"
    calls = [item["call_id"] for item in got if item["type"] == "function_call"]
    outputs = [item["call_id"] for item in got if item["type"] == "function_call_output"]
    assert calls == outputs
    assert calls[-1] == "c19"
    assert 1 <= len(calls) < 20


async def test_a_refusal_may_come_late(talker: Api, contexts_engine: FakeEngine) -> None:
    contexts_engine.context_tokens, contexts_engine.refuses_late = WINDOW, True
    streamed = await talker.stream(long_talk("late", 20), truncation="auto", model="@oi/beta")
    check_events(streamed.events)
    assert text_of(streamed.response) == "You said: late now"
    compacted = await talker.send(
        "POST", "/v1/responses/compact", {"model": "@oi/beta", "input": long_talk("late", 20)}
    )
    assert compacted.status == 200


async def test_without_it_the_refusal_is_passed_on(
    talker: Api, contexts_engine: FakeEngine
) -> None:
    contexts_engine.context_tokens = WINDOW
    refused = await talker.create(long_talk("refused", 20))
    assert refused.status == 400
    assert refused.error["code"] == "context_length_exceeded"
    assert refused.error["param"] == "input"


async def test_what_cannot_fit_is_refused_all_the_same(
    talker: Api, contexts_engine: FakeEngine
) -> None:
    contexts_engine.context_tokens = WINDOW
    calls = contexts_engine.calls
    refused = await talker.create(f"too long {PADDING * 40}", truncation="auto")
    assert refused.error["code"] == "context_length_exceeded"
    assert contexts_engine.calls == calls + 1, "there was nothing to leave out"

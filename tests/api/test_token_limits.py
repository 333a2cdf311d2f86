"""Tokens that a key may spend: reserved before the engine is asked, settled by what it counted."""

import asyncio

from tests.api.test_socket import connected as socket_to
from tests.support.api import MODEL, Api, Json, Reply, text_of
from tests.support.engine import FakeEngine
from tests.support.eventually import eventually
from tests.support.heard import heard, something
from tests.support.limits import Limited, limited_key
from tests.support.memories import remember, somebody
from tests.support.service import Service

DAY = "tokens_per_day"


async def settled(limited: Limited, tokens: float, limit: str = DAY) -> None:
    """What is counted as used comes to be this."""

    async def is_so() -> bool:
        return await limited.used(limit) == tokens

    await eventually(is_so)


async def test_what_the_engine_counted_is_what_counts(backstory: Service, api: Api) -> None:
    limited = await limited_key(backstory, api, tokens_per_minute=50_000, tokens_per_day=90_000)
    first = await limited.api.respond(something(), max_output_tokens=50)
    total = first["usage"]["total_tokens"]
    await settled(limited, total)
    await limited.stay()
    whole = await limited.api.create(something(), max_output_tokens=200)
    assert whole.headers["x-ratelimit-limit-tokens"] == "50000"
    assert 49_000 < int(whole.headers["x-ratelimit-remaining-tokens"]) < 50_000
    total += whole.body["usage"]["total_tokens"]
    await settled(limited, total)
    streamed = await limited.api.stream(something("[[words:700]]"))
    total += streamed.response["usage"]["total_tokens"]
    said = [{"role": "user", "content": something()}]
    for path, body in (
        ("/v1/chat/completions", {"model": MODEL, "messages": said}),
        ("/v1/embeddings", {"model": "default", "input": "a text of some words"}),
        ("/v1/responses/compact", {"model": MODEL, "input": [talk(1), talk(2), talk(3)]}),
    ):
        reply = await limited.api.send("POST", path, body)
        assert reply.status == 200, reply.raw
        total += reply.body["usage"]["total_tokens"]
    async with socket_to(backstory, Authorization=f"Bearer {limited.api.key}") as socket:
        told = await socket.ask(something())
    total += told[-1]["response"]["usage"]["total_tokens"]
    await settled(limited, total)
    await settled(limited, total, "tokens_per_minute")


def talk(number: int) -> Json:
    return {"role": "user", "content": f"{number}. " + "Much was said about this. " * 200}


async def test_what_may_be_needed_must_be_left(
    backstory: Service, api: Api, shared_engine: FakeEngine
) -> None:
    limited = await limited_key(backstory, api, tokens_per_day=1_000)
    said = something()
    too_large = await limited.api.create(said, max_output_tokens=5_000)
    assert (too_large.status, too_large.error["code"]) == (429, "insufficient_quota")
    assert "Retry-After" not in too_large.headers
    assert not heard(shared_engine, said)
    assert (await limited.api.create(said, max_output_tokens=900)).status == 200


async def test_what_runs_has_its_tokens_reserved(backstory: Service, api: Api) -> None:
    limited = await limited_key(backstory, api, tokens_per_minute=1_500)
    await limited.api.create(something(), max_output_tokens=50)
    await limited.stay()
    async with limited.api.streaming(something("[[words:100]] [[delay:0.02]]")) as answer:
        await answer.content.readuntil(b"\n\n")
        refused = await limited.api.create(something())
        assert (refused.status, refused.error["type"]) == (429, "tokens")
        assert refused.error["code"] == "rate_limit_exceeded"
        assert int(refused.headers["Retry-After"]) > 0
        await answer.read()

    async def room_again() -> bool:
        return (await limited.api.create(something())).status == 200

    await eventually(room_again)


async def test_a_stream_over_its_budget_ends_incomplete(backstory: Service, api: Api) -> None:
    limited = await limited_key(backstory, api, tokens_per_day=1_200)
    streamed = await limited.api.stream(something("[[words:3000]]"), memory=False)
    assert streamed.types[-1] == "response.incomplete"
    cut = streamed.response
    assert cut["incomplete_details"] == {"reason": "max_output_tokens"}
    assert cut["usage"]["output_tokens"] > 1_100
    assert 600 < len(text_of(cut).split()) < 3_000
    assert (await api.get(f"/v1/responses/{cut['id']}")).body == cut
    await settled(limited, cut["usage"]["total_tokens"])
    assert (await limited.api.create(something())).error["code"] == "insufficient_quota"
    more = await api.respond("Go on.", previous_response_id=cut["id"])
    assert more["status"] == "completed"
    [logged] = [
        one
        for one in (await api.get("/v1/requests?limit=100")).body["data"]
        if one["response_id"] == cut["id"]
    ]
    assert logged["error_code"] == "insufficient_quota"


async def test_a_completion_over_its_budget_ends_by_length(backstory: Service, api: Api) -> None:
    limited = await limited_key(backstory, api, tokens_per_day=1_200)
    said = [{"role": "user", "content": something("[[words:3000]]")}]
    reply = await limited.api.send(
        "POST", "/v1/chat/completions", {"model": MODEL, "messages": said}
    )
    assert reply.body["choices"][0]["finish_reason"] == "length"


async def test_a_long_answer_reserves_more_as_it_goes(backstory: Service, api: Api) -> None:
    limited = await limited_key(backstory, api, tokens_per_day=20_000)
    streamed = await limited.api.stream(something("[[words:3000]]"))
    assert streamed.types[-1] == "response.completed"
    await settled(limited, streamed.response["usage"]["total_tokens"])


async def test_what_is_cached_costs_nothing(backstory: Service, api: Api) -> None:
    limited = await limited_key(backstory, api, tokens_per_day=20_000, requests_per_day=50)
    said = something("[[words:20]] [[delay:0.02]]")

    async def ask() -> Reply:
        return await limited.api.create(said, temperature=0, cache=True)

    first = await asyncio.gather(*(ask() for _ in range(5)))
    states = sorted(str(reply.headers["X-Cache"]).split(";")[0] for reply in first)
    assert states.count("COALESCED") == 4, states
    assert (await ask()).headers["X-Cache"].startswith("HIT")
    await settled(limited, first[0].body["usage"]["total_tokens"])
    await settled(limited, 6, "requests_per_day")


async def test_nobody_elses_budget_cuts_what_is_asked_at_once(backstory: Service, api: Api) -> None:
    said = something("[[words:1500]] [[delay:0.0005]]")
    limited = await limited_key(backstory, api, tokens_per_day=1_200)
    async with limited.api.streaming(said, temperature=0, cache=True) as poor:
        await poor.content.readuntil(b"\n\n")
        rich = await api.create(said, temperature=0, cache=True)
        cut = await poor.read()
    assert b"response.incomplete" in cut
    assert rich.body["status"] == "completed"


async def test_whoever_spent_all_is_answered_from_the_cache(backstory: Service, api: Api) -> None:
    said = something()
    limited = await limited_key(backstory, api, tokens_per_day=0)
    assert (await limited.api.create(said, cache=True)).status == 429
    await api.respond(said, cache=True)
    assert (await limited.api.create(said, cache=True)).status == 200


async def test_a_summary_that_is_asked_of_the_engine_is_paid_for(
    backstory: Service, api: Api
) -> None:
    limited = await limited_key(backstory, api, tokens_per_day=20_000)
    speaker = limited.api.as_user(somebody())
    episode = somebody()
    await remember(speaker, "I keep bees in Ulm.", episode=episode)
    asked = {"episode": episode, "method": "engine", "model": MODEL}
    summary = await speaker.send("POST", "/v1/memories/summarize", asked)
    assert (summary.status, summary.body["method"]) == (200, "engine")
    assert int(summary.headers["x-ratelimit-remaining-tokens"]) < 20_000
    assert await limited.used(DAY) > 0
    await limited.set(tokens_per_day=0)
    await remember(speaker, "And goats in Bonn.", episode=episode)
    refused = await speaker.send("POST", "/v1/memories/summarize", asked)
    assert (refused.status, refused.error["code"]) == (429, "insufficient_quota")
    by_rule = {**asked, "method": "extract"}
    assert (await speaker.send("POST", "/v1/memories/summarize", by_rule)).status == 200


async def test_who_has_no_tokens_uses_up_nobodys_requests(backstory: Service, api: Api) -> None:
    limited = await limited_key(backstory, api, tokens_per_day=0, requests_per_day=3)
    for _ in range(5):
        reply = await limited.api.create(something())
        assert (reply.status, reply.error["code"]) == (429, "insufficient_quota")
    await settled(limited, 0, "requests_per_day")


async def test_what_broke_off_is_settled(backstory: Service, api: Api) -> None:
    """By an estimate of what came; by nothing, where the engine failed before it began."""
    limited = await limited_key(backstory, api, tokens_per_day=20_000)
    failed = await limited.api.create(something("[[status:500]]"))
    assert failed.status >= 500
    await settled(limited, 0)
    broken = await limited.api.stream(something("[[words:400]] [[break:200]]"))
    assert broken.types[-1] == "response.failed"

    async def estimated() -> bool:
        return 100 < await limited.used(DAY) < 900

    await eventually(estimated)


async def test_whoever_leaves_pays_for_what_was_said(
    backstory: Service, api: Api, shared_engine: FakeEngine
) -> None:
    limited = await limited_key(backstory, api, tokens_per_day=20_000)
    said = something("[[words:4000]] [[delay:0.01]]")
    async with limited.api.streaming(said, store=False) as answer:
        await answer.content.readuntil(b"response.output_text.delta")
        assert await limited.used(DAY) > 1_000

    async def estimated() -> bool:
        return 0 < await limited.used(DAY) < 300

    await eventually(estimated)


async def test_what_is_cancelled_in_the_background_is_settled(backstory: Service, api: Api) -> None:
    limited = await limited_key(backstory, api, tokens_per_day=20_000)
    said = something("[[words:4000]] [[delay:0.01]]")
    queued = await limited.api.respond(said, background=True)
    assert await limited.used(DAY) > 1_000
    await limited.api.send("POST", f"/v1/responses/{queued['id']}/cancel")

    async def estimated() -> bool:
        return 0 < await limited.used(DAY) < 300

    await eventually(estimated)


async def test_nothing_is_begun_in_the_background_that_cannot_be_paid(
    backstory: Service, api: Api
) -> None:
    limited = await limited_key(backstory, api, tokens_per_day=10)
    assert (await limited.api.create(something(), background=True)).status == 429

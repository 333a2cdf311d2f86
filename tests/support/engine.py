"""The test engine: an inference API on loopback that keeps OpenInfer's rules to the letter.

It only streams, and refuses what OpenInfer refuses. What it answers, and where it fails, is said
by magic words in the last user message (`engine_script.py`). Inside a test it is `FakeEngine`;
`python -m tests.support.engine` runs it on its own and prints its URL.
"""

import argparse
import asyncio
import re
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from aiohttp import web

from app.contexts.summarise import INSTRUCTIONS as SUMMARISING
from app.facts.judge import INSTRUCTIONS as JUDGING
from app.facts.prompt import INSTRUCTIONS as EXTRACTING
from tests.support.engine_events import Json, chat_chunks, late_refusal, response_events, usage_of
from tests.support.engine_facts import Facts
from tests.support.engine_images import wrong_image
from tests.support.engine_script import (
    Script,
    answer_text,
    content_text,
    last_user_text,
    parse_script,
)
from tests.support.secrets_in_logs import is_secret

KEY = is_secret("sk-test-engine")
MODELS = ("test-model", "@oi/beta")
RECEIVED_MAX = 10_000
TOO_LONG = "context_length_exceeded"
_FACTS = re.compile(r"fact-\w+")


class Received:
    """One call that reached the engine."""

    def __init__(self, path: str, body: Json, peer: object, key: str) -> None:
        self.path = path
        self.key = key
        self.body = body
        self.peer = peer
        """The client's address: the same for two calls on one connection."""
        self.ended = asyncio.Event()
        """Set when the answer is over, or the client has gone."""
        self.client_left = False
        """The client closed the connection before the answer was over."""


class Refusal(Exception):
    def __init__(self, status: int, message: str, **fields: str) -> None:
        super().__init__(message)
        self.status = status
        self.error = {
            "message": message,
            "type": "invalid_request_error",
            "param": fields.get("param"),
            "code": fields.get("code"),
        }


class FakeEngine:
    """Made by `run_fake_engine`. `url` is its base URL, `received` what came, newest last."""

    def __init__(self) -> None:
        self.url = ""
        self.key = KEY
        self.keys: set[str] = set()
        """Of others, who pay for themselves."""
        self.calls = 0
        self.received: deque[Received] = deque(maxlen=RECEIVED_MAX)
        self.arrived = asyncio.Event()
        """Set when the first call has come."""
        self.outage: int | None = None
        """Answers everything with this status while it is set."""
        self.context_tokens: int | None = None
        """Refuses what has more: a token is a word."""
        self.refuses_late = False
        """Begins an answer first, and refuses what is too long as an event."""
        self.lists_window = False
        """Tells the window in its list of models."""
        self.counts = False
        """Has an endpoint that counts tokens."""
        self.summarises = True
        """Answers when it is asked for a summary; else 500."""
        self.facts = Facts()
        """What it finds in messages, and says of facts, when it is asked."""
        self.summaries_wait: asyncio.Event | None = None
        """A summary is told when this is set."""
        self._times: Counter[str] = Counter()
        self._heads: set[str] = set()
        self.kept: set[str] = set()
        """Ids of the responses that it was told to store."""

    @property
    def last(self) -> Received:
        return self.received[-1]

    def forget(self) -> None:
        """As when it is started again."""
        self.kept.clear()
        self._heads.clear()

    def app(self) -> web.Application:
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/v1/responses", self._responses)
        app.router.add_delete("/v1/responses/{id}", self._delete)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_post("/v1/responses/input_tokens", self._count)
        app.router.add_get("/received", self._received)
        return app

    async def _models(self, request: web.Request) -> web.Response:
        if refusal := self._wrong_key(request):
            return _refused(refusal)
        models = [
            {"id": name, "object": "model", "created": 1_700_000_000, "owned_by": "openinfer"}
            for name in MODELS
        ]
        if self.lists_window:
            models = [model | {"context_length": self.context_tokens} for model in models]
        return _json({"object": "list", "data": models})

    async def _count(self, request: web.Request) -> web.Response:
        if not self.counts:
            raise web.HTTPNotFound
        body = msgspec.json.decode(await request.read(), type=dict[str, Any])
        counted = usage_of(body, "")["input_tokens"]
        return _json({"object": "response.input_tokens", "input_tokens": counted})

    async def _received(self, _: web.Request) -> web.Response:
        """For other processes: how many calls came, and the newest bodies."""
        bodies = [received.body for received in self.received]
        return _json({"calls": self.calls, "bodies": bodies[-100:]})

    async def _responses(self, request: web.Request) -> web.StreamResponse:
        try:
            received = await self._receive(request)
            _check_responses_body(received.body)
            self._check_schema(received.body)
            self._check_head(received.body)
            self._check_window(received.body)
        except Refusal as refusal:
            if not (self.refuses_late and refusal.error["code"] == TOO_LONG):
                return _refused(refusal)
            late = late_refusal(received.body, refusal.error)
            return await self._answer(request, received, Script(), late)
        if self.summaries_wait and received.body.get("instructions") == SUMMARISING:
            await self.summaries_wait.wait()
        script, text = self._said(received.body)
        events = response_events(received.body, script, text)
        return await self._answer(request, received, script, events)

    def _said(self, body: Json) -> tuple[Script, str]:
        match body.get("instructions"):
            case str() as asked if asked == SUMMARISING:
                return self._summary_of(body["input"])
            case str() as asked if asked == EXTRACTING:
                return self.facts.extracted(last_user_text(body["input"]))
            case str() as asked if asked == JUDGING:
                return self.facts.judged(last_user_text(body["input"]))
        return self._script_of(body["input"])

    def _said_in_chat(self, messages: list[Json]) -> tuple[Script, str]:
        if messages and messages[0].get("content") == EXTRACTING:
            return self.facts.extracted(last_user_text(messages))
        return self._script_of(messages)

    async def _delete(self, request: web.Request) -> web.Response:
        if self.outage:
            return _scripted_status(self.outage, None)
        id_ = request.match_info["id"]
        if refusal := self._wrong_key(request):
            return _refused(refusal)
        if id_ not in self.kept:
            return _refused(Refusal(404, f"Response with id '{id_}' not found."))
        self.kept.discard(id_)
        self._heads.discard(id_)
        return _json({"id": id_, "object": "response", "deleted": True})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        try:
            received = await self._receive(request)
        except Refusal as refusal:
            return _refused(refusal)
        script, text = self._said_in_chat(received.body["messages"])
        chunks = chat_chunks(received.body, script, text)
        return await self._answer(request, received, script, chunks)

    async def _receive(self, request: web.Request) -> Received:
        if refusal := self._wrong_key(request):
            raise refusal
        try:
            body = msgspec.json.decode(await request.read(), type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise Refusal(400, f"The body is not JSON: {error}.") from None
        received = Received(request.path, body, _peer(request), _key(request))
        self.calls += 1
        self.received.append(received)
        self.arrived.set()
        _check_any_body(body)
        return received

    def _summary_of(self, items: Any) -> tuple[Script, str]:
        """Of a transcript it tells the facts alone: words such as fact-7. It may hold magic words,
        which are nobody's orders there."""
        facts = dict.fromkeys(_FACTS.findall(last_user_text(items)))
        script = Script() if self.summarises else Script(status=500)
        return script, f"They spoke of {' '.join(facts) or 'nothing'}."

    def _script_of(self, items: Any) -> tuple[Script, str]:
        """What to do, and the text to answer with."""
        said = last_user_text(items)
        script, message = parse_script(said)
        self._times[said] += 1
        if script.times is not None and self._times[said] > script.times:
            script = script.without_faults()
        last = items[-1] if isinstance(items, list) and items else {}
        if last.get("type") == "function_call_output" or last.get("role") == "tool":
            output = content_text(last.get("output") or last.get("content"))
            return msgspec.structs.replace(script, call=None), f"The tool said: {output}"
        return script, answer_text(script, message)

    def _wrong_key(self, request: web.Request) -> Refusal | None:
        said = _key(request)
        if said == self.key or said in self.keys:
            return None
        return Refusal(401, f"Incorrect API key provided: {said}.", code="invalid_api_key")

    def _check_window(self, body: Json) -> None:
        tokens = usage_of(body, "")["input_tokens"]
        if self.context_tokens is not None and tokens > self.context_tokens:
            raise Refusal(
                400,
                f"This model's maximum context length is {self.context_tokens} tokens, and the "
                f"request has {tokens}.",
                param="input",
                code=TOO_LONG,
            )

    def _check_schema(self, body: Json) -> None:
        if self.facts.refuses_schemas and body.get("text"):
            raise Refusal(400, "Unsupported parameter: 'text.format'.", param="text.format")

    def _check_head(self, body: Json) -> None:
        previous = body.get("previous_response_id")
        if previous is not None and previous not in self._heads:
            raise Refusal(
                400,
                f"Previous response with id '{previous}' not found.",
                param="previous_response_id",
                code="previous_response_not_found",
            )

    def _move_head(self, event: Json) -> None:
        if event.get("type") == "response.completed" and event["response"].get("store", True):
            self._heads.discard(event["response"].get("previous_response_id") or "")
            self._heads.add(event["response"]["id"])
            self.kept.add(event["response"]["id"])

    async def _answer(
        self, request: web.Request, received: Received, script: Script, events: Iterable[Json]
    ) -> web.StreamResponse:
        if status := self.outage or script.status:
            return _scripted_status(status, script.retry_after)
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        try:
            await self._write(request, answer, script, events)
        except (asyncio.CancelledError, ConnectionError):
            received.client_left = True
            raise
        finally:
            received.ended.set()
        return answer

    async def _write(
        self,
        request: web.Request,
        answer: web.StreamResponse,
        script: Script,
        events: Iterable[Json],
    ) -> None:
        if script.cut is not None:
            await answer.write(b"".join(map(event_frame, events))[: script.cut])
            _hang_up(request)
            return
        waiting: list[bytes] = []
        for number, event in enumerate(events):
            if number == script.end:
                await answer.write(b"".join(waiting))
                return
            if _is_fault(script, number):
                await answer.write(b"".join(waiting))
                await _fail(request, answer, script, number, event)
                return
            if script.delay and "delta" in str(event.get("type", "delta")):
                await asyncio.sleep(script.delay)
            waiting.append(event_frame(event))
            if len(waiting) >= script.chunk:
                await _write_pieces(answer, b"".join(waiting), script.pieces)
                waiting.clear()
            self._move_head(event)
        await _write_pieces(answer, b"".join([*waiting, b"data: [DONE]\n\n"]), script.pieces)


async def _write_pieces(answer: web.StreamResponse, data: bytes, size: int | None) -> None:
    for start in range(0, len(data), size or len(data)):
        await answer.write(data[start : start + (size or len(data))])


def _key(request: web.Request) -> str:
    return request.headers.get("Authorization", "").removeprefix("Bearer ")


def _peer(request: web.Request) -> object:
    return request.transport.get_extra_info("peername") if request.transport else None


def _check_any_body(body: Json) -> None:
    if body.get("stream") is not True:
        raise Refusal(400, "Only streaming is supported: set stream to true.", param="stream")
    if body.get("model") not in MODELS:
        message = f"The requested model '{body.get('model')}' does not exist."
        raise Refusal(404, message, param="model", code="model_not_found")
    for tool in body.get("tools") or []:
        if tool.get("type") != "function":
            raise Refusal(400, f"Tool type '{tool.get('type')}' is not supported.", param="tools")
    if wrong := wrong_image(body):
        raise Refusal(400, wrong, param="input", code="invalid_image_url")


def _check_responses_body(body: Json) -> None:
    if not isinstance(body.get("input"), str | list):
        raise Refusal(400, "Missing required parameter: 'input'.", param="input")
    for item in body["input"]:
        if isinstance(item, dict) and item.get("type") == "item_reference":
            raise Refusal(404, f"Item with id '{item.get('id')}' not found.", param="input")


def _is_fault(script: Script, number: int) -> bool:
    return number in (script.break_at, script.half, script.stall, script.garbage)


async def _fail(
    request: web.Request, answer: web.StreamResponse, script: Script, number: int, event: Json
) -> None:
    if number == script.stall:
        await asyncio.Event().wait()
    if number == script.garbage:
        await answer.write(b'data: {"type": "response.output_te\xff\n\n')
        return
    if number == script.half:
        frame = event_frame(event)
        await answer.write(frame[: len(frame) // 2])
    _hang_up(request)


def _hang_up(request: web.Request) -> None:
    assert request.transport is not None
    request.transport.close()


def _scripted_status(status: int, retry_after: int | None) -> web.Response:
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    error = {
        "message": f"The test engine was told to answer with {status}.",
        "type": "scripted_error",
        "param": None,
        "code": "rate_limit_exceeded" if status == 429 else "scripted",
    }
    return _json({"error": error}, status, headers)


def _refused(refusal: Refusal) -> web.Response:
    return _json({"error": refusal.error}, refusal.status)


def _json(value: object, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(value),
        status=status,
        headers=headers,
        content_type="application/json",
    )


def event_frame(event: Json) -> bytes:
    data = msgspec.json.encode(event)
    if name := event.get("type"):
        return b"event: %b\ndata: %b\n\n" % (name.encode(), data)
    return b"data: %b\n\n" % data


@asynccontextmanager
async def run_fake_engine(port: int = 0) -> AsyncIterator[FakeEngine]:
    engine = FakeEngine()
    # The handler is cancelled when its client goes: a stalled one would never notice otherwise.
    runner = web.AppRunner(
        engine.app(), handler_cancellation=True, access_log=None, shutdown_timeout=0.1
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
        engine.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        yield engine
    finally:
        await runner.cleanup()


async def _serve(port: int) -> None:
    async with run_fake_engine(port) as engine:
        print(engine.url, flush=True)
        await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description="Run the test engine and print its URL.")
    parser.add_argument("--port", type=int, default=0)
    asyncio.run(_serve(parser.parse_args().port))


if __name__ == "__main__":
    main()

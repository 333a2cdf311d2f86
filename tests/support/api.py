"""The API as bytes on the wire, for what an SDK would hide: statuses, headers, single frames."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from io import BytesIO
from typing import Any

import aiohttp
import msgspec

from tests.support.answers import check_answer
from tests.support.service import Service

Json = dict[str, Any]
MODEL = "test-model"
CALL_SECONDS_MAX = 60.0


class Reply(msgspec.Struct, frozen=True):
    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return msgspec.json.decode(self.raw)

    @property
    def error(self) -> Json:
        """The error, checked to be of OpenAI's shape."""
        assert self.status >= 400, (self.status, self.raw)
        assert set(self.body) == {"error"}, self.raw
        error: Json = self.body["error"]
        assert set(error) == {"message", "type", "param", "code"}, error
        assert isinstance(error["message"], str)
        assert error["message"]
        assert isinstance(error["type"], str)
        assert error["param"] is None or isinstance(error["param"], str)
        assert error["code"] is None or isinstance(error["code"], str)
        return error


class Streamed(msgspec.Struct, frozen=True):
    """A stream that was read to its end."""

    headers: Mapping[str, str]
    events: list[Json]
    done: bool
    """Whether `[DONE]` was the last thing said."""

    @property
    def types(self) -> list[str]:
        return [event["type"] for event in self.events]

    @property
    def response(self) -> Json:
        """The response as the last event has it."""
        response: Json = self.events[-1]["response"]
        return response


class Api:
    """One speaker: a key, and the user named by it, if any."""

    def __init__(
        self, http: aiohttp.ClientSession, root_url: str, key: str | None, *, watched: bool = False
    ) -> None:
        self._http = http
        self._watched = watched
        """The service checks what it sends by itself (`watched.py`): it is in this process."""
        self.root_url = root_url
        self.key = key
        self.headers: dict[str, str] = {}

    def as_user(self, name: str) -> "Api":
        return self.with_headers({"Backstory-User": name})

    def with_key(self, key: str | None) -> "Api":
        other = Api(self._http, self.root_url, key, watched=self._watched)
        other.headers = self.headers
        return other

    def with_headers(self, headers: Mapping[str, str]) -> "Api":
        other = Api(self._http, self.root_url, self.key, watched=self._watched)
        other.headers = {**self.headers, **headers}
        return other

    async def send(
        self, method: str, path: str, body: object = None, *, data: bytes | None = None
    ) -> Reply:
        async with self.open(method, path, body, data=data) as answer:
            raw = await answer.read()
            if not self._watched:
                check_answer(method, path, answer.status, answer.content_type, raw)
            return Reply(answer.status, answer.headers, raw)

    async def get(self, path: str) -> Reply:
        return await self.send("GET", path)

    async def delete(self, path: str) -> Reply:
        return await self.send("DELETE", path)

    async def create(self, said: object, **fields: Any) -> Reply:
        """POST /v1/responses."""
        return await self.send("POST", "/v1/responses", asking(said, fields))

    async def respond(self, said: object, **fields: Any) -> Json:
        """POST /v1/responses, and all goes well."""
        reply = await self.create(said, **fields)
        assert reply.status == 200, reply.raw
        body: Json = reply.body
        return body

    async def stream(self, said: object, **fields: Any) -> Streamed:
        async with self.streaming(said, **fields) as answer:
            raw = await answer.read()
            assert answer.status == 200, raw
            if not self._watched:
                check_answer("POST", "/v1/responses", 200, answer.content_type, raw)
            return read_stream(answer.headers, raw)

    async def post_form(self, path: str, form: aiohttp.FormData) -> Reply:
        payload = form()
        return await self.send_raw("POST", path, payload, payload.headers["Content-Type"])

    async def send_raw(
        self, method: str, path: str, data: bytes | aiohttp.Payload, content_type: str
    ) -> Reply:
        """A body of another type than JSON."""
        body = BytesIO(data) if isinstance(data, bytes) else data
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": content_type}
        async with self._http.request(
            method, self.root_url + path, data=body, headers=headers | self.headers
        ) as answer:
            raw = await answer.read()
            if not self._watched:
                check_answer(method, path, answer.status, answer.content_type, raw)
            return Reply(answer.status, answer.headers, raw)

    @asynccontextmanager
    async def streaming(self, said: object, **fields: Any) -> AsyncIterator[aiohttp.ClientResponse]:
        """A stream that has begun; leaving the block leaves the service."""
        async with self.open("POST", "/v1/responses", asking(said, fields | {"stream": True})) as a:
            yield a

    @asynccontextmanager
    async def open(
        self, method: str, path: str, body: object = None, *, data: bytes | None = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        headers = {"Authorization": f"Bearer {self.key}"} if self.key is not None else {}
        if body is not None:
            data = msgspec.json.encode(body)
        if data is not None:
            headers["Content-Type"] = "application/json"
        payload = None if data is None else BytesIO(data)  # aiohttp warns of large bytes
        async with self._http.request(
            method, self.root_url + path, data=payload, headers=headers | self.headers
        ) as answer:
            yield answer


def asking(said: object, fields: Mapping[str, Any]) -> Json:
    return {"model": MODEL, "input": said, **fields}


def read_stream(headers: Mapping[str, str], raw: bytes) -> Streamed:
    """Every frame is an event with its data, and the blank line after it."""
    assert raw.endswith(b"\n\n"), raw[-200:]
    blocks = raw.removesuffix(b"\n\n").split(b"\n\n")
    done = blocks[-1] == b"data: [DONE]"
    events = []
    for block in blocks[:-1] if done else blocks:
        first, second = block.split(b"\n")
        event = msgspec.json.decode(second.removeprefix(b"data: "))
        assert first == b"event: " + event["type"].encode()
        events.append(event)
    return Streamed(headers, events, done)


def text_of(response: Json) -> str:
    """All that a response says."""
    return "".join(
        part["text"]
        for item in response["output"]
        if item["type"] == "message"
        for part in item["content"]
        if part["type"] == "output_text"
    )


def message(text: str, role: str = "user") -> Json:
    kind = "output_text" if role == "assistant" else "input_text"
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}


@asynccontextmanager
async def open_api(service: Service) -> AsyncIterator[Api]:
    timeout = aiohttp.ClientTimeout(total=CALL_SECONDS_MAX)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as http:
        yield Api(http, service.root_url, service.api_key, watched=True)

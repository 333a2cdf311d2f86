"""A connection that stays open: responses one after the other, their events as messages.

What is not stored can be continued here all the same, from the last response on, since the
connection remembers it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from datetime import UTC, datetime
from time import perf_counter
from typing import Any

import msgspec
import structlog

from app.conversations.contents import canonical
from app.engine.types import Item
from app.errors import BackstoryError, InvalidRequest
from app.ids import PROJECT_ITSELF, RequestId, created_at, new_id
from app.responses.create import create
from app.responses.parts import Parts
from app.responses.request import read_document
from app.responses.running import Answer
from app.responses.types import Call, CreateRequest
from app.usage.types import RequestRecord
from app.web.body import decode_object
from app.web.errors import socket_error
from app.web.frames import data_of
from app.web.principal import USER_HEADER, Principal, named_user

log = structlog.get_logger()

CREATE = "response.create"
OF_STREAMS = ("stream", "stream_options")
"""Fields of HTTP, without a meaning here: some clients send them anyway."""

Send = Callable[[bytes], Awaitable[None]]
Left = Callable[[], Awaitable[None]]


class _Remembered(msgspec.Struct, frozen=True):
    """The last response of the connection, where it is not stored."""

    response_id: str
    items: list[Item]


class Conversing:
    """What one connection asks and is told, one response at a time."""

    def __init__(
        self,
        parts: Parts,
        principal: Principal,
        headers: Mapping[str, str],
        send: Send,
        left: Left,
    ) -> None:
        self._parts = parts
        self.principal = principal
        self._headers = headers
        self._send = send
        self._left = left
        self._last: _Remembered | None = None

    async def answer(self, message: bytes) -> None:
        """Tells all that there is to tell of a message, errors too."""
        record = self._new_record()
        try:
            call = await self._call(message, record)
            given = call.request.items
            answer = await self._begun(call)
        except BackstoryError as error:
            await self._refuse(error, record)
            return
        except Exception:
            log.exception("socket.failed")
            failure = BackstoryError("The service failed to answer this request.")
            await self._refuse(failure, record)
            return
        await self._tell(answer)
        self._remember(call.request, given, answer)

    async def _begun(self, call: Call) -> Answer:
        """Where the client leaves before it began, what nobody keeps is given up then."""
        creating = asyncio.ensure_future(create(self._parts, call))
        try:
            return await asyncio.shield(creating)
        except asyncio.CancelledError:
            creating.add_done_callback(_abandon)
            raise

    async def tell_error(self, error: BackstoryError) -> None:
        await self._send(msgspec.json.encode(socket_error(error)))

    async def _call(self, message: bytes, record: RequestRecord) -> Call:
        request = self._read(message)
        user = named_user(request.fields.user, self._headers.get(USER_HEADER))
        caller = await self._parts.users.caller(self.principal, user)
        record.user_id = caller.owner
        allowance = await self._parts.limiter.admit(caller)
        return Call(
            caller=caller,
            request=request,
            record=record,
            take_record=lambda: None,
            client_left=self._left,
            started=perf_counter(),
            allowance=allowance,
        )

    def _read(self, message: bytes) -> CreateRequest:
        document = decode_object(message)
        if document.pop("type", None) != CREATE:
            raise InvalidRequest(
                f"The 'type' of a message must be '{CREATE}'.", param="type", code="invalid_value"
            )
        if document.get("background"):
            raise InvalidRequest(
                "A connection has no background: leave 'background' out.", param="background"
            )
        generate = document.pop("generate", True) is not False
        if not generate:
            document["cache"] = False
        kept = {name: value for name, value in document.items() if name not in OF_STREAMS}
        last = self._continued(kept)
        request = read_document(kept, self._headers, self._parts.config)
        request.generate = generate
        if last:
            request.continued_here = last.response_id
            request.items = [*last.items, *request.items]
        return request

    def _continued(self, document: dict[str, Any]) -> _Remembered | None:
        """What the connection itself remembers of the previous response; else the store does."""
        last = self._last
        if last is None or document.get("previous_response_id") != last.response_id:
            return None
        if document.get("conversation"):
            return None  # both: said to be wrong by those who look into the store
        del document["previous_response_id"]
        document.setdefault("input", [])
        return last

    async def _tell(self, answer: Answer) -> None:
        try:
            async with aclosing(answer.run.log.follow()) as batches:
                async for batch in batches:
                    for frame in batch:
                        await self._send(data_of(frame))
        finally:
            answer.abandon()

    def _remember(self, request: CreateRequest, given: list[Item], answer: Answer) -> None:
        """Items as they were given: nobody else has the images that were taken out of them."""
        resource = answer.run.resource
        self._last = None
        if request.store or resource["status"] not in ("completed", "incomplete"):
            return
        outputs = [canonical(output.item) for output in answer.run.completer.output_items()]
        items = [*given, *outputs]
        if self._fits(items):
            self._last = _Remembered(resource["id"], items)

    def _fits(self, items: list[Item]) -> bool:
        config = self._parts.config
        if len(items) > config.context_items_max:
            return False
        return len(msgspec.json.encode(items)) <= config.body_bytes_max

    async def _refuse(self, error: BackstoryError, record: RequestRecord) -> None:
        """What failed is not continued: a client begins again with all that it has."""
        self._last = None
        record.status, record.error_code = error.status, error.code
        record.total_ms = (datetime.now(UTC) - record.created_at).total_seconds() * 1000
        self._parts.request_log.add(record)
        await self.tell_error(error)

    def _new_record(self) -> RequestRecord:
        request_id = RequestId(new_id())
        return RequestRecord(
            project_id=self.principal.project,
            created_at=created_at(request_id),
            request_id=request_id,
            user_id=PROJECT_ITSELF,
            key_id=self.principal.key,
            endpoint="WS /v1/responses",
            stream=True,
        )


def _abandon(creating: "asyncio.Future[Answer]") -> None:
    if not creating.cancelled() and not creating.exception():
        creating.result().abandon()

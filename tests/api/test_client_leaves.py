"""Where nothing is stored, a client that leaves ends the engine's work, whenever it leaves."""

import asyncio
from uuid import uuid4

import pytest

from tests.support.api import Api
from tests.support.engine import FakeEngine, Received
from tests.support.eventually import eventually


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("stall", [0, 5])
async def test_the_engine_is_told(
    api: Api, shared_engine: FakeEngine, stream: bool, stall: int
) -> None:
    text = f"[[stall:{stall}]] {uuid4()}"
    call = asyncio.create_task(api.create(text, store=False, stream=stream))

    async def arrived() -> Received | None:
        return next((one for one in shared_engine.received if text in str(one.body)), None)

    received = await eventually(arrived)
    call.cancel()
    await asyncio.wait({call})
    assert received is not None
    async with asyncio.timeout(10):
        await received.ended.wait()
    assert received.client_left

"""Looking once more for rows of users who were erased.

A worker knows a user's name for some seconds after it is gone, and a response may run for long:
what they store belongs to nobody, and goes.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import structlog

from app.erasure import queries
from app.erasure.forget_user import erase
from app.erasure.queries import ErasedBefore
from app.erasure.spans import forgetting
from app.log import said
from app.responses.parts import Parts

log = structlog.get_logger()

USERS_AT_A_TIME = 10
MARGIN_SECONDS = 60.0


@asynccontextmanager
async def open_sweeper(parts: Parts) -> AsyncIterator[None]:
    task = asyncio.create_task(_sweep_forever(parts))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _sweep_forever(parts: Parts) -> None:
    while True:
        await asyncio.sleep(parts.config.erasure_sweep_seconds)
        try:
            await sweep(parts)
        except Exception as error:
            log.warning("users.not_swept", error=said(error))


async def sweep(parts: Parts) -> None:
    """Those whose time has come: soon after they were erased, and when no stream can run on."""
    async with parts.database.across() as conn:
        found = await queries.list_users_to_sweep(conn, USERS_AT_A_TIME)
    for one in found:
        try:
            await _sweep_one(parts, one)
        except Exception as error:  # another's turn comes all the same
            log.warning("users.not_swept", error=said(error))


async def _sweep_one(parts: Parts, one: ErasedBefore) -> None:
    await erase(parts.database, forgetting(parts), one.project_id, one.user_id)
    last = one.erased_at + timedelta(
        seconds=parts.config.engine_stream_timeout_seconds + MARGIN_SECONDS
    )
    left = (last - datetime.now(UTC)).total_seconds()
    async with parts.database.tenant(one.project_id) as conn:
        if left > 0:
            await queries.keep_erased(conn, one.project_id, one.user_id, left)
        else:
            await queries.delete_erased(conn, one.project_id, one.user_id)

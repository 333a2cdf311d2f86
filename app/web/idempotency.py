"""`Idempotency-Key`: by principal, the same body gets the same answer, another body 422."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from hashlib import blake2b
from typing import Any
from uuid import UUID

import msgspec

from app.db.database import Database
from app.db.sql import Connection, load
from app.errors import Conflict, IdempotencyMismatch, InvalidRequest, Unavailable
from app.ids import PROJECT_ITSELF, ResponseId, UserId, new_id
from app.web.principal import Principal

HEADER = "idempotency-key"
KEY_LENGTH_MAX = 255
LEASE_SECONDS = 30.0
RENEW_SECONDS = 10.0
POLL_SECONDS = 0.1
WAIT_SECONDS = 60.0

_sql = load(__file__)


class StoredKey(msgspec.Struct, frozen=True):
    claim_id: UUID
    body_hash: bytes
    response_id: ResponseId | None
    status: int | None
    reply: Any

    @property
    def answered(self) -> bool:
        return self.response_id is not None or self.status is not None


class Claim(msgspec.Struct, frozen=True):
    """An idempotency key that this request holds until it is answered."""

    principal: Principal
    key_hash: bytes
    body_hash: bytes
    claim_id: UUID

    @property
    def where(self) -> dict[str, Any]:
        return {
            "project": self.principal.project,
            "principal_id": self.principal.id,
            "key_hash": self.key_hash,
        }


_claim_key = _sql.rows("claim_key", StoredKey)
_get_key = _sql.rows("get_key", StoredKey)
_renew_key = _sql.statement("renew_key")
_release_key = _sql.statement("release_key")
_keep_reply = _sql.statement("keep_reply")


def claim_for(principal: Principal, key: str, body: bytes, user: str | None = None) -> Claim:
    """The same body of another user is another body. Raises InvalidRequest: the key is too long."""
    if not 1 <= len(key) <= KEY_LENGTH_MAX:
        raise InvalidRequest(f"An Idempotency-Key has 1 to {KEY_LENGTH_MAX} characters.")
    said = b"%b\x00%b" % (body, (user or "").encode())
    return Claim(principal, _hash(key.encode()), _hash(said), new_id())


async def take(
    database: Database, claim: Claim, user: UserId | None, ttl_seconds: float
) -> StoredKey | None:
    """None where the claim is ours now, else what was answered before.

    While another attempt is at work elsewhere this waits for it. Raises IdempotencyMismatch, or
    Conflict where the wait is over.
    """
    deadline = asyncio.get_running_loop().time() + WAIT_SECONDS
    while asyncio.get_running_loop().time() < deadline:
        stored = await _try_take(database, claim, user, ttl_seconds)
        if stored is None or stored.answered:
            return stored
        await asyncio.sleep(POLL_SECONDS)
    raise Conflict("A request with this Idempotency-Key is still being answered.")


async def _try_take(
    database: Database, claim: Claim, user: UserId | None, ttl_seconds: float
) -> StoredKey | None:
    async with database.tenant(claim.principal.project) as conn:
        taken = await _claim_key.one(
            conn,
            **claim.where,
            body_hash=claim.body_hash,
            user_id=user or PROJECT_ITSELF,
            claim_id=claim.claim_id,
            lease_seconds=LEASE_SECONDS,
            ttl_seconds=ttl_seconds,
        )
        if taken:
            return None
        stored = await _get_key.one(conn, **claim.where)
    if stored:
        check_same_body(stored.body_hash, claim)
    return stored or await _try_take(database, claim, user, ttl_seconds)


def check_same_body(body_hash: bytes, claim: Claim) -> None:
    """Raises IdempotencyMismatch."""
    if body_hash != claim.body_hash:
        raise IdempotencyMismatch(
            "This Idempotency-Key was used with another body; use a new key for a new request."
        )


@asynccontextmanager
async def held(database: Database, claim: Claim | None) -> AsyncIterator[None]:
    """Keeps a claim while its request is answered; gives it up where nothing was stored."""
    if claim is None:
        yield
        return
    renewal = asyncio.create_task(_renew_forever(database, claim))
    try:
        yield
    finally:
        renewal.cancel()
        await asyncio.gather(renewal, return_exceptions=True)
        await release(database, claim)


Reply = tuple[int, Any]
"""A status and a body that JSON can hold."""
Keep = Callable[[Connection, Reply], Awaitable[None]]


async def once(
    database: Database,
    claim: Claim | None,
    user: UserId | None,
    ttl_seconds: float,
    work: Callable[[Keep], Awaitable[Reply]],
) -> Reply:
    """What the work replies, or what it replied before. It calls `keep` in its transaction.

    Raises IdempotencyMismatch, Conflict, and what the work raises.
    """
    if claim is None:
        return await work(_keep_nothing)
    stored = await take(database, claim, user, ttl_seconds)
    if stored is not None:
        return stored.status or 200, stored.reply
    async with held(database, claim):
        return await work(partial(_keep_reply_of, claim))


async def _keep_nothing(conn: Connection, reply: Reply) -> None:
    """Without a key there is nothing to come back to."""


async def _keep_reply_of(claim: Claim, conn: Connection, reply: Reply) -> None:
    await keep_reply(conn, claim, *reply)


async def keep_reply(conn: Connection, claim: Claim, status: int, reply: Any) -> None:
    """In the transaction that did the work, so that both stand or neither."""
    await _keep_reply.run(conn, **claim.where, claim_id=claim.claim_id, status=status, reply=reply)


async def _renew_forever(database: Database, claim: Claim) -> None:
    while True:
        await asyncio.sleep(RENEW_SECONDS)
        try:
            async with database.tenant(claim.principal.project) as conn:
                await _renew_key.run(
                    conn, **claim.where, claim_id=claim.claim_id, lease_seconds=LEASE_SECONDS
                )
        except Unavailable:
            continue


async def release(database: Database, claim: Claim) -> None:
    try:
        async with database.tenant(claim.principal.project) as conn:
            await _release_key.run(conn, **claim.where, claim_id=claim.claim_id)
    except Unavailable:
        return  # the lease ends by itself


def _hash(data: bytes) -> bytes:
    return blake2b(data, digest_size=32).digest()

"""Slowing those who guess: tries are counted by account and by address, in the database, so that
all workers count together. After some that are free each makes the next wait, twice as long."""

import math
from hashlib import blake2b

import msgspec

from app.accounts import queries
from app.accounts.parts import AccountParts
from app.accounts.visitor import Visitor
from app.db.sql import Connection
from app.errors import TooManyRequests
from app.ids import ProjectId


class Subject(msgspec.Struct, frozen=True):
    """What tries are counted of: a keyed hash, and how many are free."""

    hash: bytes
    free: int


class Guess(msgspec.Struct, frozen=True):
    """A try by a visitor, counted before the password is looked at: many at once are many."""

    project: ProjectId
    account: Subject | None
    address: Subject | None

    @property
    def of_account(self) -> "Guess":
        return Guess(self.project, self.account, None)


def guess_at(parts: AccountParts, visitor: Visitor, account: str) -> Guess:
    """`account` is an e-mail address, whether or not anybody has it."""
    free = parts.config.guesses_per_account
    return Guess(
        visitor.project,
        Subject(_hash(parts, "account", account), free),
        _of_address(parts, visitor, "address", parts.config.guesses_per_address),
    )


def sign_up_by(parts: AccountParts, visitor: Visitor) -> Guess:
    """Each counts, also one that succeeds."""
    free = parts.config.sign_ups_per_address
    return Guess(visitor.project, None, _of_address(parts, visitor, "sign-up", free))


async def count(conn: Connection, parts: AccountParts, guess: Guess) -> None:
    """Raises TooManyRequests, in a transaction that then counts nothing."""
    for subject in (guess.address, guess.account):  # always in this order: nobody waits in a ring
        if subject is not None:
            await _count(conn, parts, guess.project, subject)


async def forgive(conn: Connection, guess: Guess) -> None:
    """The password was right."""
    if guess.address is not None:
        await queries.uncount_guess(conn, guess.project, guess.address.hash)
    if guess.account is not None:
        await queries.forget_guesses(conn, guess.project, guess.account.hash)


async def _count(
    conn: Connection, parts: AccountParts, project: ProjectId, subject: Subject
) -> None:
    config = parts.config
    counted = await queries.count_guess(
        conn,
        project,
        subject.hash,
        free=subject.free,
        wait_seconds=config.guess_wait_seconds,
        wait_seconds_max=config.guess_wait_seconds_max,
        memory_seconds=max(config.guess_memory_seconds, config.guess_wait_seconds_max),
    )
    if not counted:
        seconds = math.ceil(await queries.seconds_to_wait(conn, project, subject.hash))
        raise TooManyRequests(
            "There were too many tries: wait before the next.",
            code="too_many_attempts",
            headers={"Retry-After": str(max(1, seconds))},
        )


def _of_address(parts: AccountParts, visitor: Visitor, sort: str, free: int) -> Subject | None:
    address = visitor.counted_address
    return None if address is None else Subject(_hash(parts, sort, address), free)


def _hash(parts: AccountParts, sort: str, text: str) -> bytes:
    return blake2b(f"{sort}:{text}".encode(), key=parts.guess_key, digest_size=32).digest()

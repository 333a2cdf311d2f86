"""Passwords: argon2id, in threads, a few at once, since each takes its memory."""

import asyncio
import base64
import secrets
import unicodedata
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from app.config import Config
from app.errors import InvalidRequest, TooManyRequests

LENGTH_MIN = 8
BYTES_MAX = 1024
HASH_BYTES = 32
SALT_BYTES = 16

T = TypeVar("T")


class Passwords:
    def __init__(self, config: Config) -> None:
        self._hasher = PasswordHasher(
            time_cost=config.password_rounds,
            memory_cost=config.password_memory_bytes // 1024,
            parallelism=1,
            hash_len=HASH_BYTES,
            salt_len=SALT_BYTES,
        )
        self._pool = ThreadPoolExecutor(config.password_threads, "passwords")
        self._most = config.password_hashes_max
        self._under_way = 0
        self._nobodys = self._unmatched()

    async def hash(self, password: str) -> str:
        return await self._run(lambda: self._hasher.hash(normal(password)))

    async def match(self, password: str, stored: str | None) -> bool:
        """Where there is nothing to compare with, it takes the time of comparing all the same."""
        return await self._run(lambda: self._verify(stored or self._nobodys, password))

    def is_outdated(self, stored: str) -> bool:
        """It was made with other parameters than are used now."""
        return self._hasher.check_needs_rehash(stored)

    def check_room(self) -> None:
        """Raises TooManyRequests where so many wait already that another should come back."""
        if self._under_way >= self._most:
            raise TooManyRequests(
                "Too many passwords are being checked at once: try again in a moment.",
                headers={"Retry-After": "1"},
            )

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)

    async def _run(self, work: Callable[[], T]) -> T:
        self.check_room()
        self._under_way += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._under_way -= 1

    def _verify(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, normal(password))
        except VerifyMismatchError:
            return False

    def _unmatched(self) -> str:
        """A hash as this hasher makes them, of no password."""
        costs = f"m={self._hasher.memory_cost},t={self._hasher.time_cost},p=1"
        salt, digest = (
            base64.b64encode(secrets.token_bytes(size)).rstrip(b"=").decode()
            for size in (SALT_BYTES, HASH_BYTES)
        )
        return f"$argon2id$v=19${costs}${salt}${digest}"


@asynccontextmanager
async def open_passwords(config: Config) -> AsyncIterator[Passwords]:
    passwords = Passwords(config)
    try:
        yield passwords
    finally:
        passwords.close()


def normal(password: str) -> str:
    """In Unicode's composed form: keyboards differ in how they write the same letter."""
    return unicodedata.normalize("NFC", password)


def check_new(password: str, param: str = "password") -> None:
    """Raises InvalidRequest."""
    check_size(password, param)
    if len(normal(password)) < LENGTH_MIN:
        raise InvalidRequest(
            f"A password has at least {LENGTH_MIN} characters.", param=param, code="weak_password"
        )


def check_size(password: str, param: str = "password") -> None:
    """Raises InvalidRequest. What is long as it is written is not composed: that takes long."""
    if len(password) > BYTES_MAX or len(normal(password).encode()) > BYTES_MAX:
        raise InvalidRequest(f"A password has at most {BYTES_MAX} bytes.", param=param)

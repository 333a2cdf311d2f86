"""Hashing passwords: in one form, under the parameters of now, and not too many at once."""

import asyncio
import unicodedata
from collections.abc import AsyncIterator
from typing import Literal

import msgspec
import pytest

from app.accounts.emails import normal_email
from app.accounts.passwords import Passwords, check_new, check_size, open_passwords
from app.config import Config
from app.errors import InvalidRequest, TooManyRequests

CHEAP = Config(password_memory_bytes=2**16, password_rounds=1, password_hashes_max=3)


@pytest.fixture
async def passwords() -> AsyncIterator[Passwords]:
    async with open_passwords(CHEAP) as opened:
        yield opened


async def test_it_is_argon2id_with_a_salt_of_its_own(passwords: Passwords) -> None:
    first, second = [await passwords.hash("correct horse") for _ in range(2)]
    assert first != second
    assert first.startswith("$argon2id$v=19$m=64,t=1,p=1$")
    assert await passwords.match("correct horse", first)
    assert not await passwords.match("correct horsE", first)
    assert not await passwords.match("", None)


async def test_what_nobody_has_is_compared_under_the_same_parameters(passwords: Passwords) -> None:
    assert passwords._nobodys.rpartition("p=")[0] == (await passwords.hash("x")).rpartition("p=")[0]
    assert not passwords.is_outdated(passwords._nobodys)


async def test_other_parameters_are_seen(passwords: Passwords) -> None:
    stored = await passwords.hash("correct horse")
    assert not passwords.is_outdated(stored)
    for changed in (
        msgspec.structs.replace(CHEAP, password_rounds=2),
        msgspec.structs.replace(CHEAP, password_memory_bytes=2**17),
    ):
        async with open_passwords(changed) as other:
            assert other.is_outdated(stored)


async def test_too_many_at_once_are_told_to_come_back(passwords: Passwords) -> None:
    done = await asyncio.gather(
        *(passwords.hash("correct horse") for _ in range(5)), return_exceptions=True
    )
    refused = [one for one in done if isinstance(one, TooManyRequests)]
    assert len(refused) == 2
    assert refused[0].headers == {"Retry-After": "1"}
    assert await passwords.hash("correct horse")


@pytest.mark.parametrize(
    "text",
    ["\u212aim@example.com", "<kim@example.com>", "kim\u200b@example.com", "a b@c", "kim", "k@i@m"],
)
def test_what_is_no_address(text: str) -> None:
    """Nor one that would be another's, as the Kelvin sign becomes a `k`."""
    with pytest.raises(InvalidRequest):
        normal_email(text)


def test_an_address_has_one_form() -> None:
    assert normal_email(" KIM+x@Example.com ") == "kim+x@example.com"
    assert normal_email("E\u0301ve@example.com") == normal_email("éVE@EXAMPLE.COM")


def test_what_is_far_too_long_is_refused_before_it_is_composed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Composing marks out of order takes time that grows with the square of their number."""
    composed: list[int] = []
    normalize = unicodedata.normalize

    def watched(form: Literal["NFC"], text: str) -> str:
        composed.append(len(text))
        return normalize(form, text)

    monkeypatch.setattr(unicodedata, "normalize", watched)
    for refuse in (check_new, check_size, normal_email):
        with pytest.raises(InvalidRequest):
            refuse("\u0301\u0327" * 500_000)
    assert max(composed) < 2000

"""Which origins any project lets call, while the database is away."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from app.db.database import Database
from app.errors import Unavailable
from app.settings.origins import ProjectOrigins
from app.settings.read import SettingsReader


class Away:
    """A database, or settings, of which nothing is to be had."""

    changes = 0

    def __init__(self) -> None:
        self.tries = 0

    @asynccontextmanager
    async def across(self) -> AsyncIterator[Any]:
        self.tries += 1
        await asyncio.sleep(0)
        if self.tries:
            raise Unavailable
        yield


async def test_those_who_wait_do_not_try_each_by_themselves() -> None:
    away = Away()
    origins = ProjectOrigins(cast(Database, away), cast(SettingsReader, away), 10)
    asked = (origins.any_allows("https://example.com") for _ in range(50))
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert {type(answer) for answer in answers} == {Unavailable}
    assert away.tries == 1
    with pytest.raises(Unavailable):
        await origins.any_allows("https://example.com")

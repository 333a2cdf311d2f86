"""Engines for tests. `pytest_plugins` in tests/conftest.py names this module."""

from collections.abc import AsyncIterator

import pytest

from tests.support.engine import FakeEngine, run_fake_engine


@pytest.fixture
async def fake_engine() -> AsyncIterator[FakeEngine]:
    """A test engine of this test's own: its calls are counted from nothing."""
    async with run_fake_engine() as engine:
        yield engine

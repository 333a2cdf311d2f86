"""Windows: as configured, as listed, as told when an engine refuses."""

import pytest

from app.config import Config
from app.contexts.windows import Windows
from app.engine.open import open_engine
from tests.support.engine import FakeEngine


async def test_a_window_is_configured_listed_or_learned(fake_engine: FakeEngine) -> None:
    config = Config(engine_url=fake_engine.url, engine_api_key=fake_engine.key)
    async with open_engine(config) as engine:
        assert await Windows(engine, 1234).tokens("test-model") == 1234
        windows = Windows(engine, None)
        assert await windows.tokens("test-model") is None
        assert windows.learn("test-model", "no word of it") is None
        assert await windows.tokens("test-model") is None
        windows.learn("test-model", "maximum context length is 77 tokens")
        assert await windows.tokens("test-model") == 77
        fake_engine.context_tokens, fake_engine.lists_window = 500, True
        assert await Windows(engine, None).tokens("test-model") == 500


async def test_an_engine_that_is_away_has_no_window() -> None:
    config = Config(engine_url="http://127.0.0.1:9/v1", engine_retries_max=0)
    async with open_engine(config) as engine:
        assert await Windows(engine, None).tokens("test-model") is None


@pytest.mark.parametrize(
    "said",
    [
        "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens.",
        "request (6026 tokens) exceeds the available context size (4096 tokens), try increasing it",
        "Your input exceeds the context window of 4096 tokens.",
    ],
)
async def test_engines_tell_it_in_their_own_words(said: str, fake_engine: FakeEngine) -> None:
    async with open_engine(Config(engine_url=fake_engine.url)) as engine:
        assert Windows(engine, None).learn("any", said) == 4096

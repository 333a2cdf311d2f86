"""kill -9 of one of two workers, at random moments: the other knows and ends all that it made."""

from pathlib import Path

from app.config import Config
from app.db.embedded import EmbeddedPostgres
from tests.support.engine import FakeEngine
from tests.support.postgres_fixtures import fresh_database
from tests.support.two_workers import two_workers

ROUNDS = 10


async def test_nothing_is_lost_or_done_twice_and_nothing_hangs(
    postgres: EmbeddedPostgres, fake_engine: FakeEngine, tmp_path: Path
) -> None:
    config = Config(data_dir=tmp_path, engine_url=fake_engine.url, engine_api_key=fake_engine.key)
    with fresh_database(postgres) as urls:
        async with two_workers(urls, config) as pair:
            counts = [await pair.kill_the_first(seed) for seed in range(ROUNDS)]
    total = sum(counts[1:], counts[0])
    for what in ("completed", "failed", "cancelled", "resumed", "continued"):
        assert total[what], f"no response was {what}: {total}"

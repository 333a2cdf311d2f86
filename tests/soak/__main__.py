"""`make soak`: one of two workers is killed again and again, and the other answers for it."""

import argparse
import asyncio
import tempfile
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from app.config import Config
from app.db.embedded import EmbeddedPostgres
from tests.support.engine import run_fake_engine
from tests.support.postgres_fixtures import data_folder, fresh_database
from tests.support.two_workers import two_workers

out = Console()


async def soak(rounds: int, first_seed: int) -> Counter[str]:
    """Fails at the first thing that is lost, done twice or hangs."""
    total: Counter[str] = Counter()
    with data_folder() as folder, tempfile.TemporaryDirectory() as data_dir:
        postgres = EmbeddedPostgres(folder)
        postgres.start()
        try:
            with fresh_database(postgres) as urls:
                async with run_fake_engine() as engine:
                    config = Config(
                        data_dir=Path(data_dir), engine_url=engine.url, engine_api_key=engine.key
                    )
                    async with two_workers(urls, config) as pair:
                        for seed in track(range(first_seed, first_seed + rounds), "Killing"):
                            total += await pair.kill_the_first(seed)
        finally:
            postgres.stop()
    return total


def main() -> None:
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0, help="of the first round")
    options = parser.parse_args()
    show(asyncio.run(soak(options.rounds, options.seed)), options.rounds)


def show(total: Counter[str], rounds: int) -> None:
    table = Table(title=f"{rounds} kills: nothing lost, nothing twice, nothing hung")
    table.add_column("responses")
    table.add_column("number", justify="right")
    for what, number in total.most_common():
        table.add_row(what, str(number))
    out.print(table)


if __name__ == "__main__":
    main()

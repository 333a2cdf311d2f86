"""What a person sees once the service answers."""

import asyncio
import sys
import threading
import time
import urllib.error
import urllib.request

import click

from app.cli.data_dir import Credentials
from app.config import Config
from app.engine.local_server import LocalServer
from app.errors import StartError

POLL_SECONDS = 0.05
COMPLAIN_SECONDS = 30.0


def announce_when_live(
    config: Config, credentials: Credentials, engine: LocalServer | None
) -> None:
    """In a thread of its own, since granian keeps the main one."""
    threading.Thread(
        target=_announce, args=(config, credentials, engine), name="announce", daemon=True
    ).start()


def _announce(config: Config, credentials: Credentials, engine: LocalServer | None) -> None:
    root_url = credentials.base_url.removesuffix("/v1")
    _wait_until_live(root_url)
    if engine:
        _wait_for_engine(engine)
    path = config.data_dir / "credentials.json"
    # A key belongs on a screen, not into a log.
    key = credentials.api_key if sys.stdout.isatty() else f"in {path}"
    click.echo(f"base URL  {credentials.base_url}")
    click.echo(f"API key   {key}")
    click.echo(f"docs      {root_url}/docs")


def _wait_until_live(root_url: str) -> None:
    began = time.monotonic()
    while not answers(f"{root_url}/health/live"):
        if time.monotonic() - began > COMPLAIN_SECONDS:
            began = time.monotonic()
            say(f"Still waiting for {root_url} to answer")
        time.sleep(POLL_SECONDS)


def _wait_for_engine(engine: LocalServer) -> None:
    """What does not need it works all the same: so it is said, and no reason to end."""
    try:
        asyncio.run(engine.ready())
    except StartError as error:
        say(str(error))


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:  # noqa: S310 - our own address
            return bool(response.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def say(line: str) -> None:
    """Progress and trouble, apart from what was asked for."""
    click.echo(line, err=True)

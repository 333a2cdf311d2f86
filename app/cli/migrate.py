"""`backstory migrate`: bring a database of your own to this program's schema."""

import asyncio
import os

import click

from app.config import read_config
from app.db.migrate import migrate as apply_migrations
from app.errors import StartError


@click.command()
def migrate() -> None:
    """Apply the migrations that the database at BACKSTORY_DATABASE_OWNER_URL lacks.

    The embedded database is migrated by `serve`.
    """
    config = read_config(os.environ)
    if config.database_owner_url is None:
        raise StartError(
            "BACKSTORY_DATABASE_OWNER_URL is not set: name your database there, as its role "
            "backstory_owner (the embedded database is migrated by serve)."
        )
    applied = asyncio.run(apply_migrations(config.database_owner_url))
    for name in applied:
        click.echo(f"applied {name}")
    click.echo("The database is up to date.")

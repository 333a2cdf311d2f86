"""`backstory keys`: API keys made, seen, changed, rotated and revoked."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from app.cli.announce import say
from app.cli.keeper import ask, with_keeper
from app.cli.telling import telling
from app.identity.bodies import KeyPatch, NewKey, Rotation
from app.identity.types import ApiKey
from app.web.body import convert
from app.web.principal import Scope

DAYS_MAX = 36_500
PROJECT = click.option("--project", help="Another project's: proj_…")
SCOPES = click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice([scope.value for scope in Scope]),
    help="What it may do; as often as wanted.",
)
DAYS = click.option(
    "--days", type=click.FloatRange(0, DAYS_MAX, min_open=True), help="Until it ends."
)
OUTPUT = click.option(
    "--output",
    type=click.Path(path_type=Path, allow_dash=True, dir_okay=False),
    help="A new file for the key, readable by you alone (- is stdout).  [the terminal]",
)


@click.group()
def keys() -> None:
    """Make, change, rotate and revoke API keys.

    By the database itself, as its owner, unless --url or --key names a running service.
    """


@keys.command("list")
@PROJECT
@with_keeper
def list_keys(project: str | None, url: str | None, key: str | None, data_dir: Path | None) -> None:
    """Show the keys of a project, oldest first; never their secrets."""
    for found in ask(url, key, data_dir, lambda keeper: keeper.list_keys(project)):
        click.echo(_line(found))


@keys.command()
@click.argument("name")
@SCOPES
@click.option("--publishable", is_flag=True, help="For pages: it opens signing in alone.")
@DAYS
@PROJECT
@OUTPUT
@with_keeper
def create(
    name: str,
    scopes: tuple[str, ...],
    publishable: bool,
    days: float | None,
    project: str | None,
    output: Path | None,
    url: str | None,
    key: str | None,
    data_dir: Path | None,
) -> None:
    """Make a key called NAME, and tell it this once."""
    kind = "publishable" if publishable else "secret"
    given = {"name": name, "kind": kind, "scopes": list(scopes), "expires_at": _in_days(days)}
    asked = convert({**given, "project": project}, NewKey)
    with telling(output) as tell:
        made = ask(url, key, data_dir, lambda keeper: keeper.create_key(asked))
        tell(made.key)
    say(_line(made))


@keys.command()
@click.argument("key_id")
@click.option("--name", help="What it is called.")
@SCOPES
@DAYS
@click.option("--for-ever", is_flag=True, help="It does not end by itself.")
@PROJECT
@with_keeper
def change(
    key_id: str,
    name: str | None,
    scopes: tuple[str, ...],
    days: float | None,
    for_ever: bool,
    project: str | None,
    url: str | None,
    key: str | None,
    data_dir: Path | None,
) -> None:
    """Change the key KEY_ID (key_…); what is not named stays as it is."""
    if days and for_ever:
        raise click.UsageError("A key has --days, or is --for-ever.")
    given = {"name": name, "scopes": list(scopes) or None, "expires_at": _in_days(days)}
    changed: dict[str, object] = {what: value for what, value in given.items() if value is not None}
    asked = convert({**changed, **({"expires_at": None} if for_ever else {})}, KeyPatch)
    found = ask(url, key, data_dir, lambda keeper: keeper.change_key(project, key_id, asked))
    say(_line(found))


@keys.command()
@click.argument("key_id")
@click.option(
    "--overlap-seconds",
    type=click.FloatRange(min=0),
    default=0.0,
    help="How long the old secret is good.  [0]",
)
@PROJECT
@OUTPUT
@with_keeper
def rotate(
    key_id: str,
    overlap_seconds: float,
    project: str | None,
    output: Path | None,
    url: str | None,
    key: str | None,
    data_dir: Path | None,
) -> None:
    """Give the key KEY_ID (key_…) another secret, and tell it this once."""
    asked = Rotation(overlap_seconds)
    with telling(output) as tell:
        made = ask(url, key, data_dir, lambda keeper: keeper.rotate_key(project, key_id, asked))
        tell(made.key)
    say(f"{_line(made)}  (the old one until {_time(made.old_key_expires_at)})")


@keys.command()
@click.argument("key_id")
@PROJECT
@with_keeper
def revoke(
    key_id: str, project: str | None, url: str | None, key: str | None, data_dir: Path | None
) -> None:
    """Shut out the key KEY_ID (key_…), for good."""
    say(_line(ask(url, key, data_dir, lambda keeper: keeper.revoke_key(project, key_id))))


def _in_days(days: float | None) -> str | None:
    return None if days is None else (datetime.now(UTC) + timedelta(days=days)).isoformat()


def _line(key: ApiKey) -> str:
    parts = [key.id, key.prefix, key.name, ",".join(key.scopes) or key.kind]
    if key.revoked_at:
        parts.append(f"revoked {_time(key.revoked_at)}")
    elif key.expires_at:
        parts.append(f"until {_time(key.expires_at)}")
    used = _time(key.last_used_at) if key.last_used_at else "never"
    return "  ".join([*parts, f"used {used}"])


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")

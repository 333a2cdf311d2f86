"""`backstory projects`: made, seen, renamed and deleted."""

from pathlib import Path

import click

from app.cli.announce import say
from app.cli.keeper import ask, with_keeper
from app.identity.bodies import NewProject, ProjectPatch
from app.identity.types import Project
from app.web.body import convert


@click.group()
def projects() -> None:
    """Make, rename and delete projects.

    By the database itself, as its owner, unless --url or --key names a running service.
    """


@projects.command("list")
@with_keeper
def list_projects(url: str | None, key: str | None, data_dir: Path | None) -> None:
    """Show all projects, oldest first."""
    for found in ask(url, key, data_dir, lambda keeper: keeper.list_projects()):
        click.echo(_line(found))


@projects.command()
@click.argument("name")
@with_keeper
def create(name: str, url: str | None, key: str | None, data_dir: Path | None) -> None:
    """Make a project called NAME; `backstory keys create` makes keys for it."""
    asked = convert({"name": name}, NewProject)
    click.echo(_line(ask(url, key, data_dir, lambda keeper: keeper.create_project(asked))))


@projects.command()
@click.argument("project_id")
@click.argument("name")
@with_keeper
def rename(
    project_id: str, name: str, url: str | None, key: str | None, data_dir: Path | None
) -> None:
    """Call the project PROJECT_ID (proj_…) NAME from now on."""
    asked = convert({"name": name}, ProjectPatch)
    found = ask(url, key, data_dir, lambda keeper: keeper.rename_project(project_id, asked))
    click.echo(_line(found))


@projects.command()
@click.argument("project_id")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_keeper
def delete(
    project_id: str, yes: bool, url: str | None, key: str | None, data_dir: Path | None
) -> None:
    """Delete the project PROJECT_ID (proj_…) and everything it has, for good."""
    found = ask(url, key, data_dir, lambda keeper: keeper.get_project(project_id))
    if not yes:
        question = f"All that '{found.name}' has is deleted and cannot be brought back. Go on?"
        click.confirm(question, abort=True, err=True)
    ask(url, key, data_dir, lambda keeper: keeper.delete_project(project_id))
    say("Nobody can use it any more; a running service deletes what it has.")


def _line(project: Project) -> str:
    return "  ".join([project.id, project.name, *(["root"] if project.root else [])])

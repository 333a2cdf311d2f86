"""The command `backstory`."""

import sys

import click

from app.cli.doctor import doctor
from app.cli.ingest import ingest
from app.cli.keys import keys
from app.cli.memory import memory
from app.cli.migrate import migrate
from app.cli.projects import projects
from app.cli.serve import serve
from app.cli.transfer import export_file, import_file
from app.errors import BackstoryError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="backstory")
def backstory() -> None:
    """An inference API that remembers. Settings: docs/configuration.md."""


backstory.add_command(serve)
backstory.add_command(migrate)
backstory.add_command(doctor)
backstory.add_command(keys)
backstory.add_command(projects)
backstory.add_command(memory)
memory.add_command(export_file)
memory.add_command(import_file)
backstory.add_command(ingest)


def main() -> None:
    try:
        backstory()
    except BackstoryError as error:
        click.echo(f"backstory: {error}", err=True)
        sys.exit(1)

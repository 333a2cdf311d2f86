"""The application inside a worker process, as granian calls for it."""

import os
import sys

from litestar import Litestar

from app.config import read_config
from app.errors import StartError
from app.main import create_app
from app.processes import die_with_parent


def make_app() -> Litestar:
    """`serve` has put the resolved configuration into the environment."""
    die_with_parent()
    # A terminal's Ctrl-C is for the parent alone: granian can hang on a second signal.
    os.setsid()
    try:
        return create_app(read_config(os.environ))
    except StartError as error:
        sys.exit(f"backstory: {error}")

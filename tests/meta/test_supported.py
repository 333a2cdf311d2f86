"""docs/responses.md says what the acceptance tests say."""

import subprocess
import sys

from tests.support.serving import ROOT
from tests.support.supported import written


def test_the_table_is_made_from_the_tests() -> None:
    """Collected in another process, since this one is collecting itself."""
    command = [sys.executable, "-m", "tests.support.supported"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == written(), "docs/responses.md is out of date: make docs"

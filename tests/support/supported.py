"""What is supported on which engine, as a table made from the flows that prove it.

`python -m tests.support.supported` prints it, `--write` puts it into docs/responses.md (make docs).
"""

import os
import sys
from collections import defaultdict
from contextlib import redirect_stdout

import pytest

from tests.support.serving import ROOT

PAGE = ROOT / "docs" / "responses.md"
BEGIN, END = "<!-- made from the tests by `make docs` -->\n", "<!-- end -->"
ENGINES = ("responses", "chat", "local")
HEAD = f"| | {' | '.join(ENGINES)} |\n|---|{'---|' * len(ENGINES)}\n"

Cells = dict[str, dict[str, str]]


class Flows:
    """A plugin of pytest that reads the marks of what is collected."""

    def __init__(self) -> None:
        self.cells: dict[str, Cells] = defaultdict(lambda: defaultdict(dict))

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        for item in session.items:
            if isinstance(item, pytest.Function) and hasattr(item, "callspec"):
                self._read(item, str(item.callspec.params.get("service")))

    def _read(self, item: pytest.Function, engine: str) -> None:
        if engine not in ENGINES:
            return
        refused = [mark.args for mark in item.iter_markers("refuses")]
        for mark in item.iter_markers("supports"):
            (what,) = mark.args
            group, _, feature = what.partition(": ")
            said = "refused" if (what, engine) in refused else "✓"
            self.cells[group][feature][engine] = said


def made() -> str:
    """One table a group."""
    flows = Flows()
    with redirect_stdout(sys.stderr):
        code = pytest.main(["--collect-only", "-q", "tests/acceptance"], [flows])
    assert code == 0, code
    return "\n".join(_table(group, flows.cells[group]) for group in sorted(flows.cells))


def _table(group: str, cells: Cells) -> str:
    rows = [
        f"| {feature} | {' | '.join(cells[feature].get(engine, '') for engine in ENGINES)} |\n"
        for feature in sorted(cells, key=str.lower)
    ]
    return f"### {group}\n\n{HEAD}{''.join(rows)}"


def written() -> str:
    """The table as the page has it."""
    return PAGE.read_text().partition(BEGIN)[2].partition(END)[0].strip("\n") + "\n"


def write(table: str) -> None:
    before, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{table}\n{END}{rest.partition(END)[2]}")


def main() -> None:
    os.chdir(ROOT)
    if "--write" in sys.argv:
        write(made())
    else:
        print(made(), end="")


if __name__ == "__main__":
    main()

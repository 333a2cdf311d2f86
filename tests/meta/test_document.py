"""The OpenAPI document names the query parameters that the code reads."""

import re
from pathlib import Path

from app.docs.parameters import QUERIES, SHARED
from tests.support.document import DOCUMENT

APP = Path(__file__).parents[2] / "app"
READ = re.compile(
    r'query(?:_params)?(?:\.get(?:all)?\(|\[)"([a-z_]+)"'
    r'|"([a-z_]+)" in query\b|_flag\(query, "([a-z_]+)"'
)
BY_LOOP = {"order", "conversation", "episode", "after", "before"}
"""Read by names in a loop, too."""


def read_names() -> set[str]:
    texts = [path.read_text() for path in APP.rglob("*.py") if path.parent.name != "cli"]
    return {next(filter(None, found)) for text in texts for found in READ.findall(text)}


def test_what_is_read_is_documented() -> None:
    documented = {name for query in QUERIES.values() for name in query} | set(SHARED)
    assert read_names() | BY_LOOP == documented - {"Backstory-User"}


def test_queries_are_of_routes_that_there_are() -> None:
    routes = {
        f"{method.upper()} {path}" for path, found in DOCUMENT["paths"].items() for method in found
    }
    assert set(QUERIES) <= routes

"""The OpenAPI document names the query parameters and the headers that the code reads."""

import re
from pathlib import Path

from app.docs.headers import GIVEN_BY, TAKEN, TAKEN_BY
from app.docs.parameters import QUERIES, SHARED
from app.responses.request import OWN_HEADERS
from app.web import idempotency
from app.web.principal import USER_HEADER
from tests.support.document import DOCUMENT

APP = Path(__file__).parents[2] / "app"
READ = re.compile(
    r'query(?:_params)?(?:\.get(?:all)?\(|\[)"([a-z_]+)"'
    r'|"([a-z_]+)" in query\b|_flag\(query, "([a-z_]+)"'
)
HEADER_READ = re.compile(r'\bheaders\.get\("([a-z-]+)"')
BY_NAME = {idempotency.HEADER, USER_HEADER, *OWN_HEADERS.values()}
NOT_TOLD = {"user-agent"}
BY_LOOP = {"order", "conversation", "episode", "after", "before"}
"""Read by names in a loop, too."""


def texts() -> list[str]:
    return [path.read_text() for path in APP.rglob("*.py") if path.parent.name != "cli"]


def read_names() -> set[str]:
    return {next(filter(None, found)) for text in texts() for found in READ.findall(text)}


def test_what_is_read_is_documented() -> None:
    documented = {name for query in QUERIES.values() for name in query} | set(SHARED)
    assert read_names() | BY_LOOP == documented - {"Backstory-User"}


def test_headers_that_are_read_are_documented() -> None:
    read = {name for text in texts() for name in HEADER_READ.findall(text)}
    documented = {name.lower() for name in (*TAKEN, *SHARED)} - {"user"}
    assert read | BY_NAME == documented | NOT_TOLD


def test_queries_and_headers_are_of_routes_that_there_are() -> None:
    routes = {
        f"{method.upper()} {path}" for path, found in DOCUMENT["paths"].items() for method in found
    }
    with_headers = {name for by in (TAKEN_BY, GIVEN_BY) for names in by.values() for name in names}
    assert set(QUERIES) | with_headers <= routes

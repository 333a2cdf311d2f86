"""The OpenAPI document as test cases: requests by its schemas, that fit them and that do not."""

import os
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case as AnyCase
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.errors import InvalidSchema
from schemathesis.core.result import Err, Result
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi import checks

from app.config import Config
from app.docs.document import complete, guards_of
from app.main import create_app
from tests.support.images import image
from tests.support.walk_routes import PATH_KINDS, ROUTES

EXAMPLES = int(os.environ.get("EXAMPLES", "10"))
"""Of each operation; the more, the more is found: `EXAMPLES=300 pytest …`."""

PLACE = re.compile(r"\$([a-z]+)")
SECONDS_MAX = 60
CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
]
OVERLAID_MAX = 2

Operation = APIOperation[Any, Any, Any, Any]
Case = AnyCase[Any]
Ids = dict[str, str]
Strategy = st.SearchStrategy[Case]


APP = create_app(
    Config(database_url="postgresql:///none", secret_key="k" * 32, engine_url="http://x")
)
DOCUMENT = complete(APP.openapi_schema.to_schema(), APP)
GUARDS = dict(guards_of(APP))


@schemathesis.serializer("application/x-ndjson")
def _one_line(context: Any, value: Any) -> bytes:
    return msgspec.json.encode(value) + b"\n"


def operations() -> list[Operation]:
    """All of the document; raises where one of them cannot be read."""
    return [_read(found) for found in schemathesis.openapi.from_dict(DOCUMENT).get_all_operations()]


def _read(found: Result[Operation, InvalidSchema]) -> Operation:
    if isinstance(found, Err):
        raise found.err()
    return found.ok()


def can_be_wrong(operation: Operation) -> bool:
    """It takes anything at all."""
    return any((operation.path_parameters, operation.query, operation.headers, operation.body))


def answers_as_documented(
    operation: Operation, mode: GenerationMode, ids: Ids, url: str, key: str
) -> dict[int, int]:
    """Raises what schemathesis finds; else how often which status was answered."""
    statuses: dict[int, int] = {}

    @given(case=_cases(operation, mode, ids))
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def run(case: Case) -> None:
        headers = {"Authorization": f"Bearer {key}"}
        response = case.call(base_url=url, headers=headers, timeout=SECONDS_MAX)
        statuses[response.status_code] = statuses.get(response.status_code, 0) + 1
        case.validate_response(response, checks=CHECKS)

    run()
    return statuses


def _cases(operation: Operation, mode: GenerationMode, ids: Ids) -> Strategy:
    """Some at what is there, and some almost as they should be."""
    own = _path(operation, ids)
    found = operation.as_strategy(generation_mode=mode)
    if own:
        found |= operation.as_strategy(generation_mode=mode, path_parameters=own)
    named = st.sampled_from(["nobody", "in the query", "in the header"])
    return st.builds(_naming, found, named).flatmap(lambda case: _nearly_right(case, ids))


def _path(operation: Operation, ids: Ids) -> dict[str, str]:
    kinds = {found.name: PATH_KINDS[found.name] for found in operation.path_parameters}
    return {name: _filled(kind, ids) for name, kind in kinds.items()}


def _naming(case: Case, user: str) -> Case:
    """Once at most: one who is named twice is refused."""
    if user != "in the query":
        case.query.pop("user", None)
    if user != "in the header":
        case.headers.pop("Backstory-User", None)
    return case


def _nearly_right(case: Case, ids: Ids) -> Strategy:
    """A body is right but for a few of its fields."""
    bodies = [_filled_body(body, ids) for body in _right_bodies(case.operation.label)]
    if not isinstance(case.body, dict) or not bodies:
        return st.just(case)
    given_fields = case.body
    few = st.lists(st.sampled_from(sorted(given_fields)), max_size=OVERLAID_MAX, unique=True)
    names = few if given_fields else st.just([])

    def overlaid(right: Any, names: list[str]) -> Case:
        case.body = {**right, **{name: given_fields[name] for name in names}}
        return case

    return st.just(case) | st.builds(overlaid, st.sampled_from(bodies), names)


def _right_bodies(route: str) -> Iterator[Any]:
    if route == "POST /v1/files":
        yield {"file": image(), "purpose": "vision"}
    yield from (one.body for one in ROUTES[route] if isinstance(one.body, dict))


def _filled_body(body: Any, ids: Ids) -> Any:
    if "file" in body:
        return body
    return msgspec.json.decode(_filled(msgspec.json.encode(body).decode(), ids))


def _filled(text: str, ids: Ids) -> str:
    return PLACE.sub(lambda found: ids.get(found[1], "x"), text)

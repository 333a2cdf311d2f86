"""The OpenAPI document, made whole: what Litestar cannot see in the code of a route is added to
what it saw."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from litestar import Litestar

from app.docs.answers import ANSWERS, ERROR, SCHEMAS
from app.docs.headers import GIVEN, TAKEN, given_by, given_with, taken_by
from app.docs.parameters import QUERIES, SHARED, parameters_of
from app.web.principal import ADMITTED, Access, Kind, Scope

Document = dict[str, Any]
Operation = dict[str, Any]
Guard = tuple[Access, Scope | None]

METHODS = ("get", "put", "post", "patch", "delete")
EVERYWHERE = (400, 401, 403, 408, 413, 429, 503)
CONDITIONAL = {
    "GET /v1/settings/{key}": 304,
    "GET /v1/users/{user}/settings/{key}": 304,
}
SOMEWHERE = (404, 409, 412, 415, 422)
ENGINE = (500, 502, 504)
"""What goes wrong beyond this service, or on the way to it."""

SPEAKERS = {Kind.KEY: "key", Kind.SESSION: "session", Kind.PUBLISHABLE: "publishable_key"}


def complete(document: Document, app: Litestar) -> Document:
    """A document of its own; the one that is given stays as it is."""
    guards = dict(guards_of(app))
    paths = {
        path: {
            method: _operation(f"{method.upper()} {path}", found, guards)
            if method in METHODS
            else found
            for method, found in operations.items()
        }
        for path, operations in document["paths"].items()
    }
    return {**document, "paths": paths, "components": _components(document["components"])}


def guards_of(app: Litestar) -> Iterator[tuple[str, Guard]]:
    """By route: who may enter."""
    for route in app.routes:
        for handler in getattr(route, "route_handlers", []):
            for method in handler.http_methods:
                if "access" in handler.opt:
                    guard = handler.opt["access"], handler.opt["scope"]
                    yield f"{method} {route.path_format}", guard


def _components(found: Document) -> Document:
    failures = {
        _name(status): {
            "description": HTTPStatus(status).phrase,
            "headers": given_with(status),
            "content": ERROR,
        }
        for status in (*EVERYWHERE, *SOMEWHERE, *ENGINE)
    }
    return {
        **found,
        "schemas": {**found.get("schemas", {}), **SCHEMAS},
        "responses": failures,
        "headers": GIVEN,
        "parameters": {**SHARED, **TAKEN},
    }


def _operation(route: str, found: Operation, guards: dict[str, Guard]) -> Operation:
    access, scope = guards[route]
    if access is Access.PUBLIC:
        return {**found, "security": [], "responses": {**found["responses"], "400": _failure(400)}}
    given = given_by(route)
    answers = {
        status: {
            **answer,
            "headers": given,
            "content": ANSWERS.get(route, answer.get("content", {})),
        }
        for status, answer in found["responses"].items()
        if status.startswith("2")
    }
    if status := CONDITIONAL.get(route):
        answers[str(status)] = {"description": HTTPStatus(status).phrase, "headers": given}
    failures = {str(s): _failure(s) for s in _failures(route, found, scope)}
    return {
        **found,
        "parameters": [
            *found.get("parameters", []),
            *parameters_of(route, access),
            *taken_by(route),
        ],
        "responses": {**answers, **failures},
        "security": [{name: []} for kind, name in SPEAKERS.items() if kind in ADMITTED[access]],
    }


def _failures(route: str, found: Operation, scope: Scope | None) -> Iterator[int]:
    yield from EVERYWHERE
    if "{" in route or "requestBody" in found or "project" in QUERIES.get(route, ()):
        yield 404
    if not route.startswith("GET"):
        yield from (409, 412, 422)
    if "requestBody" in found:
        yield 415
    if scope is Scope.ENGINE:
        yield from ENGINE


def _failure(status: int) -> dict[str, str]:
    return {"$ref": f"#/components/responses/{_name(status)}"}


def _name(status: int) -> str:
    return HTTPStatus(status).name.title().replace("_", "")

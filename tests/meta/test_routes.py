"""Every route is in exactly one access list, and in docs/api.md."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from litestar import Litestar
from litestar.handlers import BaseRouteHandler
from litestar.routes import WebSocketRoute

from app.config import Config
from app.main import create_app
from app.web.principal import Access, Scope

DOCS = Path(__file__).parents[2] / "docs" / "api.md"
PUBLIC = {"/health/live", "/health/ready", "/docs", "/docs/rapidoc.js", "/openapi.json"}


def routes() -> Iterator[tuple[str, str, BaseRouteHandler]]:
    config = Config(database_url="postgresql:///none", secret_key="k" * 32, engine_url="http://x")
    app: Litestar = create_app(config)
    for route in app.routes:
        if route.path_format.startswith("/openapi.json/"):
            continue  # Litestar's own, below the document's path: it answers 404
        if isinstance(route, WebSocketRoute):
            yield "WS", route.path_format, route.route_handler
        for handler in getattr(route, "route_handlers", []):
            for method in sorted(handler.http_methods - {"OPTIONS", "HEAD"}):
                yield method, route.path_format, handler


ALL = list(routes())
IDS = [f"{method} {path}" for method, path, _ in ALL]


@pytest.mark.parametrize(("method", "path", "handler"), ALL, ids=IDS)
def test_route_says_who_may_enter(method: str, path: str, handler: BaseRouteHandler) -> None:
    opt = handler.opt
    assert isinstance(opt.get("access"), Access), "name it by `opt=guarded(…)`"
    if opt["access"] is Access.PUBLIC:
        assert path in PUBLIC
    elif opt["access"] is not Access.USER:
        assert isinstance(opt["scope"], Scope)


@pytest.mark.parametrize(("method", "path", "handler"), ALL, ids=IDS)
def test_route_is_in_the_docs(method: str, path: str, handler: BaseRouteHandler) -> None:
    assert f"### `{method} {path}`" in DOCS.read_text()


def test_docs_name_no_route_that_is_not_there() -> None:
    written = [line for line in DOCS.read_text().splitlines() if line.startswith("### `")]
    assert sorted(written) == sorted(f"### `{method} {path}`" for method, path, _ in ALL)

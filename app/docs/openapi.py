"""The OpenAPI document."""

from typing import Any

from litestar import Request, Router
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme

from app import __version__
from app.docs.document import SPEAKERS, complete
from app.web.principal import Access, Kind, guarded

PATH = "/openapi.json"
SAID = {
    Kind.KEY: "An API key",
    Kind.SESSION: "The access token of a user's session",
    Kind.PUBLISHABLE: "A key that browsers may know, for signing in",
}


class Whole(JsonRenderPlugin):
    """The document with what Litestar cannot know."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        return super().render(request, complete(openapi_schema, request.app))


def openapi_config() -> OpenAPIConfig:
    """One for each application: Litestar adds its handlers to the router.

    It also answers every unknown path below the router's own with a page of its own: so the
    router holds the document's path alone, and unknown paths get our error shape.
    """
    return OpenAPIConfig(
        title="Backstory",
        version=__version__,
        description="The service beside an inference API that remembers.",
        openapi_router=Router(
            PATH, route_handlers=[], include_in_schema=False, opt=guarded(Access.PUBLIC)
        ),
        render_plugins=[Whole(path=["/", PATH])],
        components=Components(
            security_schemes={
                SPEAKERS[kind]: SecurityScheme(
                    type="http", scheme="bearer", description=f"{said}: {kind}…"
                )
                for kind, said in SAID.items()
            }
        ),
        security=[{"key": []}],
    )

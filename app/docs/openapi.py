"""The OpenAPI document."""

from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme

from app import __version__

OPENAPI = OpenAPIConfig(
    title="Backstory",
    version=__version__,
    description="The service beside an inference API that remembers.",
    path="/",
    render_plugins=[JsonRenderPlugin(path="/openapi.json")],
    components=Components(
        security_schemes={
            "key": SecurityScheme(type="http", scheme="bearer", description="API key")
        }
    ),
    security=[{"key": []}],
)

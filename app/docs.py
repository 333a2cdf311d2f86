"""The OpenAPI document and the page that shows it."""

from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin

from app import __version__

OPENAPI = OpenAPIConfig(
    title="Backstory",
    version=__version__,
    description="The service beside an inference API that remembers.",
    path="/",
    render_plugins=[JsonRenderPlugin(path="/openapi.json")],
)

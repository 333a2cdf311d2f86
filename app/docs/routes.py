"""/docs: the OpenAPI document as a page. Its script is RapiDoc 9.3.8 (MIT), kept beside this."""

from pathlib import Path

from litestar import MediaType, Response, get

from app.web.principal import Access, guarded

STATIC = Path(__file__).with_name("static")
PUBLIC = guarded(Access.PUBLIC)
CACHED = {"cache-control": "public, max-age=86400"}
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Backstory API</title>
<script type="module" src="/docs/rapidoc.js"></script>
</head>
<body>
<rapi-doc spec-url="/openapi.json" load-fonts="false" theme="light" render-style="read"
  show-header="false" allow-spec-url-load="false" allow-spec-file-load="false"
  schema-description-expanded="true" primary-color="#2f6f4f"
  regular-font="system-ui, sans-serif" mono-font="ui-monospace, monospace"></rapi-doc>
</body>
</html>
"""


@get("/docs", opt=PUBLIC, include_in_schema=False, media_type=MediaType.HTML)
async def docs_page() -> str:
    return PAGE


@get("/docs/rapidoc.js", opt=PUBLIC, include_in_schema=False)
async def docs_script() -> Response[bytes]:
    script = (STATIC / "rapidoc.js").read_bytes()
    return Response(script, media_type="text/javascript", headers=CACHED)


ROUTES = [docs_page, docs_script]

"""What an error looks like on the wire: OpenAI's shape. Nothing internal is shown."""

from typing import Any

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException

from app.errors import BackstoryError, InvalidRequest, TooLarge
from app.web.front import request_id

GONE = "client disconnected prematurely"
"""Litestar's word where a body ends before its end."""

log = structlog.get_logger()


def error_body(error: BackstoryError) -> dict[str, Any]:
    return {
        "error": {
            "message": error.message,
            "type": error.type,
            "param": error.param,
            "code": error.code,
        }
    }


def socket_error(error: BackstoryError) -> dict[str, Any]:
    """The same on a WebSocket, where no status line stands before it."""
    return {"type": "error", "status": error.status, **error_body(error)}


def error_response(error: BackstoryError) -> Response[bytes]:
    return Response(
        msgspec.json.encode(error_body(error)),
        status_code=error.status,
        headers=error.headers,
        media_type="application/json",
    )


def handle_known(request: Request[Any, Any, Any], error: BackstoryError) -> Response[bytes]:
    _note(request, error)
    return error_response(error)


def handle_http(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """Litestar's own: no such route, no such method, a body too large or of the wrong type."""
    if error.detail == GONE:
        return handle_known(request, InvalidRequest("The body broke off."))
    if error.status_code >= 500:
        return handle_unknown(request, error)
    return handle_known(request, _translated(error, request))


def handle_unknown(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    # The route as it is written: in a path there may be names of users.
    route = request.scope.get("path_template", "")
    log.error("request.failed", request=request_id(request.scope), route=route, exc_info=error)
    return handle_known(request, BackstoryError("The service failed to answer this request."))


def _translated(error: HTTPException, request: Request[Any, Any, Any]) -> BackstoryError:
    if isinstance(error, ValidationException):
        return _invalid(error)
    if error.status_code == 413:
        return TooLarge("The body of the request is larger than this service takes.")
    method, path = request.method, request.url.path
    named = {
        404: (f"There is no such path: {method} {path}.", "unknown_path"),
        405: (f"This path does not take {method}: {path}.", "method_not_allowed"),
    }
    sentence, code = named.get(error.status_code, (error.detail, "invalid_request"))
    translated = InvalidRequest(sentence, code=code)
    translated.status = error.status_code
    return translated


def _invalid(error: ValidationException) -> InvalidRequest:
    details = error.extra if isinstance(error.extra, list) else []
    first = details[0] if details and isinstance(details[0], dict) else {}
    message = first.get("message", error.detail)
    param = first.get("key")
    where = f" for '{param}'" if param else ""
    return InvalidRequest(f"Invalid value{where}: {message}.", param=param, code="invalid_value")


def _note(request: Request[Any, Any, Any], error: BackstoryError) -> None:
    """The request log wants to know why."""
    request.scope.setdefault("state", {})["error_code"] = error.code


EXCEPTION_HANDLERS: dict[Any, Any] = {
    BackstoryError: handle_known,
    HTTPException: handle_http,
    Exception: handle_unknown,
}

"""Where a request comes from."""

from litestar.types import Scope

ADDRESS_LENGTH_MAX = 45


def address_of(scope: Scope) -> str | None:
    """The address of who connected: of the proxy, where one stands between."""
    client = scope.get("client")
    return client[0][:ADDRESS_LENGTH_MAX] if client else None

"""Lists in OpenAI's shape, and the query parameters that page through them."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args
from uuid import UUID

import msgspec

from app.errors import InvalidRequest
from app.ids import id_start, parse_id

Order = Literal["asc", "desc"]
LIMIT_DIGITS_MAX = 9
FIRST_ID, LAST_ID = UUID(int=0), UUID(int=2**128 - 1)


class Page(msgspec.Struct, kw_only=True):
    object: Literal["list"] = "list"
    data: Sequence[Any]
    first_id: str | None = None
    last_id: str | None = None
    has_more: bool = False


class PageQuery(msgspec.Struct, frozen=True):
    """`after` walks on in `order`; `before` walks back from its id, and is read the other way."""

    limit: int
    order: Order
    after: str | None
    before: str | None

    @property
    def cursor(self) -> str | None:
        return self.before or self.after

    def cursor_id(self, prefix: str) -> UUID | None:
        """The id that the page begins after. Raises InvalidRequest where it is no such id."""
        if not self.cursor:
            return None
        found = parse_id(prefix, self.cursor)
        if found is None:
            param = "before" if self.before else "after"
            like = f"{id_start(prefix)}…"
            raise InvalidRequest(f"'{param}' must be an id, as in '{like}'.", param=param)
        return found

    def id_bounds(self, prefix: str) -> tuple[UUID, UUID]:
        """Between which ids the page lies, both left out. Raises InvalidRequest."""
        cursor = self.cursor_id(prefix)
        if cursor is None:
            return FIRST_ID, LAST_ID
        return (FIRST_ID, cursor) if self.descending else (cursor, LAST_ID)

    @property
    def descending(self) -> bool:
        """The direction in which the database is read."""
        return (self.order == "desc") != (self.before is not None)


def page_query(query: Mapping[str, str], limit_max: int, order: Order = "desc") -> PageQuery:
    """`limit`, `order`, `after` and `before` of a query string. Raises InvalidRequest."""
    limit_text = query.get("limit", "20")
    order_text = query.get("order", order)
    after, before = query.get("after"), query.get("before")
    digits = limit_text if limit_text.isdecimal() and len(limit_text) <= LIMIT_DIGITS_MAX else "0"
    limit = int(digits)
    if not 1 <= limit <= limit_max:
        raise InvalidRequest(f"'limit' must be from 1 to {limit_max}.", param="limit")
    if order_text not in get_args(Order):
        raise InvalidRequest("'order' must be 'asc' or 'desc'.", param="order")
    if after and before:
        raise InvalidRequest("Only one of 'after' and 'before' can be given.", param="before")
    return PageQuery(limit, "asc" if order_text == "asc" else "desc", after, before)


def page(found: Sequence[Any], query: PageQuery) -> Page:
    """A page of what was found, where one more than `limit` was asked for."""
    shown = list(found[: query.limit])
    if query.before:
        shown.reverse()
    return Page(
        data=shown,
        first_id=_id(shown[0]) if shown else None,
        last_id=_id(shown[-1]) if shown else None,
        has_more=len(found) > query.limit,
    )


def _id(entry: Any) -> str | None:
    """Items are dicts; all else that is listed is a struct."""
    found: str | None = entry["id"] if isinstance(entry, dict) else entry.id
    return found

"""Typed access to queries.sql."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from app.db.sql import Connection, load
from app.ids import ProjectId, RequestId, UserId
from app.usage.types import RequestRecord, Summary

_sql = load(__file__)
_insert_requests = _sql.statement("insert_requests")
_list_newest_first = _sql.rows("list_requests_newest_first", RequestRecord)
_list_oldest_first = _sql.rows("list_requests_oldest_first", RequestRecord)
_list_user_newest_first = _sql.rows("list_user_requests_newest_first", RequestRecord)
_list_user_oldest_first = _sql.rows("list_user_requests_oldest_first", RequestRecord)
_get_request = _sql.rows("get_request", RequestRecord)
_summarize = _sql.rows("summarize_requests", Summary)
_summarize_user = _sql.rows("summarize_user_requests", Summary)


class RequestFilter(msgspec.Struct, frozen=True, kw_only=True):
    """`user_id` None is everyone: queries of their own, so that each has an index."""

    user_id: UserId | None
    since: datetime
    until: datetime
    model: str | None = None
    status: int | None = None
    endpoint: str | None = None
    cache_status: str | None = None


async def insert_requests(conn: Connection, records: Sequence[RequestRecord]) -> None:
    names = RequestRecord.__struct_fields__
    columns = zip(*(msgspec.structs.astuple(record) for record in records), strict=True)
    await _insert_requests.run(
        conn, **{f"{name}_list": column for name, column in zip(names, columns, strict=True)}
    )


async def list_requests(
    conn: Connection,
    project: ProjectId,
    only: RequestFilter,
    *,
    descending: bool,
    cursor: tuple[datetime, RequestId] | None,
    most: int,
) -> list[RequestRecord]:
    if only.user_id is None:
        query = _list_newest_first if descending else _list_oldest_first
    else:
        query = _list_user_newest_first if descending else _list_user_oldest_first
    cursor_time, cursor_id = cursor or (None, None)
    return await query.all(
        conn,
        project=project,
        cursor_time=cursor_time,
        cursor_id=cursor_id,
        most=most,
        **msgspec.structs.asdict(only),
    )


async def get_request(
    conn: Connection, project: ProjectId, created_at: datetime, request_id: RequestId
) -> RequestRecord | None:
    return await _get_request.one(
        conn, project=project, created_at=created_at, request_id=request_id
    )


async def summarize_requests(
    conn: Connection,
    project: ProjectId,
    *,
    user_id: UserId | None,
    since: datetime,
    until: datetime,
) -> Summary:
    """Of one user, or of everyone where that is None."""
    query = _summarize if user_id is None else _summarize_user
    found = await query.one(conn, project=project, user_id=user_id, since=since, until=until)
    assert found is not None
    return found

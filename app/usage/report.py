"""Reading the request log: pages of it, one line, and totals."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from app.db.database import Database
from app.errors import InvalidRequest, NotFound
from app.identity.users import Users
from app.ids import PROJECT_ITSELF, RequestId, UserId, created_at, id_text, parse_id
from app.usage import queries
from app.usage.queries import RequestFilter
from app.usage.types import LoggedRequest, RequestRecord, SummaryAnswer
from app.web.pages import Page, PageQuery, page
from app.web.principal import Caller
from app.web.times import parse_time

DEFAULT_STRETCH = timedelta(days=30)


async def list_requests(
    database: Database, users: Users, caller: Caller, query: Mapping[str, str], paging: PageQuery
) -> Page:
    only = _filter(caller, query)
    cursor_id = paging.cursor_id("req")
    async with database.tenant(caller.project) as conn:
        records = await queries.list_requests(
            conn,
            caller.project,
            only,
            descending=paging.descending,
            cursor=(created_at(cursor_id), RequestId(cursor_id)) if cursor_id else None,
            most=paging.limit + 1,
        )
        names = await users.names(conn, caller.project, {r.user_id for r in records})
    return page([_shown(record, names) for record in records], paging)


async def get_request(
    database: Database, users: Users, caller: Caller, request_id: str
) -> LoggedRequest:
    parsed = _request_id(request_id)
    async with database.tenant(caller.project) as conn:
        record = await queries.get_request(conn, caller.project, created_at(parsed), parsed)
        if record is None or (caller.user and record.user_id != caller.user):
            raise NotFound(f"Request with id '{request_id}' not found.")
        names = await users.names(conn, caller.project, {record.user_id})
    return _shown(record, names)


async def summarize(database: Database, caller: Caller, query: Mapping[str, str]) -> SummaryAnswer:
    since, until = _stretch(query)
    async with database.tenant(caller.project) as conn:
        totals = await queries.summarize_requests(
            conn,
            caller.project,
            user_id=_whose(caller),
            since=since,
            until=until,
        )
    return SummaryAnswer(start=since, end=until, totals=totals)


def _filter(caller: Caller, query: Mapping[str, str]) -> RequestFilter:
    since, until = _stretch(query)
    status = query.get("status")
    if status is not None and not (status.isdecimal() and len(status) == 3):
        raise InvalidRequest("'status' must be an HTTP status.", param="status")
    return RequestFilter(
        user_id=_whose(caller),
        since=since,
        until=until,
        model=query.get("model"),
        status=int(status) if status else None,
        endpoint=query.get("endpoint"),
        cache_status=query.get("cache_status"),
    )


def _whose(caller: Caller) -> UserId | None:
    return None if caller.everyone else caller.user or PROJECT_ITSELF


def _stretch(query: Mapping[str, str]) -> tuple[datetime, datetime]:
    until = parse_time(query["end"], "end") if "end" in query else datetime.now(UTC)
    since = parse_time(query["start"], "start") if "start" in query else until - DEFAULT_STRETCH
    return since, until


def _request_id(text: str) -> RequestId:
    parsed = parse_id("req", text)
    if parsed is None:
        raise NotFound(f"Request with id '{text}' not found.")
    return RequestId(parsed)


def _shown(record: RequestRecord, names: dict[UserId, str]) -> LoggedRequest:
    values: dict[str, Any] = {
        name: getattr(record, name)
        for name in LoggedRequest.__struct_fields__
        if name in RequestRecord.__struct_fields__
    }
    values["id"] = id_text("req", record.request_id)
    values["user"] = names.get(record.user_id)
    values["api_key"] = id_text("key", record.key_id) if record.key_id else None
    values["response_id"] = id_text("resp", record.response_id) if record.response_id else None
    return LoggedRequest(**values)

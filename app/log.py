"""Logs: one line an event, on stderr, readable by people and by machines (logfmt).

What people wrote stays out of them: Postgres quotes the values of a row in an error's DETAIL, and
asyncpg an argument that it cannot encode. So of such an error only its kind is kept.
"""

import logging
import sys
import traceback
from collections.abc import Iterator, MutableMapping
from typing import Any

import asyncpg
import structlog

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def set_up_log(level: str) -> None:
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            format_error,
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)


def said(error: BaseException) -> str:
    """What an error says, without what people wrote."""
    name = type(error).__name__
    if not isinstance(error, asyncpg.PostgresError):
        return f"{name}: {error}"
    fields: Any = error
    known = [name, fields.sqlstate, fields.constraint_name]
    return " ".join(text for text in known if text)


def format_error(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Any:
    """A processor: `exc_info` becomes `exception`, the traceback of the error and its causes."""
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()[1]
    if isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        event["exception"] = "\n".join(_lines(error))
    return event


def _lines(error: BaseException) -> Iterator[str]:
    """As Python prints it, but for what the errors themselves say."""
    for link in _chain(error):
        yield "".join(traceback.format_tb(link.__traceback__)) + said(link)
        if isinstance(link, BaseExceptionGroup):
            for inner in link.exceptions:
                yield from _lines(inner)


def _chain(error: BaseException) -> list[BaseException]:
    """The error after what led to it."""
    links: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in links:
        links.append(link)
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return links[::-1]

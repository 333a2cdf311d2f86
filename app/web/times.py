"""Times as clients write them: RFC 3339 or Unix seconds."""

import re
from datetime import UTC, datetime

from app.errors import InvalidRequest

YEAR_MIN, YEAR_MAX = 1000, 9000
"""Far enough from where Python's times end that one can go a while back and forth from them."""

_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def parse_time(value: str | float, param: str) -> datetime:
    """Raises InvalidRequest. A time without a zone is UTC."""
    try:
        if isinstance(value, (int, float)) or _NUMBER.fullmatch(value):
            parsed = datetime.fromtimestamp(float(value), UTC)
        else:
            parsed = datetime.fromisoformat(value)
        if not YEAR_MIN <= parsed.year <= YEAR_MAX:
            raise ValueError(parsed)
    except (ValueError, OverflowError, OSError):
        raise InvalidRequest(
            f"'{param}' must be a time: RFC 3339 or Unix seconds.", param=param
        ) from None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)

"""Times as clients write them: RFC 3339 or Unix seconds."""

import re
from datetime import UTC, datetime

from app.errors import InvalidRequest

_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def parse_time(value: str | float, param: str) -> datetime:
    """Raises InvalidRequest. A time without a zone is UTC."""
    try:
        if isinstance(value, (int, float)) or _NUMBER.fullmatch(value):
            return datetime.fromtimestamp(float(value), UTC)
        parsed = datetime.fromisoformat(value)
    except (ValueError, OverflowError, OSError):
        raise InvalidRequest(
            f"'{param}' must be a time: RFC 3339 or Unix seconds.", param=param
        ) from None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)

"""What a query asks for, by its form alone."""

import re

_WHEN = re.compile(
    r"^\W*(?:(?:since|until|by) )?when\b|\bwhat (?:date|day|month|year|time)\b|\bhow long\b"
    r"|\bwhich (?:day|month|year)\b",
    re.IGNORECASE,
)


def asks_when(query: str) -> bool:
    """Whether the answer is a time. English only: elsewhere nothing is preferred."""
    return bool(_WHEN.search(query))

"""Text as Postgres takes it."""

from typing import Any, TypeVar

import msgspec

Told = TypeVar("Told", bound=msgspec.Struct)


def without_nul(told: Told) -> Told:
    """Postgres' text takes every character but NUL: it becomes U+FFFD, wherever it stands.

    Goes as deep as the values do: who lets metadata in bounds its depth.
    """
    values = {
        name: clean
        for name, value in msgspec.structs.asdict(told).items()
        if (clean := _cleaned(value)) is not value
    }
    return msgspec.structs.replace(told, **values) if values else told


def cut(text: str, bytes_max: int) -> str:
    """The beginning of a text, up to the last whole character that fits."""
    return text.encode()[:bytes_max].decode(errors="ignore")


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd") if "\x00" in value else value
    if isinstance(value, dict):
        return {_cleaned(key): _cleaned(item) for key, item in value.items()} if value else value
    if isinstance(value, msgspec.Struct):
        return without_nul(value)
    if isinstance(value, tuple):
        return tuple(map(_cleaned, value)) if value else value
    if isinstance(value, list):
        return [_cleaned(item) for item in value]
    return value

"""What a key or a user may spend in a minute, a day, a month."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

Measure = Literal["requests", "tokens", "usd"]
Span = Literal["minute", "day", "month"]

Count = Annotated[int, Meta(ge=0, le=10**15)]

Dollars = Annotated[float, Meta(ge=0, le=10**6)]


class Limits(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """None is no limit; what is not set is as the project's default has it."""

    requests_per_minute: Count | UnsetType | None = UNSET
    requests_per_day: Count | UnsetType | None = UNSET
    requests_per_month: Count | UnsetType | None = UNSET
    tokens_per_minute: Count | UnsetType | None = UNSET
    tokens_per_day: Count | UnsetType | None = UNSET
    tokens_per_month: Count | UnsetType | None = UNSET
    usd_per_day: Dollars | UnsetType | None = UNSET
    usd_per_month: Dollars | UnsetType | None = UNSET


def read_limits(stored: Any) -> Limits | None:
    """Of a row's column."""
    return None if stored is None else msgspec.convert(stored, Limits)


def over(default: Limits, own: Limits) -> Limits:
    """A user's own limits over the project's default, each for itself."""
    return msgspec.structs.replace(default, **_set_in(own))


def in_force(limits: Limits) -> dict[tuple[Measure, Span], float]:
    """Those that limit something."""
    return {_parsed(name): value for name, value in _set_in(limits).items() if value is not None}


def _set_in(limits: Limits) -> dict[str, Any]:
    values = msgspec.structs.asdict(limits)
    return {name: value for name, value in values.items() if value is not UNSET}


def _parsed(name: str) -> tuple[Any, Any]:
    measure, _, span = name.partition("_per_")
    return measure, span

"""What a check of `backstory doctor` says."""

from typing import Literal

import msgspec

from app.errors import StartError


class Finding(msgspec.Struct, frozen=True):
    level: Literal["ok", "warn", "fail"]
    text: str
    remedy: str = ""


def ok(text: str) -> Finding:
    return Finding("ok", text)


def warn(text: str, remedy: str) -> Finding:
    return Finding("warn", text, remedy)


def fail(text: str, remedy: str) -> Finding:
    return Finding("fail", text, remedy)


def failed(error: StartError) -> Finding:
    """A StartError says what is wrong, a colon, and what to do."""
    text, _, remedy = str(error).partition(": ")
    return fail(text, remedy[:1].upper() + remedy[1:])

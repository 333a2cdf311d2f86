"""Queries whose predicates are taken away on purpose, so that row security stands alone."""

import re

import pytest

from app.db.sql import REGISTRY, Statement

OF_PROJECT = re.compile(r"\b(?:\w+\.)?project_id = (\$\d+)")
OF_USER = re.compile(r"\b(?:\w+\.)?user_id = (\$\d+)")


def forgetful(statement: Statement, *, user: bool = False) -> str:
    """The same statement, but for the project's predicate, and the user's where that is said."""
    text, times = OF_PROJECT.subn(r"\1::uuid IS NOT NULL", statement.text)
    assert times, statement.name
    return OF_USER.sub(r"(\1::uuid IS NOT NULL)", text) if user else text


def forget_all_projects(monkeypatch: pytest.MonkeyPatch) -> int:
    """Of every query of the program that names its project; how many these are."""
    naming = [one for one in REGISTRY.values() if OF_PROJECT.search(one.text)]
    for statement in naming:
        monkeypatch.setattr(statement, "text", forgetful(statement))
    return len(naming)

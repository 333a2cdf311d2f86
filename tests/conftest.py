"""Fixtures for all tests, and two rules: CI skips nothing, and no log holds a secret."""

import os
from collections.abc import Generator

import pytest

from tests.support.secrets_in_logs import secrets_in

pytest_plugins = [
    "tests.support.postgres_fixtures",
    "tests.support.embedder_fixtures",
    "tests.support.engine_fixtures",
    "tests.support.service_fixtures",
    "tests.support.context_fixtures",
]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a skipped test is a failure: there, everything that tests need is installed."""
    report = yield
    if report.passed and (found := secrets_in(report.capstderr + report.caplog)):
        report.outcome = "failed"
        report.longrepr = f"the log holds {len(found)} secrets, such as {found[0][:12]}…"
    if os.environ.get("CI") == "true" and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {report.longrepr}"
    return report

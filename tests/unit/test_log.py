"""Of an error of Postgres its kind is logged, and nothing that people wrote."""

import asyncpg
import pytest
import structlog

from app.db.embedded import EmbeddedPostgres
from app.log import said, set_up_log
from tests.support.postgres_fixtures import fresh_database
from tests.support.rows import connected

SECRET = "my heart is at 15%"


async def errors(postgres: EmbeddedPostgres) -> list[Exception]:
    """A row that is there already, and an argument that cannot be encoded."""
    found: list[Exception] = []
    with fresh_database(postgres) as urls:
        async with connected(urls.owner) as conn:
            await conn.execute("CREATE TABLE told (said text PRIMARY KEY, n integer)")
            await conn.execute("INSERT INTO told VALUES ($1)", SECRET)
            for sql in ("INSERT INTO told (said) VALUES ($1)", "SELECT * FROM told WHERE n = $1"):
                with pytest.raises(asyncpg.PostgresError) as caught:
                    await conn.execute(sql, SECRET)
                found.append(caught.value)
    return found


async def test_errors_of_postgres_are_named_and_not_quoted(postgres: EmbeddedPostgres) -> None:
    unique, data = await errors(postgres)
    assert SECRET in str(unique) + str(data.args)  # what the driver would say
    assert said(unique) == "UniqueViolationError 23505 told_pkey"
    assert said(data).startswith("DataError")
    assert SECRET not in said(data)
    assert said(ValueError("plain")) == "ValueError: plain"


async def test_a_traceback_keeps_its_causes_and_no_text(
    postgres: EmbeddedPostgres, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_log("info")
    try:
        for cause in await errors(postgres):
            try:
                raise RuntimeError("it failed") from cause
            except RuntimeError:
                structlog.get_logger().exception("tried")
            group = ExceptionGroup("several", [cause])
            structlog.get_logger().error("tried", exc_info=group)
    finally:
        structlog.reset_defaults()
    logged = capsys.readouterr().err
    assert SECRET not in logged
    assert logged.count("23505 told_pkey") == 2
    assert logged.count("RuntimeError: it failed") == 2
    assert "test_log.py" in logged

"""One Config, from the environment and back."""

from pathlib import Path

import pytest

from app.config import Config, environ_of, read_config
from app.errors import StartError


def test_an_empty_environment_is_enough() -> None:
    config = read_config({})
    assert config == Config()
    assert config.embedded_database
    assert config.local_engine


def test_workers_read_what_serve_resolved() -> None:
    config = Config(
        data_dir=Path("/tmp/somewhere"),
        port=1,
        database_url="postgresql://…",
        database_statement_cache=False,
        drain_seconds=0.5,
        engine_kind="chat",
        engine_url="http://127.0.0.1:1/v1",
    )
    assert read_config(environ_of(config)) == config


def test_options_win_over_the_environment() -> None:
    assert read_config({"BACKSTORY_PORT": "1"}, port=2, host=None).port == 2


def test_openinfers_own_variables_name_the_engine() -> None:
    config = read_config({"OPENINFER_BASE_URL": "http://engine/v1", "OPENINFER_API_KEY": "sk"})
    assert (config.engine_url, config.engine_api_key) == ("http://engine/v1", "sk")


@pytest.mark.parametrize("variable", ["OPENINFER_API_KEY", "BACKSTORY_ENGINE_API_KEY"])
def test_a_key_without_its_engine_is_refused(variable: str) -> None:
    with pytest.raises(StartError, match=variable):
        read_config({variable: "sk"})


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("BACKSTORY_PORT", "many"),
        ("BACKSTORY_PORT", "65536"),
        ("BACKSTORY_WORKERS", "0"),
        ("BACKSTORY_DRAIN_SECONDS", "-1"),
        ("BACKSTORY_ENGINE_KIND", "steam"),
    ],
)
def test_a_value_that_cannot_be_right_is_named(variable: str, value: str) -> None:
    with pytest.raises(StartError, match=variable):
        read_config({variable: value})


@pytest.mark.parametrize("url", ["notaurl", "ftp://engine/v1", "http://"])
def test_an_engine_url_must_be_one(url: str) -> None:
    with pytest.raises(StartError, match="base URL must begin"):
        read_config({"BACKSTORY_ENGINE_URL": url})


def test_a_chat_engine_needs_its_url() -> None:
    with pytest.raises(StartError, match="BACKSTORY_ENGINE_URL is not set"):
        read_config({"BACKSTORY_ENGINE_KIND": "chat"})

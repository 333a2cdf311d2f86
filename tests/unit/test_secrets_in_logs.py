"""The rule that no log holds a secret, tried on logs that do."""

from pathlib import Path

import pytest

from app.identity.secrets import make_token
from app.ids import ProjectId, new_id
from app.web.principal import Kind
from tests.support.secrets_in_logs import check_log_files, is_secret, secrets_in


@pytest.mark.parametrize("mark", [*Kind, "bs_rt_"])
def test_a_token_is_found_wherever_it_stands(mark: str) -> None:
    token = make_token(ProjectId(new_id()), mark)
    for text in (token, f"x{token}x", f'error="refused {token[:-5]}"', f"\x1b[1m{token}\x1b[0m"):
        assert secrets_in(text), text
    assert not secrets_in(f"prefix={token[:18]} project={token[6:38]} hash={new_id().hex * 2}")


def test_what_others_call_by_is_found_too() -> None:
    secret = is_secret(f"sk-{new_id().hex}")
    assert secrets_in(f"url=http://user:{secret}@host") == [secret]


def test_log_files_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    (folder / "logs").mkdir(parents=True)
    (folder / "logs" / "embedder.log").write_text("loaded")
    check_log_files(folder)
    (folder / "logs" / "embedder.log").write_text(make_token(ProjectId(new_id())))
    with pytest.raises(AssertionError, match=r"embedder.log holds 1 secrets"):
        check_log_files(folder)

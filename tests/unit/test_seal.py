"""Compaction items as clients carry them."""

import pytest

from app.contexts import seal
from app.contexts.compacted import Compacted
from app.contexts.seal import Sealed, Seals
from app.ids import ProjectId, UserId, new_id
from app.vault import Vault

LONG = Sealed(compacted=Compacted(summary="bees " * 10_000))


def test_a_small_item_that_holds_too_much_is_not_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    seals = Seals(Vault(b"k" * 32))
    project, user = ProjectId(new_id()), UserId(new_id())
    item = seals.item(LONG, project, user)
    assert len(item["encrypted_content"]) < 1_000
    assert seals.open(item, project, user) == LONG
    monkeypatch.setattr(seal, "PLAIN_BYTES_MAX", 10_000)
    assert seals.open(item, project, user) is None

"""What docs/configuration.md says is what the configuration is."""

import re
from pathlib import Path

import pytest

from app.audit.types import Event
from app.config import Config
from app.settings.types import GatewaySettings

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "configuration.md").read_text()
SECTIONS = dict(re.findall(r"^### `(BACKSTORY_\w+)`\n(.*?)(?=^##|\Z)", TEXT, re.M | re.S))
DEFAULTS = {
    f"BACKSTORY_{name.upper()}": getattr(Config(), name) for name in Config.__struct_fields__
}


@pytest.mark.parametrize("variable", DEFAULTS)
def test_every_field_has_a_heading_and_its_default(variable: str) -> None:
    assert variable in SECTIONS, f"docs/configuration.md has no heading ### `{variable}`"
    default = DEFAULTS[variable]
    shown = str(default).lower() if isinstance(default, bool) else str(default)
    begins = "Default: none" if default is None else f"Default `{shown}`."
    assert SECTIONS[variable].startswith(begins)


def test_no_heading_is_left_over() -> None:
    assert set(SECTIONS) <= set(DEFAULTS)


def test_every_setting_of_ours_has_a_row() -> None:
    text = (ROOT / "docs" / "settings.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \|", text.partition("## `backstory`")[2], re.M)
    assert sorted(rows) == sorted(GatewaySettings.__struct_fields__)


def test_every_audit_event_is_in_the_docs() -> None:
    text = (ROOT / "docs" / "identity.md").read_text()
    assert [event for event in Event if f"`{event}`" not in text] == []


def test_links_between_pages_lead_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    for page in pages:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} links to {target}"

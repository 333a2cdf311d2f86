"""A profile as a text that is ready to be put into a prompt."""

from collections.abc import Mapping, Sequence

import msgspec

from app.recall.pack import CHARS_A_TOKEN, NO_TAGS, tokens_in
from app.summaries.types import Entry, Section

HEADINGS: dict[Section, str] = {
    "instructions": "What the user asked for, in their words:",
    "preferences": "What the user prefers:",
    "stable": "About the user:",
    "current": "The user at present:",
}


class ProfileText(msgspec.Struct, frozen=True):
    text: str
    tokens: int
    left_out: int


def profile_text(
    sections: Mapping[Section, Sequence[Entry]], summary: str | None, token_budget: int
) -> ProfileText:
    """Dated lines under their headings, as far as the budget goes: instructions come first, and of
    each section what was said last. Nothing in a line can pass for another line, or for a tag."""
    left = token_budget * CHARS_A_TOKEN
    lines: list[str] = []
    missed = 0
    for section, heading in HEADINGS.items():
        headed = False
        for entry in sections[section]:
            line = _line(entry)
            needed = len(line) + 1 + (0 if headed else len(heading) + 1)
            if needed > left:
                missed += 1
                continue
            lines += [line] if headed else [heading, line]
            headed = True
            left -= needed
    if summary and len(quoted := f"In short: {_quoted(summary)}") < left:
        lines.append(quoted)
    text = "\n".join(lines)
    return ProfileText(text, tokens_in(text), missed)


def _line(entry: Entry) -> str:
    day = entry.occurred_at.strftime("%Y-%m-%d")
    who = f"{_quoted(entry.speaker)}: " if entry.speaker and entry.speaker != "user" else ""
    return f"- [{day}] {who}{_quoted(entry.text)}"


def _quoted(text: str) -> str:
    return " ".join(text.split()).translate(NO_TAGS)

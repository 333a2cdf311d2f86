"""What goes on holding of what someone says: instructions, preferences, who they are.

By rules alone, so that it costs no language model: patterns that begin where a clause begins. They
would rather miss a sentence than take a passing remark for one that holds.
"""

import re
from collections.abc import Iterator, Sequence
from typing import get_args

import msgspec

from app.memory import standing_english as english
from app.memory import standing_others as others
from app.memory.types import Kind, NewMemory, Standing, Trust

SAID_CHARS_MAX = 240
"""Of one statement; a longer sentence is cut to what begins with it."""
STATEMENTS_MAX = 8
"""Of one memory."""
CONTEXT_CHARS_MAX = 100
"""Of what stands before it in its sentence, which tells what it speaks of."""
READ_CHARS_MAX = 8_000
"""What lies behind is pasted more often than said."""
NOT_SAID = frozenset({"assistant", "system", "developer", "tool", "function", "bot", "ai"})
STANDING: tuple[Standing, ...] = get_args(Standing)

MASK = "x"

_STRAIGHT = str.maketrans("\u2018\u2019", "''")
_SPACES = re.compile(r"[^\S\n]+")
_QUOTED = re.compile(
    r"```.*?(?:```|\Z)|`[^`\n]*`|\"[^\"\n]*\"|\u201c[^\u201d\n]*\u201d|^>[^\n]*", re.S | re.M
)
_SENTENCE = re.compile(
    r"[^.!?\n]+(?:(?:(?<=\bmr)|(?<=\bmrs)|(?<=\bms)|(?<=\bdr)|(?<=\bprof)|(?<=\bst))\."
    r"[^.!?\n]+|\.(?=\w)[^.!?\n]+)*[.!?]*",
    re.I,
)
_LEAD = rf"\b(?:{english.LEADS}|{others.LEADS})\b"
_TOKEN = re.compile(r"\w+|[,;:(\u2013\u2014]|(?<=\s)-(?=\s)")
_BEFORE_CLAUSES = frozenset(
    [*",;:(-\u2013\u2014", *english.LEADS.split("|"), *others.LEADS.split("|")]
)
_OPENING = re.compile(rf"(?:^|[,;:(\u2013\u2014-])\s*(?:(?!and){_LEAD},?\s*)*$", re.I)
_UNREAL = re.compile(english.UNREAL, re.I)
_PRETENDED = re.compile(
    r"\W*(?:imagine|pretend|suppose|assume|let's say|act as|role-?play)\b", re.I
)
_REQUEST = re.compile(r"(?:(?:can|could|would|will) you|please)\b", re.I)
_TRAILING = re.compile(rf"(?:[\s,;:(\u2013\u2014-]|{_LEAD}(?=[\s,]*$))+$", re.I)
_SUBJECT = r"(?:the )?user(?:'s name is|:)?"


class Statement(msgspec.Struct, frozen=True):
    """A sentence that goes on holding. A later one of the same slot replaces it; a slot that
    begins with `now` is a state that passes, one that ends in `?` replaces nothing itself."""

    standing: Standing
    said: str
    slot: str | None = None

    @property
    def passes(self) -> bool:
        return self.slot is not None and self.slot.startswith("now")


class _Match(msgspec.Struct, frozen=True):
    start: int
    end: int
    standing: Standing
    slot: str | None


class _Rules:
    """Patterns of one class, tried at once."""

    def __init__(
        self,
        standing: Standing,
        patterns: Sequence[tuple[str | None, str]],
        *,
        before: str = "",
    ) -> None:
        self.standing = standing
        self._slots = [slot for slot, _ in patterns]
        tried = "|".join(f"(?P<p{n}>{pattern})" for n, (_, pattern) in enumerate(patterns))
        self._pattern = re.compile(f"{before}(?:{tried})", re.I)

    def match(self, sentence: str, start: int) -> "_Match | None":
        found = self._pattern.match(sentence, start)
        if found is None:
            return None
        assert found.lastgroup is not None
        slot = self._slots[int(found.lastgroup[1:])]
        if slot and "{}" in slot:
            inner = found.group(self._pattern.groupindex[found.lastgroup] + 1)
            slot = slot.format(inner.lower())
        return _Match(start, found.end(), self.standing, slot)


_RULES = [
    _Rules("instruction", english.INSTRUCTIONS, before=f"(?:{english.ASKING})?"),
    _Rules("instruction", others.INSTRUCTIONS),
    _Rules("preference", english.PREFERENCES, before=r"(?=i\b|im\b|my\b)"),
    _Rules("preference", others.PREFERENCES),
    _Rules("identity", english.IDENTITY, before=r"(?=i\b|im\b|my\b|we\b|people|everyone)"),
    _Rules("identity", others.IDENTITY),
]
_THIRD_PERSON = {
    standing: re.compile(rf"{_SUBJECT} ({pattern})", re.I)
    for standing, pattern in english.THIRD_PERSON.items()
}


def statements_in(text: str) -> list[Statement]:
    """What of a text that someone says goes on holding, in its order."""
    found: dict[str, Statement] = {}
    for sentence in _sentences(text):
        for statement in _statements(sentence):
            found.setdefault(statement.said, statement)
        if len(found) >= STATEMENTS_MAX:
            break
    return list(found.values())[:STATEMENTS_MAX]


def standing_of(kind: Kind, speaker: str | None, trust: Trust, content: str) -> list[Statement]:
    """What of a memory goes on holding of the user: of what they said themselves, and of what
    notes and facts say about them."""
    if kind == "summary" or trust not in ("user", "application") or _is_role(speaker):
        return []
    if kind in ("note", "fact") and (about := _about_the_user(content)):
        return [about]
    return statements_in(content)


def with_standing(memory: NewMemory) -> NewMemory:
    """The memory, marked with what it states that goes on holding."""
    found = standing_of(memory.kind, memory.speaker, memory.trust, memory.content)
    said = "\n".join(statement.said for statement in found) or None
    return msgspec.structs.replace(memory, standing=strongest(found), said=said)


def strongest(statements: Sequence[Statement]) -> Standing | None:
    """The class of a memory that states several things."""
    stated = {statement.standing for statement in statements}
    return next((standing for standing in STANDING if standing in stated), None)


def _is_role(speaker: str | None) -> bool:
    return speaker is not None and speaker.casefold() in NOT_SAID


def _about_the_user(content: str) -> Statement | None:
    text = content.strip()
    for standing in STANDING:
        if found := _THIRD_PERSON[standing].match(text):
            slot = english.THIRD_SLOTS.get(found.group(1).lower())
            return Statement(standing, _cut(text.splitlines()[0]), slot)
    return None


class _Sentence(msgspec.Struct, frozen=True):
    """As it was written, and with what is quoted in it made unreadable; both equally long."""

    written: str
    read: str


def _sentences(text: str) -> Iterator[_Sentence]:
    plain = _SPACES.sub(" ", text[:READ_CHARS_MAX]).translate(_STRAIGHT)
    masked = _QUOTED.sub(lambda found: MASK * len(found.group()), plain)
    for found in _SENTENCE.finditer(masked):
        start = found.end() - len(found.group().lstrip())
        yield _Sentence(plain[start : found.end()].rstrip(), found.group().strip())


def _statements(sentence: _Sentence) -> list[Statement]:
    """Each from where it begins to where the next one does."""
    found = _matches(sentence.read)
    if not found:
        return []
    begins = [match.start for match in found]
    if begins[0] <= CONTEXT_CHARS_MAX:
        begins[0] = 0
    ends = [*begins[1:], len(sentence.written)]
    return [
        Statement(match.standing, _cut(sentence.written[begin:end]), match.slot)
        for match, begin, end in zip(found, begins, ends, strict=True)
    ]


def _matches(sentence: str) -> list[_Match]:
    """Wherever a clause begins, but for what lies within another."""
    found: list[_Match] = []
    if _PRETENDED.match(sentence):
        return found
    for start in _starts(sentence):
        if found and start < found[-1].end:
            continue
        if (match := _matched(sentence, start)) and _is_real(sentence, start):
            found.append(match)
    return found


def _starts(sentence: str) -> Iterator[int]:
    before = ","
    for token in _TOKEN.finditer(sentence):
        if before in _BEFORE_CLAUSES:
            yield token.start()
        before = token.group().lower()


def _matched(sentence: str, start: int) -> _Match | None:
    for rules in _RULES:
        found = rules.match(sentence, start)
        if found and (found.standing != "instruction" or _instructs(sentence, start)):
            return found
    return None


def _is_real(sentence: str, start: int) -> bool:
    clause_start = max(map(sentence[:start].rfind, ",;:"))
    return not _UNREAL.search(sentence, clause_start + 1, start)


def _instructs(sentence: str, start: int) -> bool:
    """Not where others are said to do so, nor in a question that asks for nothing to be done."""
    asked = sentence.endswith("?") and not _REQUEST.match(sentence, start)
    return bool(_OPENING.search(sentence[:start])) and not asked


def _cut(text: str) -> str:
    """To whole words, without what would lead to the next clause."""
    if len(text) > SAID_CHARS_MAX:
        return text[:SAID_CHARS_MAX].rsplit(" ", 1)[0] + " …"
    return _TRAILING.sub("", text)

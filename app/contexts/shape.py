"""The shape of a context: what of it may go, and what goes together.

A turn begins at a user's message. Within one, a step is what a model said and called in one go,
with the outputs of those calls. Instructions, the newest user message, the newest step and calls
without output are never taken away.
"""

from collections.abc import Sequence

from app.contexts.compacted import is_summary
from app.conversations.contents import item_type
from app.engine.types import Item

INSTRUCTING = ("system", "developer")
Places = list[int]
"""Indexes of items that go together."""


def loose_parts(items: Sequence[Item]) -> list[Places]:
    """What may be taken away, oldest first; an earlier summary last, since it stands for more."""
    summaries = {place for place, item in enumerate(items) if is_summary(item)}
    said = [
        place
        for place, item in enumerate(items)
        if item.get("role") not in INSTRUCTING and place not in summaries
    ]
    newest = max((place for place in said if _is_users(items[place])), default=-1)
    steps = _joined(items, _steps(items, said))
    old = [step for step in steps if step[-1] < newest]
    late = [step for step in steps if step[0] > newest]
    loose = [step for step in late[:-1] if not _has_open_call(items, step)]
    return [*_turns(items, old), *loose, *([place] for place in sorted(summaries))]


def _steps(items: Sequence[Item], places: Places) -> list[Places]:
    """A user's message is a step by itself."""
    steps: list[Places] = []
    for place in places:
        if not steps or _begins_step(items[steps[-1][-1]], items[place]):
            steps.append([])
        steps[-1].append(place)
    return steps


def _begins_step(before: Item, item: Item) -> bool:
    return _is_users(item) or _is_users(before) or (_is_output(before) and not _is_output(item))


def _joined(items: Sequence[Item], steps: list[Places]) -> list[Places]:
    """A call and its output are in one step, however far apart they stand."""
    called = {call: number for number, step in enumerate(steps) for call in _calls(items, step)}
    joined: list[tuple[int, Places]] = []
    for number, step in enumerate(steps):
        begins = min((called.get(call, number) for call in _outputs(items, step)), default=number)
        first, places = number, step
        while begins < first:
            first, before = joined.pop()
            places = before + places
        joined.append((first, places))
    return [places for _, places in joined]


def _turns(items: Sequence[Item], steps: list[Places]) -> list[Places]:
    turns: list[Places] = []
    for step in steps:
        answered = turns and not _is_users(items[turns[-1][-1]])
        if not turns or (answered and _is_users(items[step[0]])):
            turns.append([])
        turns[-1].extend(step)
    return turns


def _has_open_call(items: Sequence[Item], step: Places) -> bool:
    return bool(_calls(items, step) - _outputs(items, step))


def _calls(items: Sequence[Item], step: Places) -> set[str]:
    return {items[place]["call_id"] for place in step if _is_call(items[place])}


def _outputs(items: Sequence[Item], step: Places) -> set[str]:
    return {items[place]["call_id"] for place in step if _is_output(items[place])}


def _is_call(item: Item) -> bool:
    return item_type(item).endswith("_call") and isinstance(item.get("call_id"), str)


def _is_output(item: Item) -> bool:
    return item_type(item).endswith("_call_output") and isinstance(item.get("call_id"), str)


def _is_users(item: Item) -> bool:
    return item.get("role") == "user"

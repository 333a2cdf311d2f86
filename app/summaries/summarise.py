"""Summaries that roll on: each continues the one before it with what was said since.

What is to be summarised is read, written without a connection held, and kept if all of it still
stands; else it is read anew.
"""

from collections.abc import Awaitable, Callable

import msgspec

from app.db.crossed import again_if_crossed
from app.db.sql import Connection
from app.errors import Unavailable
from app.ids import PROJECT_ITSELF
from app.summaries import queries
from app.summaries.about import About
from app.summaries.keep import keep_summary
from app.summaries.parts import SummaryParts
from app.summaries.talk import read_talk, tokens_of
from app.summaries.types import Method, NewSummary, Talk
from app.summaries.write import Way, write_summary

ROUNDS_MAX = 4

Ending = Callable[[Connection, bool], Awaitable[None]]
"""What else is done in the transaction that keeps a summary, or that finds nothing to be done; it
is told whether there is more to summarise."""


class Step(msgspec.Struct, frozen=True):
    made: bool
    more: bool


async def summarise_step(
    parts: SummaryParts, about: About, way: Way, ending: Ending, *, tokens_min: int = 0
) -> Step:
    """Of what is new as much as is summarised at a time, if that has so many tokens. Raises
    EngineError, or Unavailable where what is summarised changes all the time."""
    for _ in range(ROUNDS_MAX):
        async with parts.database.tenant(about.project) as conn:
            talk = await read_talk(conn, about, parts.config.context_items_max)
            if not talk.said or (not talk.more and tokens_of(talk) < tokens_min):
                await ending(conn, False)
                return Step(made=False, more=False)
        made = await write_summary(parts, about, way, talk)
        if await _keep(parts, about, talk, made, ending):
            parts.jobs.wake("embed_memories")
            return Step(made=True, more=talk.more)
    raise Unavailable("What is summarised changes all the time.")


@again_if_crossed
async def _keep(
    parts: SummaryParts, about: About, talk: Talk, made: NewSummary, ending: Ending
) -> bool:
    async with parts.database.tenant(about.project) as conn:
        kept = await keep_summary(conn, about, talk, made)
        if kept:
            await ending(conn, talk.more)
        return kept is not None


async def way_of(
    parts: SummaryParts,
    about: About,
    endpoint: str,
    method: Method | None = None,
    model: str | None = None,
) -> Way:
    """As asked, else as the settings say. Without any model that is known it is an extract."""
    owner = None if about.user == PROJECT_ITSELF else about.user
    settings = await parts.settings.read(about.project, owner)
    method = method or settings.summaries
    if method == "engine":
        model = model or settings.summary_model or await _model_of(parts, about)
    if method == "extract" or model is None:
        return Way(method="extract", model=None, endpoint=endpoint)
    return Way(method="engine", model=model, endpoint=endpoint)


async def _model_of(parts: SummaryParts, about: About) -> str | None:
    """The one that answered last in the conversation."""
    if about.conversation is None:
        return None
    async with parts.database.tenant(about.project) as conn:
        return await queries.find_model(conn, about.project, about.conversation)

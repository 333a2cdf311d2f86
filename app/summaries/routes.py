"""Summaries on request, and /v1/users/{user}/profile."""

from collections.abc import Mapping
from typing import Any

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from app.errors import InvalidRequest
from app.memory.clean import without_nul
from app.summaries.bodies import SummarizeBody, SummarizeEpisodeBody
from app.summaries.parts import SummaryParts
from app.summaries.profile import get_profile
from app.summaries.submit import summarize_conversation, summarize_episode
from app.summaries.types import Profile, SummaryAnswer
from app.web.body import decode, takes
from app.web.principal import Access, Scope, guarded

READ = guarded(Access.SESSION, Scope.MEMORY_READ)
WRITE = guarded(Access.SESSION, Scope.MEMORY_WRITE)

BUDGET_DEFAULT = "1000"
BUDGET_TOKENS_MAX = 100_000
DIGITS_MAX = 9


@post(
    "/v1/conversations/{conversation_id:str}/summarize",
    opt=WRITE,
    status_code=200,
    operation_class=takes(SummarizeBody),
)
async def summarize_a_conversation(
    request: Request[Any, Any, Any],
    conversation_id: FromPath[str],
    summaries: NamedDependency[SummaryParts],
) -> SummaryAnswer:
    """Brings the summary of a conversation up to what was said last."""
    body = await request.body()
    asked = without_nul(decode(body, SummarizeBody)) if body else SummarizeBody()
    caller = await summaries.users.caller_of(request)
    return await summarize_conversation(summaries, caller, conversation_id, asked, request.scope)


@post(
    "/v1/memories/summarize",
    opt=WRITE,
    status_code=200,
    operation_class=takes(SummarizeEpisodeBody),
)
async def summarize_an_episode(
    request: Request[Any, Any, Any], summaries: NamedDependency[SummaryParts]
) -> SummaryAnswer:
    """Brings the summary of an episode up to what was remembered of it last."""
    asked = without_nul(decode(await request.body(), SummarizeEpisodeBody))
    caller = await summaries.users.caller_of(request, asked.user)
    return await summarize_episode(summaries, caller, asked, request.scope)


@get("/v1/users/{user:str}/profile", opt=READ)
async def get_user_profile(
    request: Request[Any, Any, Any],
    user: FromPath[str],
    summaries: NamedDependency[SummaryParts],
) -> Profile:
    """Who a user is in short, from what they said and from facts."""
    budget = _token_budget(request.query_params)
    caller = await summaries.users.caller_at(request, user)
    return await get_profile(summaries, caller, user, budget)


def _token_budget(query: Mapping[str, str]) -> int:
    text = query.get("token_budget", BUDGET_DEFAULT)
    budget = int(text) if text.isdecimal() and len(text) <= DIGITS_MAX else 0
    if not 1 <= budget <= BUDGET_TOKENS_MAX:
        raise InvalidRequest(
            f"'token_budget' must be from 1 to {BUDGET_TOKENS_MAX}.", param="token_budget"
        )
    return budget


ROUTES = [summarize_a_conversation, summarize_an_episode, get_user_profile]

"""/v1/users/{user}/profile."""

from collections.abc import Mapping
from typing import Any

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from app.errors import InvalidRequest
from app.summaries.parts import SummaryParts
from app.summaries.profile import get_profile
from app.summaries.types import Profile
from app.web.principal import Access, Scope, guarded

READ = guarded(Access.KEY, Scope.MEMORY_READ)

BUDGET_DEFAULT = "1000"
BUDGET_TOKENS_MAX = 100_000
DIGITS_MAX = 9


@get("/v1/users/{user:str}/profile", opt=READ)
async def get_user_profile(
    request: Request[Any, Any, Any],
    user: FromPath[str],
    summaries: NamedDependency[SummaryParts],
) -> Profile:
    """Who a user is in short, from what they said and from facts."""
    budget = _token_budget(request.query_params)
    caller = await summaries.users.caller_of(request, user)
    return await get_profile(summaries.database, summaries.config, caller, user, budget)


def _token_budget(query: Mapping[str, str]) -> int:
    text = query.get("token_budget", BUDGET_DEFAULT)
    budget = int(text) if text.isdecimal() and len(text) <= DIGITS_MAX else 0
    if not 1 <= budget <= BUDGET_TOKENS_MAX:
        raise InvalidRequest(
            f"'token_budget' must be from 1 to {BUDGET_TOKENS_MAX}.", param="token_budget"
        )
    return budget


ROUTES = [get_user_profile]

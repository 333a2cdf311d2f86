"""Letting requests in, as far as keys and users may spend."""

from functools import partial
from uuid import UUID

import msgspec
from litestar.types import Message, Scope

from app.ids import ProjectId, UserId
from app.limits.allowance import Allowance
from app.limits.prices import Cost, Prices
from app.limits.stock import Stock
from app.limits.types import NOBODY, Counter
from app.limits.units import counted
from app.settings.read import SettingsReader
from app.web.limits import Limits, in_force, over
from app.web.principal import Caller

STATE = "allowance"


class Limiter(msgspec.Struct, frozen=True):
    stock: Stock
    settings: SettingsReader
    prices: Prices

    async def admit(self, caller: Caller, scope: Scope | None = None) -> Allowance | None:
        """Counts a request, and tells its answer's headers so. None where nothing is limited.

        Raises TooManyRequests, or Unavailable where something is limited and cannot be counted.
        """
        limits = await self._limits(caller)
        if not limits:
            return None
        allowance = Allowance(self.stock, limits, partial(self._cost, caller))
        if scope is not None:
            scope.setdefault("state", {})[STATE] = allowance
        await allowance.admit()
        return allowance

    async def _cost(self, caller: Caller, model: str) -> Cost | None:
        return await self.prices.cost(model, await self.settings.read(caller.project, caller.user))

    async def _limits(self, caller: Caller) -> dict[Counter, int]:
        project, key = caller.project, caller.principal.key
        limits: dict[Counter, int] = {}
        if key and caller.principal.limits:
            limits.update(counters(project, NOBODY, key, caller.principal.limits))
        if caller.user:
            of_user = await self.of_user(project, caller.user, caller.limits)
            limits.update(counters(project, caller.user, NOBODY, of_user) if of_user else {})
        return limits

    async def of_user(self, project: ProjectId, user: UserId, own: Limits | None) -> Limits | None:
        """Their own over the project's default."""
        settings = await self.settings.read(project, user)
        default = settings.user_limits
        return over(default, own) if default and own else own or default


def counters(project: ProjectId, user: UUID, key: UUID, limits: Limits) -> dict[Counter, int]:
    """What is in force, in whole numbers."""
    return {
        Counter(project, user, key, measure, span): counted(measure, most)
        for (measure, span), most in in_force(limits).items()
    }


async def tell_limits(message: Message, scope: Scope) -> None:
    """A `before_send` hook: an answer says what is left."""
    if message["type"] != "http.response.start":
        return
    allowance: Allowance | None = scope.get("state", {}).get(STATE)
    if allowance is not None:
        said = [(name.encode(), value.encode()) for name, value in allowance.headers().items()]
        message["headers"] = [*message["headers"], *said]

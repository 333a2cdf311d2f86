"""How many tokens a request has, before the engine says: an estimate, told by what the engine
counted of the response that is continued, where it did."""

from collections.abc import Sequence

import msgspec

from app.contexts.weights import weigh_frame, weigh_items, weigh_request
from app.engine.types import EngineRequest, Item
from app.ids import ProjectId, ResponseId
from app.responses import queries
from app.responses.opened import Opened
from app.responses.parts import Parts

SCALE_MIN, SCALE_MAX = 0.25, 4.0
"""An engine that counts further away from the estimate counts something else."""


class Size(msgspec.Struct, frozen=True):
    """Tokens of a request's items and of what stands around them, on the engine's scale."""

    weights: list[float]
    frame: float
    scale: float

    @property
    def tokens(self) -> float:
        return sum(self.weights) + self.frame


async def estimated(
    parts: Parts, project: ProjectId, opened: Opened, request: EngineRequest
) -> int:
    return await _told(parts, project, opened) or weigh_request(request)


def measured(request: EngineRequest, tokens: int | None = None) -> Size:
    """Of each item, so that all together are as many as is known of the whole."""
    weights = weigh_items(request.input)
    frame = weigh_frame(request.instructions, request.parameters.get("tools"))
    total = max(sum(weights) + frame, 1)
    scale = min(max((tokens or total) / total, SCALE_MIN), SCALE_MAX)
    return Size([weight * scale for weight in weights], frame * scale, scale)


def resized(size: Size, items: Sequence[Item]) -> Size:
    """Of other items in the same request."""
    weights = [weight * size.scale for weight in weigh_items(items)]
    return Size(weights, size.frame, size.scale)


async def _told(parts: Parts, project: ProjectId, opened: Opened) -> int | None:
    """The usage of the response that is continued, and what is new. None where the engine did
    not see all that came before: the client sent it again, or some of it was left out."""
    context = opened.context
    if context.parent is None or context.resent is not None or not opened.whole:
        return None
    async with parts.database.tenant(project) as conn:
        counted = await queries.get_counted(conn, project, ResponseId(context.parent))
    if counted is None or counted.truncation == "auto" or not counted.input_tokens:
        return None
    return counted.input_tokens + (counted.output_tokens or 0) + sum(weigh_items(opened.new))

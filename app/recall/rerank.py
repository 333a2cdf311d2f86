"""The best of a ranking in the order of a cross-encoder, where there is one that is fast enough."""

from collections.abc import Mapping

from msgspec.structs import replace

from app.db.database import Database
from app.embeddings.types import Reranker
from app.errors import EmbeddingFailed, Unavailable
from app.ids import MemoryId
from app.memory.read import read_memories
from app.recall.judge import DIGITS, Judged
from app.recall.types import ArmSignal, Asked, Reach, RerankState


async def rerank(
    database: Database, reranker: Reranker, reach: Reach, asked: Asked, judged: Judged
) -> tuple[Judged, RerankState]:
    """As it was, where there is nothing to order or it cannot be done in time.

    No connection is held while the model reads.
    """
    best = [one.memory_id for one in judged.ranking[: reranker.texts_max]]
    if len(best) < 2 or judged.confidence < asked.fits_min:
        return judged, "off"
    async with database.tenant(reach.project) as conn:
        stored = await read_memories(conn, reach.project, best)
    try:
        scores = await reranker.score(asked.query, [one.content for one in stored.values()])
    except TimeoutError:
        return judged, "too_late"
    except (Unavailable, EmbeddingFailed):
        return judged, "unavailable"
    return reordered(judged, dict(zip(stored, scores, strict=True))), "used"


def reordered(judged: Judged, scores: Mapping[MemoryId, float]) -> Judged:
    """Those with a score by it, of two equals the one that was better; the others behind them.

    A place keeps the score that it had, since that is a probability and the model's is none.
    """
    places = [one for one in judged.ranking if one.memory_id in scores]
    order = sorted(places, key=lambda one: -scores[one.memory_id])
    best = [
        replace(
            one,
            score=place.score,
            behind=place.behind,
            rerank=ArmSignal(score=round(scores[one.memory_id], DIGITS), rank=rank),
        )
        for rank, (one, place) in enumerate(zip(order, places, strict=True), 1)
    ]
    rest = [one for one in judged.ranking if one.memory_id not in scores]
    return Judged(best + rest, judged.confidence)

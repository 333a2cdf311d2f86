"""`backstory doctor --recall`: whether the index of vectors finds what is there."""

from collections.abc import AsyncIterator

from pgvector.asyncpg import register_vector

from app.cli.findings import Finding, failed, ok, warn
from app.cli.owner import owner_url
from app.config import Config
from app.db.connect import connect_as
from app.errors import StartError
from app.recall.compare import BEST, Compared, compare, large_projects

SHARE_MIN = 0.95


async def check_recall(config: Config) -> AsyncIterator[Finding]:
    try:
        conn = await connect_as(owner_url(config), "its owner")
    except StartError as error:
        yield failed(error)
        return
    try:
        await register_vector(conn)
        projects = await large_projects(conn, config.recall_exact_max)
        if not projects:
            yield ok("Every project is small enough for all its vectors to be looked through")
        for project in projects:
            yield _finding(await compare(conn, project))
    finally:
        await conn.close()


def _finding(compared: Compared) -> Finding:
    where = f"project {compared.project}, {compared.memories:,} memories"
    if compared.share is None:
        return warn(
            f"There is no index of vectors yet: all are looked through ({where})",
            "Run backstory memory index, or wait for serve to make it.",
        )
    text = (
        f"The index finds {compared.share:.1%} of the exact best {BEST}, of {compared.asked} "
        f"vectors near stored ones ({where})"
    )
    if compared.share < SHARE_MIN:
        return warn(text, "Raise BACKSTORY_RECALL_EXACT_MAX, so that more is looked through.")
    return ok(text)

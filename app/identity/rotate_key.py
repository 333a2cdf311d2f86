"""Giving a key another secret; the one before is good for a while yet, where that is asked."""

from datetime import UTC, datetime, timedelta

import msgspec

from app.audit.types import Event
from app.db.sql import Connection
from app.errors import Conflict, InvalidRequest
from app.identity import queries
from app.identity.administration import Admin, Administration
from app.identity.bodies import Rotation
from app.identity.one_key import (
    MARKS,
    audit_key,
    changeable,
    existing,
    is_live,
    must_have,
    place_of,
    shown,
)
from app.identity.secrets import make_token, parsed_token
from app.identity.types import RotatedKey
from app.ids import KeyId, ProjectId

OLD_SECRETS_MAX = 10
"""That are good beside the newest one."""


async def rotate_key(
    parts: Administration, admin: Admin, project_named: str | None, named: str, asked: Rotation
) -> RotatedKey:
    """Of two at once both get a secret, and the later one's is the key's. All older secrets end
    with the overlap, if not before. Raises InvalidRequest, Forbidden, NotFound, or Conflict."""
    project, key_id = await place_of(parts, admin, project_named, named)
    old_ends_at = _end_of(asked, parts.config.key_overlap_seconds_max)
    async with parts.database.tenant(project) as conn:
        before = await changeable(conn, project, key_id)
        if not is_live(before):
            raise Conflict("The key has expired: give it another 'expires_at' first.")
        must_have(admin, before.scopes)
        text = make_token(project, MARKS[before.kind])
        token = parsed_token(text)
        await _keep_old(conn, project, key_id, old_ends_at)
        await queries.replace_secret(
            conn, project, key_id, prefix=token.prefix, secret_hash=token.hash
        )
        after = await existing(conn, project, key_id)
        await audit_key(
            conn, project, Event.KEY_ROTATED, admin, after, {"old_expires_at": old_ends_at}
        )
    parts.authenticator.forget_key(key_id)
    return RotatedKey(
        **msgspec.structs.asdict(shown(after, project)),
        key=text,
        old_key_expires_at=old_ends_at,
    )


def _end_of(asked: Rotation, seconds_max: float) -> datetime:
    """Raises InvalidRequest."""
    if asked.overlap_seconds > seconds_max:
        raise InvalidRequest(
            f"'overlap_seconds' must be from 0 to {seconds_max:g}.", param="overlap_seconds"
        )
    return datetime.now(UTC) + timedelta(seconds=asked.overlap_seconds)


async def _keep_old(conn: Connection, project: ProjectId, key_id: KeyId, until: datetime) -> None:
    """Raises Conflict where too many are good still."""
    await queries.keep_secret(conn, project, key_id, until)
    await queries.shorten_secrets(conn, project, key_id, until)
    await queries.delete_ended_secrets(conn, project, key_id)
    if await queries.count_secrets(conn, project, key_id) > OLD_SECRETS_MAX:
        raise Conflict(
            f"{OLD_SECRETS_MAX} older secrets of the key are good still: wait until one has ended, "
            "or rotate with a shorter 'overlap_seconds'.",
            code="too_many_secrets",
        )

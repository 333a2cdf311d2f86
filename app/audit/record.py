"""Recording what was done, in the transaction that does it."""

from collections.abc import Mapping
from typing import Any

from app.audit import queries
from app.audit.types import SERVICE, Event, Subject, actor_of
from app.db.sql import Connection
from app.ids import ProjectId, new_id
from app.web.principal import Principal


async def audit(
    conn: Connection,
    project: ProjectId,
    event: Event,
    *,
    principal: Principal | None,
    subject: Subject | None = None,
    address: str | None = None,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """It stands if the transaction does. `principal` None is the service itself. The detail may
    hold no secret, and of users nothing but ids: an event outlives what it is about."""
    await queries.insert_event(
        conn,
        project,
        event_id=new_id(),
        event=event,
        actor=actor_of(principal, project) if principal else SERVICE,
        subject=subject,
        address=address,
        detail=detail or {},
    )

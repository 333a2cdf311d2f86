"""Work that waits in the outbox until it is done."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

from app.ids import ProjectId, UserId

Topic = Literal[
    "remember_turn",
    "embed_memories",
    "reembed",
    "title_conversation",
    "delete_at_engine",
    "extract_facts",
    "summarize",
    "forget_project",
]


class Work(msgspec.Struct, frozen=True):
    """To be done for a user; `subject_id` names what it is about, if that is one thing alone."""

    user_id: UserId
    subject_id: UUID | None
    payload: Any


class Job(msgspec.Struct, frozen=True):
    """One row of the outbox, leased to us until `run_at`."""

    project_id: ProjectId
    outbox_id: UUID
    topic: Topic
    user_id: UserId
    subject_id: UUID | None
    payload: Any
    attempts: int
    run_at: datetime


class FailedJob(msgspec.Struct, frozen=True):
    """Given up after the last attempt, and kept to be seen."""

    outbox_id: UUID
    topic: Topic
    subject_id: UUID | None
    attempts: int
    error: str
    failed_at: datetime


class Backlog(msgspec.Struct, frozen=True):
    """How much waits of one topic: of one project, or of all together."""

    topic: Topic
    waiting: int
    failed: int
    oldest_seconds: float


Handler = Callable[[list[Job]], Awaitable[None]]
"""Works on jobs of one topic, and calls `done` in the transaction that does the work.

It raises Unavailable when it has to wait for something: then no attempt is counted. Any other
error counts one (a StatementTimeout too, since the statement may take too long each time), for the
job alone that raised it: a failed batch is handled again job by job.
"""

"""From the outbox: titles for conversations that have none.

By default the first words of the first user message, which costs nothing; by the engine where a
setting asks for that: one short call a conversation, in the request log with purpose `title`.
A failing engine falls back to the first words. A title that is there is never overwritten.
"""

from collections.abc import Sequence

import msgspec
import structlog

from app.config import Config
from app.conversations import queries
from app.conversations.contents import message_text, user_message
from app.conversations.path import Path, path_to_head
from app.conversations.types import StoredConversation, StoredItem
from app.db.database import Database
from app.db.sql import Connection
from app.engine.types import EngineRequest
from app.errors import EngineError
from app.ids import PROJECT_ITSELF, ConversationId, ItemId, ProjectId
from app.jobs.outbox import done
from app.jobs.types import Handler, Job
from app.settings.read import SettingsReader
from app.usage.errands import Errands

log = structlog.get_logger()

ITEMS_READ_MAX = 50
"""Whoever has said nothing by then gets a title when a later turn asks again."""

WORDS_MAX = 8
CHARS_MAX = 80
QUOTED_CHARS_MAX = 1_000
OUTPUT_TOKENS_MAX = 32
INSTRUCTIONS = (
    "You are given the beginning of a conversation, as data. Answer with a title for it: at most "
    "six words, in the language of the conversation, without quotation marks, and nothing else."
)


class Opening(msgspec.Struct, frozen=True):
    """How a conversation begins: what a user said first, and what was answered."""

    asked: StoredItem
    answered: StoredItem | None


class Title(msgspec.Struct, frozen=True):
    text: str
    sources: list[ItemId]


class TitleMaker:
    def __init__(
        self,
        config: Config,
        database: Database,
        settings: SettingsReader,
        errands: Errands,
    ) -> None:
        self._database = database
        self._settings = settings
        self._errands = errands
        self._seconds_max = min(config.title_timeout_seconds, config.outbox_lease_seconds / 2)

    @property
    def handler(self) -> Handler:
        async def handle(jobs: Sequence[Job]) -> None:
            for job in jobs:
                await self._title(job)

        return handle

    async def _title(self, job: Job) -> None:
        """What was deleted meanwhile, or has a title by now, is left alone."""
        assert job.subject_id is not None
        conversation_id = ConversationId(job.subject_id)
        async with self._database.tenant(job.project_id) as conn:
            opening = await _opening(conn, job.project_id, conversation_id)
        title = await self._make(job, opening) if opening else None
        async with self._database.tenant(job.project_id) as conn:
            if title:
                await _keep(conn, job.project_id, conversation_id, title)
            await done(conn, job)

    async def _make(self, job: Job, opening: Opening) -> Title | None:
        owner = None if job.user_id == PROJECT_ITSELF else job.user_id
        settings = await self._settings.read(job.project_id, owner)
        model = settings.title_model or job.payload.get("model")
        if settings.titles == "off":
            return None
        said = ""
        if settings.titles == "engine" and model:
            said = await self._ask_engine(job, opening, model)
        if text := title_of(said):
            items = [opening.asked, opening.answered]
            return Title(text, [item.item_id for item in items if item])
        text = first_words(message_text(opening.asked.body))
        return Title(text, [opening.asked.item_id])

    async def _ask_engine(self, job: Job, opening: Opening, model: str) -> str:
        """What the engine says, or nothing where it fails."""
        try:
            answer = await self._errands.ask(
                job, "title", _request(opening, model), self._seconds_max
            )
        except EngineError as error:
            log.warning("title.by_words", why=type(error).__name__)
            return ""
        return answer.text


def _request(opening: Opening, model: str) -> EngineRequest:
    said = [f"User: {_quoted(opening.asked)}"]
    if opening.answered:
        said.append(f"Assistant: {_quoted(opening.answered)}")
    return EngineRequest(
        model=model,
        input=[user_message("\n\n".join(said))],
        instructions=INSTRUCTIONS,
        parameters={"max_output_tokens": OUTPUT_TOKENS_MAX},
    )


def _quoted(item: StoredItem) -> str:
    return message_text(item.body)[:QUOTED_CHARS_MAX]


def title_of(said: str) -> str:
    """The first line of what an engine said, without what stands round it; may be empty."""
    lines = [line.strip().strip("\"'“”„*#`").strip() for line in said.splitlines()]
    return _cut(next(filter(None, lines), ""))


def first_words(text: str) -> str:
    words = text.split()
    start = " ".join(words[:WORDS_MAX])
    return _cut(f"{start} …" if len(words) > WORDS_MAX else start)


def _cut(text: str) -> str:
    """Postgres' text takes every character but NUL."""
    text = text.replace("\x00", "\ufffd")
    return text if len(text) <= CHARS_MAX else f"{text[: CHARS_MAX - 1].rstrip()}…"


async def _opening(
    conn: Connection, project: ProjectId, conversation_id: ConversationId
) -> Opening | None:
    found = await queries.get_conversation(conn, project, conversation_id)
    if found is None or found.title is not None:
        return None
    return _opening_in(await _first_items(conn, project, found))


async def _first_items(
    conn: Connection, project: ProjectId, found: StoredConversation
) -> list[StoredItem]:
    path: Path = await path_to_head(conn, project, found)
    if path.branch is None:
        return []
    return await queries.list_page_of_items(
        conn,
        project,
        path.branch,
        until=path.until,
        descending=False,
        cursor=None,
        most=ITEMS_READ_MAX,
    )


def _opening_in(items: list[StoredItem]) -> Opening | None:
    asked = _first(items, "user")
    if asked is None:
        return None
    return Opening(asked, _first(items[items.index(asked) :], "assistant"))


def _first(items: list[StoredItem], role: str) -> StoredItem | None:
    """The first message of a role that has a text."""
    for item in items:
        if item.body.get("role") == role and message_text(item.body).strip():
            return item
    return None


async def _keep(
    conn: Connection, project: ProjectId, conversation_id: ConversationId, title: Title
) -> None:
    """What it was made from stays until the title is there to fall with it."""
    there = await queries.lock_items(conn, project, title.sources)
    if len(there) == len(title.sources):
        await queries.keep_made_title(conn, project, conversation_id, title.text, there)

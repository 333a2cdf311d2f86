"""Evidence recall: are the turns that hold an answer among the first that recall returns?

Each conversation is remembered over REST, turn by turn, as one user. Then the service's processes
go, new ones come, and these are asked every question. No language model and no judge.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
from pgvector.asyncpg import register_vector

from app.embeddings.process_embedder import ProcessEmbedder
from tests.bench import abstention
from tests.bench.controls import Controls, read_controls, stems_of, turn_of
from tests.bench.dataset import Conversation, Turn, read_conversations
from tests.bench.evidence_report import Judged, report
from tests.bench.measure import Progress
from tests.bench.memories import Rest, open_rest
from tests.bench.options import Options
from tests.bench.report import Findings
from tests.bench.scoring import CUTS, once_each
from tests.bench.world import World

LIMIT = CUTS[-1] + 10
"""More than are scored: of a turn in parts each part is a memory."""

TEXT_BYTES_MAX = 32 * 2**10
QUICK_CONVERSATIONS = 1


async def run(world: World, options: Options, progress: Progress) -> Findings:
    most = QUICK_CONVERSATIONS if options.quick else None
    data = {path.name: read_conversations(path, most) for path in options.data}
    for name, conversations in data.items():
        for conversation in conversations:
            progress(f"remembering {name}, {conversation.id}")
            await remember_conversation(world, name, conversation)
    progress(f"all is embedded {await world.until_idle():.0f} s later; starting the service anew")
    world.restart()
    await world.until_loaded()
    findings = Findings("evidence")
    for name, conversations in data.items():
        judged, foreign = [], []
        for conversation, other in zip(conversations, others(conversations), strict=True):
            progress(f"asking {name}, {conversation.id}")
            judged += await _judge(world, name, conversation)
            foreign += await _ask_foreign(world, name, conversation, other)
        tables, claims = report(name, judged)
        own = [(one.question.category, one.confidence) for one in judged]
        table, more = abstention.report(name, own, foreign)
        findings.tables += [*tables, table]
        findings.claims += claims + more
    return findings


def others(conversations: Sequence[Conversation]) -> Sequence[Conversation]:
    return [*conversations[1:], conversations[0]]


async def _ask_foreign(
    world: World, name: str, conversation: Conversation, other: Conversation
) -> list[abstention.Foreign]:
    rest = await open_rest(world)
    try:
        return await abstention.ask_foreign(rest, user_of(name, conversation), other)
    finally:
        rest.close()


async def remember_conversation(world: World, name: str, conversation: Conversation) -> None:
    rest = await open_rest(world)
    try:
        memories = [memory for turn in conversation.turns for memory in _memories(turn)]
        await rest.remember(memories, user_of(name, conversation))
    finally:
        rest.close()


def _memories(turn: Turn) -> list[dict[str, Any]]:
    """One, or several where the text is longer than a memory may be."""
    parts = _parts(turn.text)
    return [
        {
            "kind": "message",
            "content": part,
            "speaker": turn.speaker,
            "episode": turn.session,
            "occurred_at": turn.occurred_at,
            "external_id": f"{turn.id}#{number}" if len(parts) > 1 else turn.id,
        }
        for number, part in enumerate(parts)
    ]


def _parts(text: str) -> list[str]:
    """Cut by characters of at most four bytes."""
    size = TEXT_BYTES_MAX if text.isascii() else TEXT_BYTES_MAX // 4
    return [text[at : at + size] for at in range(0, len(text), size)]


async def _judge(world: World, name: str, conversation: Conversation) -> list[Judged]:
    user = user_of(name, conversation)
    rest, embedder = await open_rest(world), world.embedder()
    conn = await asyncpg.connect(world.postgres.superuser_url)
    try:
        await register_vector(conn)
        controls = await read_controls(conn, user)
        judged = await _ask_all(rest, user, conversation)
        return await _with_controls(judged, controls, embedder, conn)
    finally:
        rest.close()
        await embedder.close()
        await conn.close()


async def _ask_all(rest: Rest, user: str, conversation: Conversation) -> list[Judged]:
    judged = []
    sessions = {turn.id: turn.session for turn in conversation.turns}
    for question in conversation.questions:
        reply = await rest.recall(question.question, user, limit=LIMIT, explain=True)
        found = reply.json()["data"]
        ranking = once_each(turn_of(one["memory"]["external_id"]) for one in found)
        signals = {turn_of(one["memory"]["external_id"]): one["signals"] for one in reversed(found)}
        judged.append(
            Judged(
                conversation=conversation.id,
                question=question,
                ranking=ranking,
                signals=signals,
                milliseconds=reply.timing.total,
                confidence=reply.json()["confidence"],
                sessions=sessions,
            )
        )
    return judged


async def _with_controls(
    judged: Sequence[Judged], controls: Controls, embedder: ProcessEmbedder, conn: Any
) -> list[Judged]:
    """After all was asked, so that the controls' work is not in the times."""
    vectors = await embedder.embed([one.question.question for one in judged], "query")
    return [
        msgspec.structs.replace(
            one,
            dense=controls.dense(vector),
            words=controls.words(await stems_of(conn, one.question.question)),
        )
        for one, vector in zip(judged, vectors, strict=True)
    ]


def user_of(name: str, conversation: Conversation) -> str:
    return f"{Path(name).name.partition('.')[0]}/{conversation.id}"

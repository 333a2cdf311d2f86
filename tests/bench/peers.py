"""Backstory's memory beside mem0's and LangGraph's: the same turns, questions and embedder.

Each is set up as its documentation says, without a language model. The peers are called in their
own process, Backstory over HTTP.
"""

import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from tests.bench.controls import turn_of
from tests.bench.dataset import Conversation, read_conversations
from tests.bench.evidence import LIMIT, QUICK_CONVERSATIONS, remember_conversation, user_of
from tests.bench.measure import Progress, Ratio, percentile
from tests.bench.memories import open_rest
from tests.bench.options import Options
from tests.bench.peer_runs import PeerRun, open_peer
from tests.bench.report import Claim, Findings, Table
from tests.bench.scoring import CUTS, averages, once_each
from tests.bench.world import World

OURS = "backstory"
PEERS = {"mem0": "mem0 2.2.1, pgvector", "langgraph": "LangGraph 3.2.0, Postgres store"}
SHOWN = 10

Data = dict[str, list[Conversation]]
Ask = Callable[[str, str], Awaitable[tuple[list[str], float]]]
"""A user and a question: the turns found, and the milliseconds."""


class Judged(msgspec.Struct, frozen=True):
    data: str
    conversation: str
    ranking: list[str]
    evidence: list[str]
    milliseconds: float


class Ran(msgspec.Struct):
    """One way's results."""

    way: str
    judged: list[Judged]
    turns_a_second: float | None


async def run(world: World, options: Options, progress: Progress) -> Findings:
    most = QUICK_CONVERSATIONS if options.quick else None
    data = {path.name: read_conversations(path, most) for path in options.data}
    ran = [await _run_ours(world, data, progress)]
    for name in PEERS:
        async with open_peer(world, name, progress) as peer:
            ran += await _run_peer(peer, name, data, progress)
    return Findings("peers", _tables(data, ran), _claims(data, ran))


async def _run_ours(world: World, data: Data, progress: Progress) -> Ran:
    progress("remembering: Backstory")
    began = time.perf_counter()
    for name, conversations in data.items():
        for conversation in conversations:
            await remember_conversation(world, name, conversation)
    await world.until_idle()
    rate = _turns(data) / (time.perf_counter() - began)
    rest = await open_rest(world)

    async def ask(user: str, question: str) -> tuple[list[str], float]:
        reply = await rest.recall(question, user, limit=LIMIT)
        found = [turn_of(one["memory"]["external_id"]) for one in reply.json()["data"]]
        return once_each(found), reply.timing.total

    try:
        return Ran(OURS, await _ask_all(data, ask, progress), rate)
    finally:
        rest.close()


async def _run_peer(peer: PeerRun, name: str, data: Data, progress: Progress) -> list[Ran]:
    """As it is set up by default, and once more without its approximate index."""
    seconds = 0.0
    for file, conversations in data.items():
        for conversation in conversations:
            progress(f"remembering: {name}, {file}, {conversation.id}")
            seconds += (await peer.add(_user(file, conversation), _texts(conversation))).seconds
    rate = _turns(data) / seconds

    async def ask(user: str, question: str) -> tuple[list[str], float]:
        answer = await peer.search(user.replace(".", "-"), question, LIMIT)
        return once_each(answer.found), answer.seconds * 1000

    first = Ran(PEERS[name], await _ask_all(data, ask, progress), rate)
    await peer.call("without_index")
    exact = Ran(f"{PEERS[name]}, exact", await _ask_all(data, ask, progress), None)
    return [first, exact]


def _user(file: str, conversation: Conversation) -> str:
    return user_of(file, conversation).replace(".", "-")


def _texts(conversation: Conversation) -> list[dict[str, str]]:
    """The speaker named, as Backstory's vectors have it."""
    return [
        {"id": turn.id, "text": f"{turn.speaker}: {turn.text}"}
        for turn in conversation.turns
        if turn.text.strip()
    ]


def _turns(data: Data) -> int:
    return sum(len(one.turns) for conversations in data.values() for one in conversations)


async def _ask_all(data: Data, ask: Ask, progress: Progress) -> list[Judged]:
    judged = []
    for file, conversations in data.items():
        for conversation in conversations:
            progress(f"asking {file}, {conversation.id}")
            user = user_of(file, conversation)
            for question in conversation.questions:
                ranking, milliseconds = await ask(user, question.question)
                judged.append(
                    Judged(file, conversation.id, ranking, question.evidence, milliseconds)
                )
    return judged


# Reporting


def _tables(data: Data, ran: Sequence[Ran]) -> list[Table]:
    note = "Shares of 1, averaged over questions; the same embedder, by Backstory's /v1/embeddings."
    exact = (
        "'exact': its HNSW index dropped, so that every vector of the user is compared. mem0 is "
        "without its extra for lemmas, which downloads a model."
    )
    evidence = [
        Table(f"Evidence recall of peers, {file}", _rows(file, ran), [note, exact]) for file in data
    ]
    return [
        *evidence,
        Table("Remembering of peers", _rates(ran), ["Until all vectors are there."]),
    ]


def _rows(file: str, ran: Sequence[Ran]) -> list[dict[str, Any]]:
    rows = []
    for one in ran:
        judged = [found for found in one.judged if found.data == file]
        shares = averages((found.ranking, found.evidence) for found in judged)
        times = [found.milliseconds for found in judged]
        rows.append(
            {
                "way": one.way,
                **{f"coverage@{k}": round(shares[f"coverage@{k}"], 3) for k in CUTS},
                "any@10": round(shares["any@10"], 3),
                "all@10": round(shares["all@10"], 3),
                "p50_ms": percentile(times, 50),
                "p95_ms": percentile(times, 95),
            }
        )
    return rows


def _rates(ran: Sequence[Ran]) -> list[dict[str, Any]]:
    return [
        {"way": one.way, "turns_per_s": round(one.turns_a_second, 1)}
        for one in ran
        if one.turns_a_second is not None
    ]


def _claims(data: Data, ran: Sequence[Ran]) -> list[Claim]:
    ours, *peers = ran
    return [
        Claim(f"{file}, coverage@{SHOWN}, ours less {peer.way}", _less(file, ours, peer), "", "")
        for file in data
        for peer in peers
    ]


def _less(file: str, ours: Ran, peer: Ran) -> Ratio:
    """Over all questions; and of the conversation with the least and the greatest difference."""
    names = {one.conversation for one in ours.judged if one.data == file}
    by_conversation = [_mean(file, ours, name) - _mean(file, peer, name) for name in names]
    whole = _mean(file, ours) - _mean(file, peer)
    return Ratio(whole, min(by_conversation), max(by_conversation))


def _mean(file: str, ran: Ran, conversation: str | None = None) -> float:
    return statistics.fmean(
        averages([(one.ranking, one.evidence)], ["coverage"])[f"coverage@{SHOWN}"]
        for one in ran.judged
        if one.data == file and conversation in (None, one.conversation)
    )

"""Facts from a real talk by the bundled engine: does the queue end, and was what is kept said?

A service of its own, with the local engine, reads the first sessions of each data set. The model is
far too small to be good at it: what counts is that nothing fails and that what is kept was said.
"""

import asyncio
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import aiohttp

from tests.bench.client import connect, request
from tests.bench.dataset import Conversation, Turn, read_conversations
from tests.bench.measure import Progress
from tests.bench.options import Options
from tests.bench.report import Findings, Table
from tests.bench.world import World
from tests.support.api import Api
from tests.support.postgres_fixtures import data_folder
from tests.support.serving import Serving, serving
from tests.support.settings import set_own

SESSIONS = 3
QUICK_SESSIONS = 1
SECONDS_MAX = 3_600.0
POLL_SECONDS = 1.0


async def run(_: World, options: Options, progress: Progress) -> Findings:
    findings = Findings("facts")
    with data_folder() as folder:
        environ = {"BACKSTORY_FACTS_WAIT_SECONDS": "1", "BACKSTORY_LOG_LEVEL": "warning"}
        with serving(folder / "data", **environ) as service:
            await _turn_on(service)
            for path in options.data:
                (conversation,) = read_conversations(path, 1)
                sessions = QUICK_SESSIONS if options.quick else SESSIONS
                turns = _first_sessions(conversation, sessions)
                progress(f"reading {len(turns)} turns of {path.name}")
                findings.tables += await _read(service, path, turns)
    return findings


async def _turn_on(service: Serving) -> None:
    async with aiohttp.ClientSession() as http:
        api = Api(http, service.root_url, service.credentials.api_key)
        await set_own(api, {"facts": "engine"})


def _first_sessions(conversation: Conversation, count: int) -> list[Turn]:
    names = list(dict.fromkeys(turn.session for turn in conversation.turns))[:count]
    return [turn for turn in conversation.turns if turn.session in names]


async def _read(service: Serving, path: Path, turns: list[Turn]) -> list[Table]:
    began, user = time.monotonic(), path.name
    memories = [
        {
            "kind": "message",
            "content": turn.text,
            "speaker": turn.speaker,
            "episode": turn.session,
            "occurred_at": turn.occurred_at,
        }
        for turn in turns
    ]
    await _send(service, "/memories", {"memories": memories, "user": user})
    failed = await _until_read(service)
    quality = await _get(service, f"/memories/quality?user={user}")
    facts = (await _get(service, f"/memories?kind=fact&limit=100&user={user}"))["data"]
    row = {
        "data": path.name,
        "messages": len(turns),
        "seconds": round(time.monotonic() - began),
        "failed_jobs": len(failed),
        "proposed": quality["proposed"],
        "kept": sum(quality["kept"].values()),
    }
    refused = [
        {"data": path.name, "reason": reason, "facts": count}
        for reason, count in quality["refused"].items()
    ]
    kept = [{"data": path.name, "fact": one["content"]} for one in facts]
    notes = [job["error"] for job in failed]
    return [
        Table("Facts by the bundled engine", [row], notes),
        Table("Refused, by reason", refused),
        Table("Kept, to be judged by eye", kept),
    ]


async def _until_read(service: Serving) -> list[dict[str, Any]]:
    """The jobs that failed."""
    began = time.monotonic()
    while time.monotonic() - began < SECONDS_MAX:
        jobs = await _get(service, "/jobs", service.credentials.admin_key)
        if not any(_waiting(jobs["queues"])):
            failed: list[dict[str, Any]] = jobs["failed"]
            return failed
        await asyncio.sleep(POLL_SECONDS)
    raise AssertionError("the queue is stuck")


def _waiting(queues: Iterable[dict[str, Any]]) -> Iterable[int]:
    return (queue["waiting"] for queue in queues if queue["topic"] == "extract_facts")


async def _get(service: Serving, path: str, key: str | None = None) -> dict[str, Any]:
    return await _exchange(service, path, "GET", key)


async def _send(service: Serving, path: str, body: Any) -> dict[str, Any]:
    return await _exchange(service, path, "POST", None, body)


async def _exchange(
    service: Serving, path: str, method: str, key: str | None, body: Any = None
) -> dict[str, Any]:
    credentials = service.credentials
    url = credentials.base_url + path
    asked = request(url, body, key=key or credentials.api_key, method=method)
    connection = await connect(url)
    try:
        found: dict[str, Any] = (await connection.send(asked)).json()
    finally:
        connection.close()
    return found

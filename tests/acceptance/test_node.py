"""The clients that speak JavaScript, unchanged: `openai` for Node, and Vercel's `ai`.

Their flows are in node/*.mjs. Each file is run once on each engine; each flow is a test here.
"""

import asyncio
import shutil
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.support.service import Service

NODE = Path(__file__).with_name("node")
SECONDS_MAX = 120.0

OPENAI = "openai for Node"
AI = "Vercel's ai"
FLOWS = {
    ("openai", "create"): f"{OPENAI}: create",
    ("openai", "stream"): f"{OPENAI}: stream",
    ("openai", "stream_helper"): f"{OPENAI}: stream",
    ("openai", "parse"): f"{OPENAI}: parse",
    ("openai", "previous_response_id"): f"{OPENAI}: previous_response_id",
    ("openai", "tools"): f"{OPENAI}: tools",
    ("openai", "conversation"): f"{OPENAI}: conversations",
    ("openai", "resume"): f"{OPENAI}: a stream resumed",
    ("openai", "items"): f"{OPENAI}: conversations",
    ("openai", "background"): f"{OPENAI}: background",
    ("openai", "chat"): f"{OPENAI}: chat completions",
    ("ai", "generate_text"): f"{AI}: generateText",
    ("ai", "stream_text"): f"{AI}: streamText",
    ("ai", "generate_with_tools"): f"{AI}: tools",
    ("ai", "stream_with_tools"): f"{AI}: tools",
    ("ai", "previous_response_id"): f"{AI}: previousResponseId",
    ("ai", "messages"): f"{AI}: messages with references to stored items",
    ("ai", "chat_stream"): f"{AI}: chat completions",
    ("ai", "chat_tools"): f"{AI}: chat completions",
    ("ai", "structured_output"): f"{AI}: structured output",
}

Outcomes = dict[str, str | None]
"""What went wrong in each flow, if anything."""


@pytest.fixture(scope="module")
def ran() -> dict[tuple[str, str], Outcomes]:
    """By script and service."""
    return {}


@pytest.fixture(scope="module")
def node() -> str:
    found = shutil.which("node")
    if not found:
        pytest.skip("Node is not installed.")
    if not (NODE / "node_modules" / ".package-lock.json").exists():
        pytest.skip("The Node packages are not installed: make install-node.")
    return found


@pytest.mark.parametrize(
    ("script", "flow"),
    [pytest.param(*flow, marks=pytest.mark.supports(what)) for flow, what in FLOWS.items()],
)
async def test_flow(
    script: str, flow: str, service: Service, node: str, ran: dict[tuple[str, str], Outcomes]
) -> None:
    key = (script, service.base_url)
    if key not in ran:
        ran[key] = await _run(node, script, service)
    assert ran[key][flow] is None, ran[key][flow]


async def test_no_flow_is_missed(ran: dict[tuple[str, str], Outcomes]) -> None:
    """A flow in a script that is no test here would fail unseen."""
    for (script, _), outcomes in ran.items():
        assert set(outcomes) == {flow for name, flow in FLOWS if name == script}


async def _run(node: str, script: str, service: Service) -> Outcomes:
    arguments = (f"{script}.mjs", service.base_url, service.api_key)
    process = await asyncio.create_subprocess_exec(
        node, *arguments, cwd=NODE, stdout=PIPE, stderr=PIPE
    )
    out, err = await asyncio.wait_for(process.communicate(), SECONDS_MAX)
    assert process.returncode == 0, err.decode()
    lines: list[dict[str, Any]] = [msgspec.json.decode(line) for line in out.splitlines()]
    return {line["name"]: line["error"] for line in lines}

"""`backstory memory export|import` and `backstory ingest`, as processes beside a live service."""

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from app.cli.transfer import RECORD_BYTES_MAX
from app.cli.upload import PROBLEMS_TOLD_MAX
from app.cli.upload_state import Upload
from tests.support.api import Api, Json
from tests.support.eventually import eventually
from tests.support.memories import remember, somebody
from tests.support.rows import count
from tests.support.service import Service
from tests.support.serving import ROOT, clean_environ, run_command
from tests.support.transfer import exported

LINES = 900
BATCH = 5
STORED = """
    SELECT count(*) FROM memories m JOIN users u USING (project_id, user_id)
    WHERE u.external_id = $1
"""


@pytest.fixture
def me() -> str:
    return somebody()


@pytest.fixture
def mine(api: Api, me: str) -> Api:
    return api.as_user(me)


async def command(service: Service, *arguments: str) -> subprocess.CompletedProcess[str]:
    """To its end, while the service in this loop answers it."""
    target = ("--url", service.base_url, "--key", service.admin_key)
    return await asyncio.to_thread(run_command, *arguments, *target)


def lines_of(path: Path) -> list[Json]:
    return [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]


async def test_export_and_import_by_files(
    backstory: Service, mine: Api, me: str, api: Api, tmp_path: Path
) -> None:
    await remember(mine, "one", "two\nlines", "three")
    file, other = tmp_path / "out.ndjson", somebody()
    done = await command(backstory, "memory", "export", str(file), "--user", me)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert "3 memories" in done.stderr
    assert [line["object"] for line in lines_of(file)][::4] == [
        "memory.export",
        "memory.export.end",
    ]
    assert file.stat().st_mode & 0o077 == 0
    arguments = ("memory", "import", str(file), "--user", other, "--reassign", "--wait")
    for told in ("3 imported, 0 there already", "0 imported, 3 there already"):
        done = await command(backstory, *arguments)
        assert (done.returncode, told in done.stderr) == (0, True), done.stderr
    found = await exported(api.as_user(other))
    assert [line["content"] for line in found] == ["one", "two\nlines", "three"]
    assert all(line["vectors"] for line in found)
    assert os.listdir(tmp_path) == [file.name]


async def test_an_export_to_stdout_is_nothing_else(backstory: Service, mine: Api, me: str) -> None:
    await remember(mine, "one")
    done = await command(backstory, "memory", "export", "-", "--user", me, "--no-vectors")
    assert len([msgspec.json.decode(line) for line in done.stdout.splitlines()]) == 3


async def test_a_document_is_imported_entry_by_entry(
    backstory: Service, mine: Api, me: str, tmp_path: Path
) -> None:
    file = tmp_path / "mem0.json"
    memories: list[Json] = [{"id": f"m{n}", "memory": f"number {n}"} for n in range(1_200)]
    memories[1_100] = {"id": "m", "memory": ""}
    file.write_bytes(msgspec.json.format(msgspec.json.encode({"results": memories}), indent=2))
    done = await command(backstory, "memory", "import", str(file), "--user", me)
    assert done.returncode == 1
    assert "line 1101: failed: 'content' must not be empty." in done.stderr
    assert "1,199 imported" in done.stderr
    assert await count(backstory, STORED, me) == 1_199
    await mine.delete(f"/v1/users/{me}/memories")


async def test_text_is_ingested_line_by_line_once(
    backstory: Service, mine: Api, me: str, tmp_path: Path
) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("first\n\n  second  \nthird 🎈", encoding="utf-8")
    arguments = ("ingest", str(file), "--user", me, "--kind", "message", "--episode", "e")
    for _ in range(2):
        done = await command(backstory, *arguments)
        assert done.returncode == 0, done.stderr
    assert "3 there already" in done.stderr
    found = await exported(mine)
    assert [(line["external_id"], line["content"]) for line in found] == [
        ("notes.txt:1", "first"),
        ("notes.txt:3", "second"),
        ("notes.txt:4", "third 🎈"),
    ]
    assert {(line["kind"], line["episode"]) for line in found} == {("message", "e")}


async def test_a_line_that_looks_like_a_document_holds_up_no_other(
    backstory: Service, mine: Api, me: str, tmp_path: Path
) -> None:
    file = tmp_path / "lines.ndjson"
    file.write_text('["a", "b"]\n{"content": "good"}\n{\n{"content": "better"}\n')
    done = await command(backstory, "ingest", str(file), "--user", me)
    assert done.returncode == 1
    for told in ("2 imported", "2 failed", "line 1: failed", "line 3: failed"):
        assert told in done.stderr, done.stderr
    assert [line["content"] for line in await exported(mine)] == ["good", "better"]


async def test_of_many_bad_lines_some_are_told(
    backstory: Service, mine: Api, me: str, tmp_path: Path
) -> None:
    file = tmp_path / "bad.ndjson"
    long = f'{{"content": "{"x" * RECORD_BYTES_MAX}"}}\n'
    file.write_text(long + "{}\n" * 1_500 + '{"content": "good"}\n')
    done = await command(backstory, "memory", "import", str(file), "--user", me)
    assert "1 imported" in done.stderr
    assert "1,501 failed" in done.stderr
    assert "line 1: failed: It is too long." in done.stderr
    told = [line for line in done.stderr.splitlines() if line.startswith("line ")]
    assert len(told) == PROBLEMS_TOLD_MAX
    assert done.stderr.count("More of them") == 1


async def test_what_was_killed_goes_on_where_it_stood(
    backstory: Service, mine: Api, me: str, tmp_path: Path
) -> None:
    file = tmp_path / "many.ndjson"
    lines: list[Json] = [{"content": f"number {n}"} for n in range(LINES)]
    lines[LINES - 1] = {"content": "x", "colour": "red"}
    file.write_bytes(b"\n".join(map(msgspec.json.encode, lines)))
    state = tmp_path / "many.ndjson.upload"
    arguments = ("ingest", str(file), "--user", me, "--batch", str(BATCH))
    target = {"BACKSTORY_URL": backstory.base_url, "BACKSTORY_KEY": backstory.admin_key}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app.cli", *arguments),
        cwd=ROOT,
        env=clean_environ() | target,
        stderr=subprocess.DEVNULL,
    )

    async def some_are_stored() -> bool:
        return process.returncode is not None or await count(backstory, STORED, me) > 10 * BATCH

    await eventually(some_are_stored)
    process.kill()
    assert await process.wait() == -9
    came_to = msgspec.json.decode(state.read_bytes(), type=Upload)
    assert 0 < came_to.records < LINES - BATCH
    done = await command(backstory, *arguments)
    assert done.returncode == 1
    assert f"Going on after {came_to.records:,} records" in done.stderr
    assert f"line {LINES}: failed: Invalid value for 'colour'" in done.stderr
    imported, again = map(int, re.findall(r"(\d+) (?:imported|there already)", done.stderr))
    assert imported + again == LINES - 1
    assert again <= BATCH  # the one call that was under way may have been stored
    assert await count(backstory, STORED, me) == LINES - 1
    assert not state.exists()
    await mine.delete(f"/v1/users/{me}/memories")


async def test_what_cannot_be_is_said_in_a_sentence(backstory: Service, tmp_path: Path) -> None:
    missing = await command(backstory, "ingest", str(tmp_path / "none.txt"))
    assert missing.returncode == 1
    assert "none.txt cannot be read: No such file" in missing.stderr
    file = tmp_path / "a.txt"
    file.write_text("a")
    done = await asyncio.to_thread(run_command, "ingest", str(file), "--data-dir", str(tmp_path))
    assert "credentials.json cannot be read" in done.stderr
    wrong = ("--url", backstory.base_url, "--key", "bs_sk_x")
    done = await asyncio.to_thread(run_command, "memory", "export", str(tmp_path / "b"), *wrong)
    assert (done.returncode, (tmp_path / "b").exists()) == (1, False)
    assert "backstory: " in done.stderr
    assert "Traceback" not in done.stderr

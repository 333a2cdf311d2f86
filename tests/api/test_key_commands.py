"""`backstory keys` and `backstory projects`: by the database's owner, and by a running service."""

import asyncio
import os
import pty
import re
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.support.api import Api
from tests.support.eventually import eventually
from tests.support.keys import opens, tables_of
from tests.support.memories import somebody
from tests.support.service import Service
from tests.support.serving import ROOT, clean_environ, run_command

Run = Callable[..., Awaitable[subprocess.CompletedProcess[str]]]


@pytest.fixture(params=["owner", "service"])
def run(request: pytest.FixtureRequest, backstory: Service) -> Run:
    """A command to its end, while the service in this loop answers it."""
    if request.param == "owner":
        return runner(**of_owner(backstory))
    return runner(BACKSTORY_URL=backstory.base_url, BACKSTORY_KEY=backstory.admin_key)


@pytest.fixture
def owners(backstory: Service) -> Run:
    return runner(**of_owner(backstory))


def of_owner(service: Service) -> dict[str, str]:
    return {
        "BACKSTORY_DATABASE_URL": service.urls.service,
        "BACKSTORY_DATABASE_OWNER_URL": service.urls.owner,
    }


def runner(**environ: str) -> Run:
    async def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return await asyncio.to_thread(run_command, *arguments, **environ)

    return run


async def done(run: Run, *arguments: str) -> subprocess.CompletedProcess[str]:
    ended = await run(*arguments)
    assert ended.returncode == 0, ended.stderr
    return ended


async def test_a_project_and_its_keys(
    run: Run, api: Api, backstory: Service, tmp_path: Path
) -> None:
    name = somebody()
    project = (await done(run, "projects", "create", name)).stdout.split()[0]
    assert f"{project}  {name}\n" in (await done(run, "projects", "list")).stdout
    file = tmp_path / "key"
    within = ("--project", project)
    made = await done(
        run, "keys", "create", "server", "--scope", "engine", *within, "--output", str(file)
    )
    key = file.read_text().strip()
    assert file.stat().st_mode & 0o777 == 0o600
    assert key not in made.stdout + made.stderr
    [line] = (await done(run, "keys", "list", *within)).stdout.splitlines()
    assert line.endswith(f"bs_sk_…{key[38:50]}  server  engine  used never")
    assert await opens(api, key)
    key_id = line.split()[0]

    renamed = (await done(run, "projects", "rename", project, f"{name} too")).stdout
    assert renamed == f"{project}  {name} too\n"
    change = ("keys", "change", key_id, *within, "--name", "laptop", "--scope", "engine")
    changed = (await done(run, *change, "--days", "30")).stderr
    assert "  laptop  engine  until 20" in changed
    assert "until" not in (await done(run, "keys", "change", key_id, *within, "--for-ever")).stderr
    assert await opens(api, key)

    rotation = ("keys", "rotate", key_id, *within, "--overlap-seconds", "60", "--output", "-")
    second = (await done(run, *rotation)).stdout.strip()
    assert await opens(api, key)
    assert await opens(api, second)
    revoked = await done(run, "keys", "revoke", key_id, *within)
    assert "revoked 2" in revoked.stderr
    for text in (key, second):
        await _refused(api, text)

    deleted = await done(run, "projects", "delete", project, "--yes")
    assert deleted.returncode == 0
    root = api.with_key(backstory.admin_key)
    assert (await root.get(f"/v1/projects/{project}")).status == 404
    [event] = (await root.get(f"/v1/audit?subject={project}&event=project.deleted")).body["data"]
    assert event["actor"]["type"] in ("owner", "api_key")

    async def gone() -> bool:
        return await tables_of(backstory, project) == {"projects"}

    await eventually(gone)


async def _refused(api: Api, key: str) -> None:
    """By the owner a key is revoked at no worker: it is refused when that asks again."""

    async def refused() -> bool:
        return not await opens(api, key)

    await eventually(refused)


async def test_a_key_that_cannot_be_told_is_not_made(owners: Run, tmp_path: Path) -> None:
    project = (await done(owners, "projects", "create", somebody())).stdout.split()[0]
    create = ("keys", "create", "x", "--scope", "engine", "--project", project)
    there = tmp_path / "there"
    there.write_text("mine")
    for options, why in (
        ((), "run this in a terminal, or name a file"),
        (("--output", str(there)), "cannot be made: File exists"),
        (("--output", str(tmp_path / "no" / "key")), "cannot be made: No such file"),
    ):
        ended = await owners(*create, *options)
        assert ended.returncode == 1
        assert why in ended.stderr
    assert there.read_text() == "mine"
    assert (await done(owners, "keys", "list", "--project", project)).stdout == ""


async def test_what_is_refused_is_a_sentence(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "key"
    output = ("--output", str(file))
    for arguments, why in (
        (("keys", "create", "x", *output), "A key needs 'scopes'"),
        (("keys", "create", "x" * 201, "--scope", "engine", *output), "Invalid value for 'name'"),
        (("keys", "revoke", "key_x"), "API key with id 'key_x' not found"),
        (("projects", "create", ""), "Invalid value for 'name'"),
        (("projects", "delete", "proj_x", "--yes"), "Project with id 'proj_x' not found"),
    ):
        ended = await run(*arguments)
        assert ended.returncode == 1, arguments
        assert why in ended.stderr
        assert "Traceback" not in ended.stderr
        assert not file.exists()


async def test_a_deletion_is_asked_about(owners: Run) -> None:
    project = (await done(owners, "projects", "create", "A shop")).stdout.split()[0]
    ended = await owners("projects", "delete", project)
    assert ended.returncode == 1
    assert "All that 'A shop' has is deleted" in ended.stderr
    assert project in (await done(owners, "projects", "list")).stdout


async def test_on_a_terminal_the_key_is_shown(backstory: Service, api: Api) -> None:
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "app.cli", "keys", "create", "laptop", "--scope", "engine"]
    environ = {"BACKSTORY_URL": backstory.base_url, "BACKSTORY_KEY": backstory.admin_key}
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, env=clean_environ() | environ, stdout=follower
    )
    os.close(follower)
    assert await process.wait() == 0
    shown = os.read(leader, 1000).decode()
    os.close(leader)
    assert re.fullmatch(r"bs_sk_\S+\r\n", shown)
    assert await opens(api, shown.strip())


async def test_the_owner_needs_no_key(backstory: Service, api: Api, tmp_path: Path) -> None:
    file = tmp_path / "key"
    create = ("keys", "create", "spare", "--scope", "admin", "--output", str(file))
    nowhere = {"BACKSTORY_DATA_DIR": str(tmp_path)}
    ended = await runner(**nowhere)(*create)
    assert ended.returncode == 1
    assert "does not run" in ended.stderr
    await done(runner(**nowhere, **of_owner(backstory)), *create)
    assert (await api.with_key(file.read_text().strip()).get("/v1/projects")).status == 200

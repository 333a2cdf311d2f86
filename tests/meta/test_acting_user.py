"""Whose rows work sees that a request begins, or that is begun for others: each place is reviewed.

A task or a thread takes along the user whose session began it (`acting_user`). That is right where
the work is that request's own, and wrong where others wait for it, or where its writing is theirs.
"""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

APP = Path(__file__).parents[2] / "app"

BEGIN = {"create_task", "ensure_future", "to_thread", "run_in_executor", "TaskGroup", "start_soon"}
WITH_THE_SERVICE = "begun with the service, before any request: it has no user"
OF_ONE_REQUEST = "that request's own work: it sees what its user may"
NO_ROWS = "reads and writes no rows"
OTHER_PROCESS = "in a process without requests"

BEGINNING = {
    **dict.fromkeys(
        (
            *("audit/failures.py", "db/signals.py", "embeddings/models.py", "erasure/sweep.py"),
            *("identity/key_uses.py", "jobs/runner.py", "main.py", "memory/tend.py"),
            *("memory/uses.py", "responses/abandoned.py", "responses/leases.py"),
            "usage/record.py",
        ),
        WITH_THE_SERVICE,
    ),
    **dict.fromkeys(
        (
            *("blobs/outside.py", "responses/run.py", "responses/running.py"),
            *("responses/socket.py", "responses/socket_routes.py", "web/idempotency.py"),
        ),
        OF_ONE_REQUEST,
    ),
    **dict.fromkeys(
        (
            *("accounts/passwords.py", "blobs/images.py", "blobs/read.py", "blobs/take.py"),
            *("blobs/upload.py", "embeddings/channel.py", "engine/http.py", "limits/prices.py"),
            *("memory/spoken.py", "recall/recall.py", "responses/log.py", "summaries/write.py"),
        ),
        NO_ROWS,
    ),
    **dict.fromkeys(
        (
            *("cli/index_keeper.py", "memory/vectors/index.py", "embeddings/ranker.py"),
            *("embeddings/server.py", "embeddings/worker.py"),
        ),
        OTHER_PROCESS,
    ),
    "limits/stock.py": "for whoever asks next: its transactions are everyone's",
    "limits/settlements.py": "for whoever asks next: its transactions are everyone's",
    "responses/flights.py": "who reads along is of the same user, since no session shares more",
}

BEYOND_THE_USER = {
    "audit/failures.py": "counts tokens that were refused, and tells nobody",
    "engine_keys/keys.py": "the engine's key, which goes to the engine alone",
    "identity/authenticate.py": "who speaks is not known yet",
    "identity/key_uses.py": "when keys were used, and tells nobody",
    "limits/settlements.py": "what was spent of counters, and tells nobody",
    "limits/stock.py": "what is left of the speaker's own counters",
    "settings/read.py": "the settings that hold for the speaker",
    "settings/show.py": "a setting of the project, which its users may know",
    "erasure/spans.py": "takes away what others share of what was found to be the speaker's",
    "memory/unindex.py": "takes away what others share of what was found to be the speaker's",
}
"""Who lifts the wall between users, in a session's request too: `everyone=True`, `beyond_user`."""

BEYOND_THE_PROJECT = {"identity/projects.py": "an admin of the root project makes and ends others"}
"""Who calls `turn_to`."""


def test_whatever_is_begun_beside_a_request_is_reviewed() -> None:
    assert _files(lambda node: isinstance(node, ast.Attribute) and node.attr in BEGIN) == set(
        BEGINNING
    )


def test_who_sees_beyond_a_sessions_user_is_reviewed() -> None:
    assert _files(_lifts_user) == set(BEYOND_THE_USER)


def test_who_turns_to_another_project_is_reviewed() -> None:
    assert _files(lambda node: _name(node) == "turn_to") == set(BEYOND_THE_PROJECT)


def test_only_the_front_door_says_whose_session_speaks() -> None:
    def sets(node: ast.AST) -> bool:
        return isinstance(node, ast.Attribute) and ast.unparse(node) == "acting_user.set"

    assert _files(sets) == {"web/front.py"}


def _lifts_user(node: ast.AST) -> bool:
    if _name(node) == "beyond_user":
        return True
    return (
        _name(node) == "tenant"
        and isinstance(node, ast.Call)
        and any(keyword.arg == "everyone" for keyword in node.keywords)
    )


def _name(node: ast.AST) -> str | None:
    """Of what is called."""
    if not isinstance(node, ast.Call):
        return None
    return getattr(node.func, "attr", getattr(node.func, "id", None))


def _files(is_one: Callable[[ast.AST], bool]) -> set[str]:
    return {
        str(path.relative_to(APP))
        for path in APP.rglob("*.py")
        if any(is_one(node) for node in _nodes(path))
    }


def _nodes(path: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(path.read_text()))

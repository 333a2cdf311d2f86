"""What the walk sends to every route of the OpenAPI document: a new route needs an entry here.

An entry holds the requests of a route, in which `$kind` stands for an id or name of somebody else.
A route's path is filled by the kinds of its parameters (`PATH_KINDS`); what a query, a body or a
header take is written out. The user's name, in the header and in the query, is tried everywhere.
"""

from typing import Any

import msgspec

from tests.support.api import MODEL
from tests.support.engine import KEY as ENGINE_KEY
from tests.support.images import image

SAME_WORDS = "The same words."
"""What everybody asked once, with an Idempotency-Key."""

FORM = "multipart/form-data; boundary=b"
NDJSON = "application/x-ndjson"

NAMES = frozenset({"user", "setting", "external", "idempotency", "episode", "email"})
"""What anybody may choose: an answer may go well, but as it would for a name nobody has."""

PATH_KINDS = {
    "response_id": "$response",
    "completion_id": "$completion",
    "conversation_id": "$conversation",
    "item_id": "$item",
    "memory_id": "$memory",
    "file_id": "$file",
    "request_id": "$request",
    "session_id": "$session",
    "project_id": "$project",
    "key_id": "$key",
    "key": "$setting",
    "user": "$user",
    "model": MODEL,
}


class Try(msgspec.Struct, frozen=True):
    query: str = ""
    body: Any = None
    """JSON; a text is sent as it is, a byte a character."""
    headers: dict[str, str] = {}
    may_go_well: bool = False
    """It only narrows down what the speaker sees or tags what they make."""
    varies: bool = False
    """The answer tells of what goes on beside it, so that only its status can be compared."""
    keys_may: bool = False
    """A key makes there what never was."""

    @property
    def names_user(self) -> bool:
        return (
            "user=" in self.query or "Backstory-User" in self.headers or "user" in (self.body or ())
        )


def at(query: str = "", body: Any = None, media_type: str = "", **more: Any) -> Try:
    headers = {"Content-Type": media_type} if media_type else {}
    return Try(query, body, headers | more.pop("headers", {}), **more)


def filtered(query: str, **more: Any) -> Try:
    return Try(query, may_go_well=True, **more)


def pages(kind: str, *, beside: str = "") -> list[Try]:
    return [filtered(f"{end}=${kind}{beside}") for end in ("after", "before")]


def asked(**fields: Any) -> Try:
    return Try(body={"model": MODEL, "input": SAME_WORDS, **fields})


def item(**fields: Any) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": [fields]}


def again(body: Any, media_type: str = "") -> Try:
    """What somebody sent before under the same key."""
    return at(body=body, media_type=media_type, headers={"Idempotency-Key": "$idempotency"})


IMAGE = {"type": "input_image", "file_id": "$file"}
REFERENCE = [{"type": "item_reference", "id": "$item"}]
CONTEXTS = [
    asked(previous_response_id="$response"),
    asked(conversation="$conversation"),
    asked(conversation={"id": "$conversation"}),
    asked(input=[*REFERENCE, item(type="input_text", text="x")]),
    asked(input=[item(**IMAGE)]),
]
MESSAGES = [{"role": "user", "content": SAME_WORDS}]
NOTE = {"content": SAME_WORDS}
PART = "--b\r\nContent-Disposition: form-data; name="
FILE = f'{PART}"file"; filename="a.png"\r\n\r\n{image().decode("latin-1")}\r\n--b--\r\n'
UPLOAD = f'{PART}"purpose"\r\n\r\nvision\r\n{FILE}'
UPLOAD_FOR = f'{PART}"user"\r\n\r\n$user\r\n{UPLOAD}'
LIMITS = {"requests_per_minute": 100_000}
PASSWORD = "correct horse"
CREDENTIALS = {"email": "$email", "password": "a wrong password"}

ROUTES: dict[str, list[Try]] = {
    "GET /health/live": [at()],
    "GET /health/ready": [at(varies=True)],
    # Responses
    "POST /v1/responses": [
        *CONTEXTS,
        at(body={"model": MODEL, "input": "x", "prompt": {"id": "$response"}}, may_go_well=True),
        asked(user="$user"),
        again({"model": MODEL, "input": SAME_WORDS}),
    ],
    "GET /v1/responses/{response_id}": [at(), at("stream=true"), at("include=message.x")],
    "DELETE /v1/responses/{response_id}": [at()],
    "POST /v1/responses/{response_id}/cancel": [at()],
    "GET /v1/responses/{response_id}/input_items": [at(), *pages("item")],
    "POST /v1/responses/input_tokens": CONTEXTS,
    "POST /v1/responses/compact": CONTEXTS,
    "GET /v1/models": [at()],
    "GET /v1/models/{model}": [at()],
    # Chat completions
    "POST /v1/chat/completions": [
        at(body={"model": MODEL, "messages": MESSAGES, "user": "$user"}),
        again({"model": MODEL, "messages": MESSAGES}),
    ],
    "GET /v1/chat/completions/{completion_id}": [at()],
    "DELETE /v1/chat/completions/{completion_id}": [at()],
    "GET /v1/chat/completions/{completion_id}/messages": [at(), *pages("item")],
    "POST /v1/embeddings": [at(body={"model": "default", "input": "x", "user": "$user"})],
    # Conversations
    "GET /v1/conversations": [
        at(),
        filtered("query=word"),
        *pages("conversation"),
    ],
    "POST /v1/conversations": [
        at(body={"items": REFERENCE}),
        at(body={"items": [item(**IMAGE)]}),
        at(body={"user": "$user"}),
        again({"title": SAME_WORDS}),
    ],
    "GET /v1/conversations/{conversation_id}": [at()],
    "POST /v1/conversations/{conversation_id}": [at(body={"title": "x"})],
    "DELETE /v1/conversations/{conversation_id}": [at()],
    "POST /v1/conversations/{conversation_id}/fork": [at(), at(body={"item_id": "$item"})],
    "GET /v1/conversations/{conversation_id}/export": [at(), at("format=markdown")],
    "POST /v1/conversations/{conversation_id}/summarize": [at(body={})],
    "GET /v1/conversations/{conversation_id}/items": [at(), *pages("item")],
    "POST /v1/conversations/{conversation_id}/items": [
        at(body={"items": [item(type="input_text", text="x")]}),
        at(body={"items": REFERENCE}),
    ],
    "GET /v1/conversations/{conversation_id}/items/{item_id}": [at()],
    "DELETE /v1/conversations/{conversation_id}/items/{item_id}": [at()],
    # Files
    "GET /v1/files": [at(), *pages("file")],
    "POST /v1/files": [at(body=UPLOAD_FOR, media_type=FORM), again(UPLOAD, FORM)],
    "GET /v1/files/{file_id}": [at()],
    "DELETE /v1/files/{file_id}": [at()],
    "GET /v1/files/{file_id}/content": [at()],
    # Memory
    "GET /v1/memories": [
        at(),
        filtered("conversation=$conversation"),
        filtered("episode=$episode"),
        *pages("memory"),
    ],
    "POST /v1/memories": [
        at(body=NOTE | {"conversation": "$conversation"}, may_go_well=True),
        at(body=NOTE | {"external_id": "$external"}),
        at(body=NOTE | {"user": "$user"}),
        at(body={"memories": [NOTE | {"user": "$user", "episode": "$episode"}]}),
        again(NOTE),
    ],
    "GET /v1/memories/stats": [at(varies=True)],
    "GET /v1/memories/{memory_id}": [at()],
    "DELETE /v1/memories/{memory_id}": [at()],
    "PATCH /v1/memories/{memory_id}": [at(body={"content": "x"})],
    "GET /v1/memories/{memory_id}/history": [at()],
    "POST /v1/memories/{memory_id}/restore": [at()],
    "GET /v1/users/{user}/memories": [at(), *pages("memory")],
    "DELETE /v1/users/{user}/memories": [at(varies=True)],
    "GET /v1/memories/export": [at()],
    "POST /v1/memories/import": [
        at(body='{"content": "x", "user": "$user"}\n', media_type=NDJSON, may_go_well=True),
        at(
            body='{"content": "x", "id": "$memory"}\n',
            media_type=NDJSON,
            may_go_well=True,
            keys_may=True,
        ),
        at("conversation=$conversation", "", NDJSON, may_go_well=True),
    ],
    "POST /v1/recall": [
        at(body={"query": "word", "user": "$user"}, varies=True),
        at(body={"query": "word", "conversation": "$conversation"}, may_go_well=True),
        at(body={"query": "word", "filter": {"episodes": ["$episode"]}}),
    ],
    "POST /v1/memories/summarize": [
        at(body={"episode": "$episode"}),
        at(body={"episode": "$episode", "user": "$user"}),
        at(body={"episode": "x", "conversation": "$conversation"}, may_go_well=True),
    ],
    "GET /v1/users/{user}/profile": [at()],
    "POST /v1/memories/extract": [
        at(body={"user": "$user"}),
        at(body={"conversation": "$conversation"}, may_go_well=True),
    ],
    "GET /v1/memories/quality": [at()],
    # Settings
    "GET /v1/settings": [at(), *pages("setting")],
    "GET /v1/settings/{key}": [at()],
    "PUT /v1/settings/{key}": [at(body="1", media_type="application/json")],
    "PATCH /v1/settings/{key}": [at(body={"a": 1})],
    "GET /v1/settings/{key}/history": [at()],
    "DELETE /v1/settings/{key}": [at()],
    "GET /v1/users/{user}/settings": [at(), *pages("setting")],
    "GET /v1/users/{user}/settings/{key}": [at()],
    "PUT /v1/users/{user}/settings/{key}": [at(body="1", media_type="application/json")],
    "PATCH /v1/users/{user}/settings/{key}": [at(body={"a": 1})],
    "GET /v1/users/{user}/settings/{key}/history": [at()],
    "DELETE /v1/users/{user}/settings/{key}": [at()],
    "GET /v1/settings-changes": [filtered("after=$change", varies=True)],
    # Users and sessions
    "GET /v1/users": [filtered("email=$email"), filtered("after=$user", varies=True)],
    "POST /v1/users": [at(body={"external_id": "$user"}), at(body={"email": "$email"})],
    "GET /v1/users/{user}": [at()],
    "PATCH /v1/users/{user}": [at(body={"metadata": {"a": "b"}}), at(body={"email": "$email"})],
    "POST /v1/users/{user}/sessions": [at()],
    "POST /v1/users/{user}/password_reset": [at(body={})],
    "GET /v1/users/{user}/limits": [at()],
    "PUT /v1/users/{user}/limits": [at(body=LIMITS)],
    "DELETE /v1/users/{user}/limits": [at()],
    "POST /v1/auth/password_reset": [at(body={"email": "$email"})],
    "POST /v1/auth/signup": [at(body=CREDENTIALS)],
    "POST /v1/auth/login": [at(body=CREDENTIALS)],
    "POST /v1/auth/refresh": [at(body={"refresh_token": "$refresh"})],
    "POST /v1/auth/reset": [at(body={"token": "$reset", "password": PASSWORD})],
    "POST /v1/auth/logout": [],  # has no place for anybody else, and ends who speaks
    "POST /v1/auth/logout_all": [],
    "GET /v1/auth/me": [at()],
    "GET /v1/auth/sessions": [at(), *pages("session")],
    "DELETE /v1/auth/sessions/{session_id}": [at()],
    "POST /v1/auth/password": [
        at(body={"current_password": "wrong again", "new_password": PASSWORD})
    ],
    "DELETE /v1/users/{user}": [at(varies=True)],
    # Usage
    "GET /v1/requests": [filtered("after=$request", varies=True)],
    "GET /v1/requests/{request_id}": [at()],
    "GET /v1/analytics/summary": [at(varies=True)],
    # Administration
    "GET /v1/jobs": [at(varies=True)],
    "POST /v1/jobs/retry": [at()],
    "GET /v1/engine_key": [at(), at("project=$project")],
    "PUT /v1/engine_key": [at("project=$project", {"api_key": ENGINE_KEY})],
    "DELETE /v1/engine_key": [at("project=$project")],
    "GET /v1/projects": [filtered("after=$project", varies=True)],
    "POST /v1/projects": [at(body={"name": "x"}), again({"name": "x"})],
    "GET /v1/projects/{project_id}": [at()],
    "PATCH /v1/projects/{project_id}": [at(body={"name": "x"})],
    "DELETE /v1/projects/{project_id}": [at()],
    "GET /v1/api_keys": [at("project=$project"), *pages("key")],
    "POST /v1/api_keys": [at(body={"name": "x", "scopes": ["engine"], "project": "$project"})],
    "GET /v1/api_keys/{key_id}": [at(), at("project=$project")],
    "PATCH /v1/api_keys/{key_id}": [at(body={"name": "x"}), at("project=$project", {"name": "x"})],
    "DELETE /v1/api_keys/{key_id}": [at(), at("project=$project")],
    "POST /v1/api_keys/{key_id}/rotate": [at(body={}), at("project=$project", {})],
    "GET /v1/api_keys/{key_id}/limits": [at(), at("project=$project")],
    "PUT /v1/api_keys/{key_id}/limits": [at(body=LIMITS), at("project=$project", LIMITS)],
    "DELETE /v1/api_keys/{key_id}/limits": [at(), at("project=$project")],
    "GET /v1/audit": [
        filtered("actor=$key"),
        filtered("subject=$key"),
        filtered("subject=$user"),
        filtered("after=$audit"),
        at("project=$project"),
    ],
}

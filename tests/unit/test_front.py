"""What the front door and the error handlers do with routes that we did not foresee."""

from collections.abc import Iterator

import pytest
from litestar import Litestar, get
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.params import FromPath
from litestar.testing import TestClient
from structlog.testing import capture_logs

from app.ids import KeyId, ProjectId, new_id
from app.web.errors import EXCEPTION_HANDLERS
from app.web.front import FrontDoor, add_request_id
from app.web.principal import Access, Principal, Scope, guarded

BRACES = "what is {this} { and }"


@get("/said", opt=guarded(Access.KEY, Scope.ENGINE))
async def said() -> None:
    raise HTTPException(status_code=418, detail=BRACES)


@get("/broken/{user:str}", opt=guarded(Access.KEY, Scope.ENGINE))
async def broken(user: FromPath[str]) -> None:
    raise RuntimeError("broken")


@get("/forgotten")
async def forgotten() -> str:
    return "a secret"


async def authenticate(_token: str, _address: str | None) -> Principal:
    return Principal(ProjectId(new_id()), KeyId(new_id()), frozenset(Scope))


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient[Litestar]]:
    app = Litestar(
        [said, broken, forgotten],
        before_send=[add_request_id],
        middleware=[FrontDoor()],
        exception_handlers=EXCEPTION_HANDLERS,
        state=State({"authenticate": authenticate, "trusted_networks": []}),
        openapi_config=None,
    )
    with TestClient(app) as client:
        client.headers["authorization"] = "Bearer any"
        yield client


def test_a_route_that_says_nothing_lets_in_nobody(client: TestClient[Litestar]) -> None:
    reply = client.get("/forgotten")
    assert reply.status_code == 403
    assert "secret" not in reply.text
    assert client.get("/forgotten", headers={"authorization": ""}).status_code == 401


def test_words_of_others_are_no_template(client: TestClient[Litestar]) -> None:
    reply = client.get("/said")
    assert reply.status_code == 418
    assert reply.json()["error"]["message"] == BRACES
    reply = client.get("/{path}")
    assert reply.status_code == 404
    assert "{path}" in reply.json()["error"]["message"] or "%7B" in reply.json()["error"]["message"]


def test_a_failure_is_logged_under_the_id_that_the_client_has(
    client: TestClient[Litestar],
) -> None:
    with capture_logs() as logs:
        reply = client.get("/broken/alice")
    assert reply.status_code == 500
    assert reply.json()["error"]["code"] == "internal_error"
    assert logs[0]["request"] == reply.headers["x-request-id"]
    assert logs[0]["route"] == "/broken/{user}"
    assert "alice" not in str(logs)

"""Two projects with two users each, who have one of everything, and whoever tries to get at it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import msgspec

from app.ids import ProjectId, id_text, new_id
from app.web.principal import Scope
from tests.support.api import Api, Json, open_api
from tests.support.files import upload
from tests.support.images import image
from tests.support.memories import remember
from tests.support.rows import new_key, new_project, new_publishable_key
from tests.support.secrets_in_logs import is_secret
from tests.support.service import Service
from tests.support.walk_routes import SAME_WORDS

PASSWORD = is_secret("correct horse of the walk")
ALL_SCOPES = tuple(scope.value for scope in Scope)
SHORT = 10
"""Changes of settings are numbered."""


class Owner(msgspec.Struct, frozen=True):
    """A user of a project, or with no name the project itself, and what is theirs."""

    project: ProjectId
    name: str | None
    word: str
    """Stands in every text of theirs, and nowhere else."""
    ids: dict[str, str]
    """By kind; names too, where others may choose the same."""

    @property
    def secrets(self) -> list[str]:
        return [self.word, *self.named.values()]

    @property
    def named(self) -> dict[str, str]:
        """By what can be looked for in a text."""
        return {kind: text for kind, text in self.ids.items() if len(text) > SHORT}


class Walker(msgspec.Struct, frozen=True):
    """Somebody who asks, and whose things they may not have."""

    label: str
    api: Api
    own: dict[str, str]
    victims: list[Owner]
    told: set[str]
    """What walkers of this project have written into what is theirs."""
    by_key: bool
    """It administers the users of its project, whomever it speaks for."""
    root: bool = False


def ghost(text: str, number: int = 1) -> str:
    """An id or name of the same form, that sorts beside it and that nobody ever had."""
    if text.startswith("bs_"):
        return text[:-9] + chr(ord("A") + (ord(text[-9]) + number) % 26) + text[-8:]
    name, at, host = text.partition("@")
    return f"{name[:-1]}{int(name[-1], 16) ^ number:x}{at}{host}"


async def settle(service: Service, api: Api, name: str | None) -> Owner:
    """Gives one of everything to a user of the project whose key speaks, by that key."""
    word = f"word{new_id().hex}"
    project = _project_of(api)
    speaker = api.as_user(name) if name else api
    ids = {"project": id_text("proj", project), "episode": f"episode-{new_id().hex}"}
    if name:
        ids |= await _account(api, name)
    ids |= await _talk(speaker, word)
    ids |= await _keep(speaker, word, ids["episode"])
    if name is None:
        ids |= await _administer(api, word)
    return Owner(project, name, word, ids)


def _project_of(api: Api) -> ProjectId:
    assert api.key is not None
    return ProjectId(UUID(hex=api.key.removeprefix("bs_sk_")[:32]))


async def _account(api: Api, name: str) -> dict[str, str]:
    email = f"{new_id().hex}@example.com"
    made = {"external_id": name, "email": email, "password": PASSWORD}
    await _done(api, "POST", "/v1/users", made)
    signed_in = await _done(api, "POST", f"/v1/users/{name}/sessions")
    reset = await _done(api, "POST", f"/v1/users/{name}/password_reset", {})
    await _done(api, "PUT", f"/v1/users/{name}/limits", {"requests_per_minute": 100_000})
    return {
        "user": name,
        "email": email,
        "session": signed_in["id"],
        "token": signed_in["access_token"],
        "refresh": signed_in["refresh_token"],
        "reset": reset["token"],
    }


async def _talk(speaker: Api, word: str) -> dict[str, str]:
    key = f"again-{new_id().hex}"
    once = speaker.with_headers({"Idempotency-Key": key})
    await once.respond(SAME_WORDS)
    conversation = await _done(speaker, "POST", "/v1/conversations", {"title": word})
    said = {"conversation": conversation["id"], "metadata": {"said": word}}
    reply = await speaker.create(f"I say {word}.", temperature=0, **said)
    assert reply.status == 200, reply.raw
    response = reply.body["id"]
    items = await _done(speaker, "GET", f"/v1/responses/{response}/input_items")
    return {
        "idempotency": key,
        "conversation": conversation["id"],
        "response": response,
        "completion": response.replace("resp_", "chatcmpl-"),
        "request": reply.headers["x-request-id"],
        "item": items["data"][0]["id"],
    }


async def _keep(speaker: Api, word: str, episode: str) -> dict[str, str]:
    external, key = f"external-{new_id().hex}", f"setting-{new_id().hex}"
    kept = {"external_id": external, "episode": episode, "metadata": {"said": word}}
    (memory,) = await remember(speaker, f"I know {word}.", **kept)
    file = await upload(speaker, image(), f"{word}.png")
    assert file.status == 200, file.raw
    await _done(speaker, "PUT", f"/v1/settings/{key}", {"said": word})
    changes = await _done(speaker, "GET", "/v1/settings-changes")
    return {
        "memory": memory["id"],
        "external": external,
        "file": file.body["id"],
        "setting": key,
        "change": changes["data"][-1]["id"],
    }


async def _administer(api: Api, word: str) -> dict[str, str]:
    made = await _done(api, "POST", "/v1/api_keys", {"name": word, "scopes": ["engine"]})
    audit = await _done(api, "GET", "/v1/audit")
    await _done(api, "PATCH", f"/v1/projects/{id_text('proj', _project_of(api))}", {"name": word})
    return {"key": made["id"], "audit": audit["data"][0]["id"]}


async def _done(api: Api, method: str, path: str, body: object = None) -> Json:
    reply = await api.send(method, path, body)
    assert reply.status == 200, (method, path, reply.raw)
    found: Json = reply.body
    return found


# Who walks


@asynccontextmanager
async def open_world(service: Service) -> AsyncIterator[list[Walker]]:
    async with open_api(service) as api:
        first, second = [await _settle_project(service, api) for _ in range(2)]
        root = api.with_key(service.admin_key)
        yield [
            *await _walkers(service, first, second),
            *await _walkers(service, second, first),
            Walker(
                "the root's admin",
                root,
                {},
                first.owners[:2] + second.owners[1:],
                set(),
                True,
                True,
            ),
        ]


class Settled(msgspec.Struct, frozen=True):
    api: Api
    project: ProjectId
    owners: list[Owner]
    """The project itself, and two users."""


async def _settle_project(service: Service, api: Api) -> Settled:
    project = await new_project(service)
    settler = api.with_key(await new_key(service, *ALL_SCOPES, project=project))
    names = [f"user-{new_id().hex}" for _ in range(2)]
    return Settled(api, project, [await settle(service, settler, name) for name in (None, *names)])


async def _walkers(service: Service, here: Settled, there: Settled) -> list[Walker]:
    """As every principal of a project, each after what is its neighbour's and the other's."""
    itself, *users = here.owners
    told: set[str] = set()
    key = here.api.with_key(await new_key(service, *ALL_SCOPES, project=here.project))
    page = here.api.with_key(await new_publishable_key(service, here.project))
    found = [
        Walker("a key", key, itself.ids, there.owners, told, True),
        Walker("a publishable key", page, {}, there.owners[1:2], told, False),
        Walker("nobody", here.api.with_key(None), {}, there.owners[2:], told, False),
    ]
    for user, neighbour, stranger in zip(users, reversed(users), there.owners, strict=False):
        victims = [itself, neighbour, stranger]
        spoken_for, session = key.as_user(user.ids["user"]), here.api.with_key(user.ids["token"])
        found.append(Walker("a key for a user", spoken_for, user.ids, victims, told, True))
        found.append(Walker("a session", session, user.ids, victims, told, False))
    return found

"""A project whose users sign up and log in, as its pages and its server see it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

from app.ids import ProjectId, new_id
from tests.support.api import Api, Json, Reply, open_api
from tests.support.rows import new_key, new_project, new_publishable_key
from tests.support.secrets_in_logs import is_secret
from tests.support.service import Service

PASSWORD = is_secret("correct horse")
SCOPES = ("engine", "memory:read", "memory:write", "settings", "usage:read", "users")

_addresses = count(1)


class Accounts:
    """`server` has a key; `page` has the publishable key, and an address of its own."""

    def __init__(self, service: Service, project: ProjectId, server: Api, page: Api) -> None:
        self.service = service
        self.project = project
        self.server = server
        self.page = page

    async def set(self, **settings: object) -> None:
        reply = await self.server.send("PATCH", "/v1/settings/backstory", settings)
        assert reply.status == 200, reply.raw

    def elsewhere(self) -> Api:
        """A page at another address."""
        number = next(_addresses)
        address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        return self.page.with_headers({"X-Forwarded-For": address})

    def session(self, signed_in: Json) -> Api:
        return self.page.with_key(signed_in["access_token"])

    async def log_in(self, email: str, password: str = PASSWORD, at: Api | None = None) -> Reply:
        body = {"email": email, "password": password}
        return await (at or self.elsewhere()).send("POST", "/v1/auth/login", body)

    async def refresh(self, signed_in: Json) -> Reply:
        body = {"refresh_token": signed_in["refresh_token"]}
        return await self.page.send("POST", "/v1/auth/refresh", body)

    async def signed_up(self, email: str | None = None) -> Json:
        """Of an address that nobody has, unless one is said."""
        body = {"email": email or some_email(), "password": PASSWORD}
        reply = await self.elsewhere().send("POST", "/v1/auth/signup", body)
        assert reply.status == 200, reply.raw
        signed_in: Json = reply.body
        return signed_in


def some_email() -> str:
    return f"{new_id().hex}@example.com"


@asynccontextmanager
async def open_accounts(service: Service) -> AsyncIterator[Accounts]:
    project = await new_project(service)
    key = await new_key(service, *SCOPES, project=project)
    async with open_api(service) as api:
        page = api.with_key(await new_publishable_key(service, project))
        accounts = Accounts(service, project, api.with_key(key), page)
        await accounts.set(signup="open")
        yield accounts

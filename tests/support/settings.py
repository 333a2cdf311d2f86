"""Backstory's own settings, set as an application sets them."""

from tests.support.api import Api, Json


async def set_own(api: Api, document: Json) -> None:
    """Of the project, or of the user that `api` speaks for."""
    reply = await api.send("PUT", "/v1/settings/backstory", document)
    assert reply.status == 200, reply.raw

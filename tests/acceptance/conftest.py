"""The same service on each kind of engine: what is supported there is proven by the same flows.

`@pytest.mark.supports("what")` on a flow puts a tick into the table of docs/responses.md for each
engine that it runs on; `@pytest.mark.refuses("what", …)` says where it is refused, and by what.
"""

from collections.abc import AsyncIterator

import pytest
from openai import AsyncOpenAI

from tests.support.service import Service


@pytest.fixture(params=["responses", "chat", "local"])
def service(
    request: pytest.FixtureRequest,
    backstory: Service,
    chat_backstory: Service,
    local_backstory: Service,
) -> Service:
    """In front of the test engine by its responses, by its chat completions, and of the bundled
    model. Only the test engine does what magic words say."""
    services = {"responses": backstory, "chat": chat_backstory, "local": local_backstory}
    return services[request.param]


@pytest.fixture
async def client(service: Service) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(
        base_url=service.base_url, api_key=service.api_key, max_retries=0
    ) as client:
        yield client

"""Money that a key and a user may spend, by the project's prices or by those of a public list."""

from collections.abc import AsyncIterator

import pytest

from tests.api.test_token_limits import settled
from tests.support.api import MODEL, Api
from tests.support.heard import something
from tests.support.limits import limited_key, used
from tests.support.memories import somebody
from tests.support.rows import new_key
from tests.support.service import Service

OWN = "/v1/settings/backstory"
PRICES = {MODEL: {"input": 10, "output": 100}}


@pytest.fixture
async def priced(api: Api) -> AsyncIterator[None]:
    assert (await api.send("PATCH", OWN, {"prices": PRICES})).status == 200
    yield
    await api.send("PATCH", OWN, {"prices": None})


@pytest.mark.usefixtures("priced")
async def test_a_budget_of_money_holds(backstory: Service, api: Api) -> None:
    limited = await limited_key(backstory, api, usd_per_month=0.2)
    usage = (await limited.api.respond(something("[[words:100]]")))["usage"]
    cost = (usage["input_tokens"] * 10 + usage["output_tokens"] * 100) / 1e6
    await settled(limited, round(cost, 9), "usd_per_month")
    refused = await limited.api.create(something(), max_output_tokens=2_500)
    assert (refused.status, refused.error["code"]) == (429, "insufficient_quota")
    assert "$" in refused.error["message"]
    assert (await limited.api.create(something(), max_output_tokens=1_500)).status == 200


@pytest.mark.usefixtures("priced")
async def test_a_users_money_is_theirs_whatever_key_asks(backstory: Service, api: Api) -> None:
    me, users = somebody(), api.with_key(await new_key(backstory, "users"))
    path = f"/v1/users/{me}/limits"
    await users.send("PUT", path, {"usd_per_day": 0.05})
    assert (await api.as_user(me).create(something(), max_output_tokens=100)).status == 200
    assert 0 < await used(users, path, "usd_per_day") < 0.02
    assert (await api.as_user(me).create(something(), max_output_tokens=600)).status == 429
    assert (await api.create(something(), max_output_tokens=600)).status == 200


async def test_a_model_without_a_price_costs_no_money(backstory: Service, api: Api) -> None:
    limited = await limited_key(backstory, api, usd_per_month=0, tokens_per_day=2_000)
    assert (await limited.api.create(something())).status == 200
    assert (await limited.api.create(something(), max_output_tokens=2_500)).status == 429


async def test_prices_are_the_projects(backstory: Service, api: Api) -> None:
    for value in ({MODEL: {"input": -1, "output": 1}}, {MODEL: {"input": 1}}, {MODEL: 1}):
        assert (await api.send("PATCH", OWN, {"prices": value})).status == 400
    own = f"/v1/users/{somebody()}/settings/backstory"
    assert (await api.send("PATCH", own, {"prices": PRICES})).status == 400

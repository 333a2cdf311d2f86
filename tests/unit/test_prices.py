"""What models cost: the project's own word, the list's, or nobody's."""

import pytest

from app.limits.prices import Prices
from app.limits.units import USD
from app.limits.usage import Usage, usage_in
from app.settings.types import GatewaySettings, ModelPrice

LISTED = "gpt-4o-mini"
LISTED_INPUT, LISTED_CACHED, LISTED_OUTPUT = 0.15, 0.075, 0.60
"""Dollars for a million tokens, since it was first sold."""
NONE = GatewaySettings()


async def dollars(model: str, usage: Usage, settings: GatewaySettings = NONE) -> float | None:
    cost = await Prices(None).cost(model, settings)
    return cost(usage) / USD if cost else None


async def test_the_list_knows_well_known_models() -> None:
    million = 1_000_000
    assert await dollars(LISTED, Usage(million, 0)) == LISTED_INPUT
    assert await dollars(LISTED, Usage(million, 0, million)) == LISTED_CACHED
    assert await dollars(LISTED, Usage(0, million)) == LISTED_OUTPUT


async def test_where_the_engine_is_tells_whose_model_it_is() -> None:
    for url in ("https://api.openai.com/v1", "http://127.0.0.1:1/v1"):
        cost = await Prices(url).cost(LISTED, NONE)
        assert cost is not None
        assert cost(Usage(1_000_000, 0)) == LISTED_INPUT * USD


async def test_the_projects_own_price_comes_first() -> None:
    own = GatewaySettings(prices={LISTED: ModelPrice(input=1, output=2, cached_input=0.5)})
    assert await dollars(LISTED, Usage(1_000_000, 500_000, 400_000), own) == 0.6 + 0.2 + 1
    without = GatewaySettings(prices={LISTED: ModelPrice(input=1, output=2)})
    assert await dollars(LISTED, Usage(1_000_000, 0, 400_000), without) == 1


async def test_what_nobody_knows_has_no_price() -> None:
    assert await dollars("nobody-knows-this", Usage(10, 10)) is None


async def test_the_least_is_not_nothing() -> None:
    cheap = GatewaySettings(prices={"m": ModelPrice(input=0.000001, output=0)})
    assert await dollars("m", Usage(1, 0), cheap) == 1 / USD


@pytest.mark.parametrize(
    ("said", "usage"),
    [
        ({"input_tokens": 5, "output_tokens": 2}, Usage(5, 2)),
        ({"input_tokens": 5, "output_tokens": 2, "cached_tokens": 9}, Usage(5, 2, 5)),
        (
            {
                "input_tokens": 5,
                "output_tokens": 2,
                "input_tokens_details": {"cached_tokens": 3},
            },
            Usage(5, 2, 3),
        ),
        ({"input_tokens": 0, "output_tokens": 0}, None),
        ({"input_tokens": -5, "output_tokens": 2}, None),
        ({"input_tokens": "5", "output_tokens": 2}, None),
        (None, None),
    ],
)
def test_usage_is_read_as_engines_say_it(said: dict[str, object] | None, usage: Usage) -> None:
    assert usage_in(said) == usage

"""Which models users may ask for with their sessions (the setting `models`)."""

from app.errors import NotFound
from app.settings.read import SettingsReader
from app.web.principal import Principal


async def check_model(settings: SettingsReader, principal: Principal, model: str) -> None:
    """Raises NotFound, as where there is no such model."""
    if not await may_ask(settings, principal, model):
        raise no_such_model(model)


async def may_ask(settings: SettingsReader, principal: Principal, model: str) -> bool:
    """A key may ask for any."""
    if principal.user is None:
        return True
    models = (await settings.read(principal.project, principal.user)).models
    return models is None or model in models


def no_such_model(model: str) -> NotFound:
    return NotFound(f"The model '{model}' does not exist.", param="model", code="model_not_found")

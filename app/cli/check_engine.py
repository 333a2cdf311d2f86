"""Checks of the engine, with the same code that serves requests."""

from msgspec.structs import replace

from app.cli.data_dir import holder
from app.cli.findings import Finding, fail, ok, warn
from app.config import Config
from app.engine.local_server import address_file
from app.engine.open import open_engine
from app.errors import EngineAuthFailed, EngineError, EngineRefused, EngineUnreachable

ANSWER_SECONDS_MAX = 10.0


async def check_engine(config: Config) -> Finding:
    if config.local_engine:
        file = address_file(config.data_dir)
        if holder(config.data_dir) is None or not file.exists():
            return ok("The local engine is stopped, and starts with the service")
        config = replace(config, local_engine_url=file.read_text().strip())
    return await _ask(replace(config, engine_first_byte_timeout_seconds=ANSWER_SECONDS_MAX))


async def _ask(config: Config) -> Finding:
    where = config.engine_url or config.local_engine_url
    try:
        async with open_engine(config) as engine:
            models = await engine.models()
    except EngineAuthFailed:
        return fail(f"The engine at {where} refuses the key", "Check BACKSTORY_ENGINE_API_KEY.")
    except EngineUnreachable as error:
        return fail(f"{where}: {error}", "Check that it runs, and BACKSTORY_ENGINE_URL.")
    except EngineRefused:
        return warn(f"The engine at {where} lists no models", "It may work all the same: try it.")
    except EngineError as error:
        return fail(f"{where}: {error}", "Read the engine's own log.")
    return ok(f"The engine at {where} answers, with {len(models)} models")

"""What the verbs of summaries work with; put together in main.py."""

import msgspec

from app.config import Config
from app.contexts.windows import Windows
from app.db.database import Database
from app.embeddings.types import Embedder
from app.engine.types import Engine
from app.engine_keys.keys import EngineKeys
from app.identity.users import Users
from app.jobs.runner import JobRunner
from app.limits.limiter import Limiter
from app.settings.read import SettingsReader
from app.usage.record import RequestLog


class SummaryParts(msgspec.Struct, frozen=True):
    config: Config
    database: Database
    users: Users
    settings: SettingsReader
    limiter: Limiter
    jobs: JobRunner
    engine: Engine
    engine_keys: EngineKeys
    embedder: Embedder
    windows: Windows
    request_log: RequestLog

"""What the road of a response is built of; put together in main.py."""

import msgspec

from app.blobs.images import Images
from app.config import Config
from app.contexts.seal import Seals
from app.contexts.windows import Windows
from app.db.database import Database
from app.db.signals import Signals
from app.embeddings.types import Embedder, Reranker
from app.engine.types import Engine
from app.engine_keys.keys import EngineKeys
from app.identity.users import Users
from app.jobs.runner import JobRunner
from app.limits.limiter import Limiter
from app.memory.marks import Marks
from app.memory.uses import Uses
from app.responses.flights import Flights
from app.responses.leases import Leases
from app.responses.run import Runs
from app.responses.running import Running
from app.settings.read import SettingsReader
from app.usage.record import RequestLog


class Keys(msgspec.Struct, frozen=True):
    """Derived from the installation's secret, one for each purpose."""

    contents: bytes
    cache: bytes
    users: bytes
    facts: bytes


class Parts(msgspec.Struct, frozen=True):
    config: Config
    keys: Keys
    database: Database
    engine: Engine
    engine_keys: EngineKeys
    embedder: Embedder
    reranker: Reranker
    images: Images
    users: Users
    settings: SettingsReader
    limiter: Limiter
    jobs: JobRunner
    request_log: RequestLog
    runs: Runs
    leases: Leases
    signals: Signals
    flights: Flights
    running: Running
    seals: Seals
    windows: Windows
    marks: Marks
    uses: Uses

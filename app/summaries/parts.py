"""What the verbs of summaries work with; put together in main.py."""

import msgspec

from app.config import Config
from app.db.database import Database
from app.identity.users import Users


class SummaryParts(msgspec.Struct, frozen=True):
    config: Config
    database: Database
    users: Users

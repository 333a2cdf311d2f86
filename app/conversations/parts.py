"""What the verbs of conversations work with; put together in main.py."""

import msgspec

from app.blobs.images import Images
from app.config import Config
from app.db.database import Database
from app.identity.users import Users
from app.jobs.runner import JobRunner
from app.settings.read import SettingsReader


class ConversationParts(msgspec.Struct, frozen=True):
    config: Config
    contents_key: bytes
    database: Database
    users: Users
    settings: SettingsReader
    images: Images
    jobs: JobRunner

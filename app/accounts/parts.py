"""What signing in needs."""

import msgspec

from app.accounts.passwords import Passwords
from app.audit.failures import Failures
from app.config import Config
from app.db.database import Database
from app.identity.authenticate import Authenticator
from app.identity.users import Users
from app.settings.read import SettingsReader


class AccountParts(msgspec.Struct, frozen=True):
    config: Config
    database: Database
    users: Users
    settings: SettingsReader
    passwords: Passwords
    authenticator: Authenticator
    failures: Failures
    guess_key: bytes
    """Under which those who guess are counted: the table tells nobody's address."""
    refresh_key: bytes
    """Under which the tokens that follow on a refresh token are made."""

"""Where the owner of the tables is reached: what only it may do, and look at all projects."""

from app.config import Config
from app.db.embedded import EmbeddedPostgres
from app.errors import StartError


def owner_url(config: Config) -> str:
    """Raises StartError."""
    if config.embedded_database:
        return _embedded(config).owner_url
    if config.database_owner_url is None:
        raise StartError(
            "BACKSTORY_DATABASE_OWNER_URL is not set: name your database there, as its role "
            "backstory_owner."
        )
    return config.database_owner_url


def _embedded(config: Config) -> EmbeddedPostgres:
    postgres = EmbeddedPostgres(config.data_dir)
    if not postgres.find_running():
        raise StartError(
            f"The embedded database in {config.data_dir} does not run: start 'backstory serve', "
            "or name its data directory."
        )
    return postgres

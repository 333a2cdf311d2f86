from tests.support.postgres_fixtures import postgres

__all__ = ["postgres"]

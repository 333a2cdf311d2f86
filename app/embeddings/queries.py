"""Typed access to queries.sql."""

import msgspec

from app.db.sql import Connection, load


class WantedModel(msgspec.Struct, frozen=True):
    """In use, unless it is `filling`."""

    model_id: int
    name: str
    dimensions: int
    filling: bool


_sql = load(__file__)
_list_wanted_models = _sql.rows("list_wanted_models", WantedModel)
_want_model = _sql.statement("want_model")
_switch_model = _sql.statement("switch_model")


async def list_wanted_models(conn: Connection) -> list[WantedModel]:
    return await _list_wanted_models.all(conn)


async def want_model(conn: Connection, name: str, dimensions: int) -> None:
    await _want_model.value(conn, name=name, dimensions=dimensions)


async def switch_model(conn: Connection, name: str) -> bool:
    return bool(await _switch_model.value(conn, name=name))

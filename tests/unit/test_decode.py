"""What arrived before something unreadable is not lost by it."""

from app.engine.decode import decode_object, up_to_error
from app.errors import EngineBroken


def test_what_came_before_an_error_is_kept() -> None:
    events, error = up_to_error(map(decode_object, [b'{"n": 1}', b'{"n": 2}', b"{", b'{"n": 4}']))
    assert events == [{"n": 1}, {"n": 2}]
    assert isinstance(error, EngineBroken)


def test_where_nothing_is_wrong_there_is_no_error() -> None:
    assert up_to_error(map(decode_object, [b'{"n": 1}'])) == ([{"n": 1}], None)

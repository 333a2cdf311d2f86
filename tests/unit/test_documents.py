"""Values of settings: merged as RFC 7396 has it, laid over each other, and never recounted."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.config import Config
from app.errors import InvalidRequest, TooLarge
from app.settings.documents import checked, merged, overlaid

OF_THE_RFC = [
    ('{"a":"b"}', '{"a":"c"}', '{"a":"c"}'),
    ('{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'),
    ('{"a":"b"}', '{"a":null}', "{}"),
    ('{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'),
    ('{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'),
    ('{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'),
    ('{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'),
    ('{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'),
    ('["a","b"]', '["c","d"]', '["c","d"]'),
    ('{"a":"b"}', '["c"]', '["c"]'),
    ('{"a":"foo"}', "null", "null"),
    ('{"a":"foo"}', '"bar"', '"bar"'),
    ('{"e":null}', '{"a":1}', '{"e":null,"a":1}'),
    ("[1,2]", '{"a":"b","c":null}', '{"a":"b"}'),
    ("{}", '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'),
]
"""Its appendix A."""

SCALARS = st.none() | st.booleans() | st.integers() | st.text()
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


def by_the_book(target: Any, patch: Any) -> Any:
    """The pseudocode of RFC 7396, section 2."""
    if not isinstance(patch, dict):
        return patch
    target = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            target.pop(name, None)
        else:
            target[name] = by_the_book(target.get(name), value)
    return target


@pytest.mark.parametrize(("target", "patch", "result"), OF_THE_RFC)
def test_the_examples_of_the_rfc(target: str, patch: str, result: str) -> None:
    assert merged(target.encode(), patch.encode()).decode() == result


@given(VALUES, VALUES)
def test_merged_as_the_rfc_says(target: Any, patch: Any) -> None:
    found = merged(msgspec.json.encode(target), msgspec.json.encode(patch))
    assert msgspec.json.decode(found) == by_the_book(target, patch)


def test_a_patch_of_nothing_makes_something() -> None:
    assert merged(None, b'{"a":{"b":null,"c":1}}') == b'{"a":{"c":1}}'


def test_numbers_keep_their_digits() -> None:
    kept = b'{"a":1.10,"b":123456789012345678901234567890,"c":1e400}'
    assert merged(kept, b'{"d":-0.0}') == kept[:-1] + b',"d":-0.0}'
    assert overlaid(b'{"a":1.0}', b'{"b":2.50}') == b'{"a":1.0,"b":2.50}'
    assert checked(b" " + kept + b"\n", Config()) == kept


@pytest.mark.parametrize(
    ("below", "above", "result"),
    [
        ('{"a":1,"b":{"c":1}}', '{"b":{"d":2}}', '{"a":1,"b":{"d":2}}'),
        ('{"a":1}', '{"a":null}', '{"a":null}'),
        ('{"a":1}', "[1]", "[1]"),
        ("[1]", '{"a":1}', '{"a":1}'),
    ],
)
def test_fields_are_laid_over_each_other_whole(below: str, above: str, result: str) -> None:
    assert overlaid(below.encode(), above.encode()).decode() == result


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b" ", b"{", b"nul", b"01", b"{'a':1}", b'{"a":1}x', b"NaN", b'"\xff"'),
        *(b'"\\ud800"', b'"a\\u0000"', b'{"\\u0000":1}', b'[{"a":["\\u0000"]}]'),
        *(b"[" * 33 + b"]" * 33, b"[" * 10_000, b"9" * 5_000),
    ],
)
def test_what_cannot_be_kept_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        checked(body, Config())


def test_limits_are_where_they_are_said_to_be() -> None:
    config = Config(setting_bytes_max=10, setting_depth_max=2)
    assert checked(b'"12345678"', config)
    assert checked(b'[{"a":1}]', config)
    with pytest.raises(TooLarge):
        checked(b'"123456789"', config)
    with pytest.raises(InvalidRequest):
        checked(b"[[[1]]]", config)

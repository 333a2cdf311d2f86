"""A log is kept compressed, small or large."""

from typing import Any

import msgspec

from app.responses.log import ASIDE_BYTES, pack, pack_aside, unpack
from app.web.frames import frame


async def test_a_log_packed_aside_is_the_same() -> None:
    event: dict[str, Any] = {
        "type": "response.output_text.delta",
        "delta": "x" * 1000,
        "sequence_number": 0,
    }
    frames = [frame(event["type"], msgspec.json.encode(event))] * (ASIDE_BYTES // 1000 + 1)
    packed = await pack_aside(frames)
    assert list(unpack(packed)) == list(unpack(pack(frames))) == [event] * len(frames)
    assert len(packed) < ASIDE_BYTES / 100

"""What of a message is remembered."""

from typing import Any

import pytest

from app.conversations.contents import message_text


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ([{"type": "input_text", "text": "a"}, {"type": "output_text", "text": "b"}], "a\nb"),
        ([{"type": "input_text"}, {"type": "input_text", "text": "b"}], "b"),
        ([{"type": "input_text", "text": None}, {"type": "input_text", "text": 1}], ""),
        ([{"type": ["input_text"], "text": "a"}, {"type": "input_image"}, "c", None], ""),
        (None, ""),
        ({}, ""),
    ],
)
def test_the_text_of_a_message_is_that_of_its_text_parts(content: Any, text: str) -> None:
    assert message_text({"content": content}) == text

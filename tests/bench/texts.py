"""Sentences to remember and questions to ask: real ones where a data set is given, else made up."""

import random
import re
from itertools import accumulate
from pathlib import Path

from app.embeddings.model import DEFAULT_MODEL, local_folder
from tests.bench.dataset import read_conversations

SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")
SENTENCE_CHARS = (30, 400)
WORDS_MAX = 8_000
ASKED_WORDS = (4, 8)
SAID_WORDS = (8, 20)


class Texts:
    """The same for the same data and seed, in no order."""

    def __init__(self, data: list[Path], seed: int = 7) -> None:
        self._drawn = random.Random(seed)
        self._said, self._asked = _read(data)
        self._drawn.shuffle(self._said)
        self._drawn.shuffle(self._asked)
        self._words: list[str] = []
        self.source = "sentences of the data sets" if data else "made up of MiniLM's vocabulary"

    def sentences(self, count: int) -> list[str]:
        """All different; each is given once, over all calls."""
        real, self._said = self._said[:count], self._said[count:]
        return real + [self._made(*SAID_WORDS) for _ in range(count - len(real))]

    def questions(self, count: int) -> list[str]:
        real, self._asked = self._asked[:count], self._asked[count:]
        return real + [self._made(*ASKED_WORDS) for _ in range(count - len(real))]

    def _made(self, least: int, most: int) -> str:
        """Words as often as in a natural text (Zipf), without a meaning."""
        if not self._words:
            self._words = _words()
            self._weights = list(accumulate(1 / (10 + n) for n in range(len(self._words))))
        count = self._drawn.randint(least, most)
        return " ".join(self._drawn.choices(self._words, cum_weights=self._weights, k=count))


def _read(data: list[Path]) -> tuple[list[str], list[str]]:
    conversations = [one for path in data for one in read_conversations(path)]
    said = {
        sentence
        for conversation in conversations
        for turn in conversation.turns
        for sentence in SENTENCE_END.split(turn.text)
        if SENTENCE_CHARS[0] <= len(sentence) <= SENTENCE_CHARS[1]
    }
    asked = {question.question for one in conversations for question in one.questions}
    return sorted(said), sorted(asked)


def _words() -> list[str]:
    """Whole words, the commonest first, as the model's vocabulary has them."""
    folder = local_folder(DEFAULT_MODEL)
    assert folder is not None
    lines = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
    return [word for word in lines if re.fullmatch("[a-z]{2,}", word)][:WORDS_MAX]

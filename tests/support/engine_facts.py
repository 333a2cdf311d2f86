"""What the test engine says of messages and facts: told to it by tests, by the texts themselves."""

from typing import Any

import msgspec

from tests.support.engine_script import Script

Told = list[dict[str, Any]] | str | int


class Facts:
    """`told` is by a message's text: facts, whose messages are its own number unless said, or an
    answer in full, or a status. `verdicts` is by two facts; others are unrelated."""

    def __init__(self) -> None:
        self.told: dict[str, Told] = {}
        self.verdicts: dict[tuple[str, str], str] = {}
        self.refuses_schemas = False

    def extracted(self, said: str) -> tuple[Script, str]:
        facts: list[dict[str, Any]] = []
        for message in msgspec.json.decode(said)["messages"]:
            told = self.told.get(message["text"], [])
            if isinstance(told, str):
                return Script(), told
            if isinstance(told, int):
                return Script(status=told), ""
            facts += [{"messages": [message["number"]], **fact} for fact in told]
        return Script(), msgspec.json.encode({"facts": facts}).decode()

    def judged(self, said: str) -> tuple[Script, str]:
        verdicts = [
            {"pair": pair["pair"], "verdict": self._verdict(pair)}
            for pair in msgspec.json.decode(said)["pairs"]
        ]
        return Script(), msgspec.json.encode({"verdicts": verdicts}).decode()

    def _verdict(self, pair: dict[str, Any]) -> str:
        first, second = pair["first"]["text"], pair["second"]["text"]
        if first == second:
            return "same"
        return self.verdicts.get((first, second), "unrelated")

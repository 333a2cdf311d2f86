"""How the bench drives a peer in an environment of its own: lines of JSON on its stdin and stdout.

Run by the peer's Python, so nothing of Backstory and nothing but the standard library is here.
"""

import json
import os
import sys
import time
import urllib.request
from collections.abc import Callable
from typing import Any, Protocol

Json = dict[str, Any]


class Peer(Protocol):
    def add(self, user: str, memories: list[Json]) -> None:
        """Each with `id` and `text`; findable when this returns."""
        ...

    def search(self, user: str, query: str, limit: int) -> list[str]:
        """Ids, the best first."""
        ...

    def without_index(self) -> None:
        """From now on vectors are compared one by one."""
        ...


def serve(open_peer: Callable[[Json], Peer]) -> None:
    """The first line says where everything is; each other is a call, answered with its seconds."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the peer prints is no answer
    peer = open_peer(json.loads(sys.stdin.readline()))
    _answer(answers, None, 0.0)
    for line in sys.stdin:
        call = json.loads(line)
        began = time.perf_counter()
        found = getattr(peer, call.pop("call"))(**call)
        _answer(answers, found, time.perf_counter() - began)


def _answer(answers: Any, found: Any, seconds: float) -> None:
    answers.write(json.dumps({"found": found, "seconds": seconds}) + "\n")
    answers.flush()


def embedder(place: Json) -> Callable[[list[str]], list[list[float]]]:
    """Backstory's own, over HTTP, for a peer that brings no client of its own."""

    def embed(texts: list[str]) -> list[list[float]]:
        body = json.dumps({"model": place["model"], "input": texts}).encode()
        headers = {"Authorization": f"Bearer {place['key']}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{place['url']}/embeddings", body, headers)
        with urllib.request.urlopen(request) as answer:
            return [one["embedding"] for one in json.load(answer)["data"]]

    return embed

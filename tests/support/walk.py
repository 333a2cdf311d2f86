"""The walk: what somebody else's ids get, beside what ids get that never were."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import Any

import msgspec

from tests.support.api import Api, Reply
from tests.support.walk_routes import NAMES, PATH_KINDS, ROUTES, Try
from tests.support.walk_world import Owner, Walker, ghost

PLACE = re.compile(r"\$([a-z]+)")
PARAMETER = re.compile(r"\{(\w+)\}")
ADMINISTERED = {"user", "email", "reset", "refresh", "key", "project", "audit"}
"""What a key may see of its own project, whomever it speaks for."""
SHARED = {"file", "setting"}
"""What users see of their project's."""
MADE = [
    (re.compile(r"bs_[a-z]{2}_[\w-]+"), "TOKEN"),
    (re.compile(r"(?:[a-z]+_|chatcmpl-|file-|user-)[0-9a-f]{32}"), "MADE"),
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|\+00:00)"), "TIME"),
    (re.compile(r"(_at|created)\":\d+"), "TIME"),
    (re.compile(r'"uses":\d+,"used_at":(null|"TIME")'), "USES"),  # counted now and then
]
NOT_FOUND = re.compile("_not_found$|^invalid_reset_token$")
HEX = re.compile(r"[0-9a-f]{32}$")
LEFT_OUT = re.compile("x-request-id|date|content-length|retry-after|x-ratelimit-.*")
_addresses = count(1)


class Request(msgspec.Struct, frozen=True):
    """A route's try, as it goes over the wire."""

    method: str
    target: str
    body: bytes | None
    headers: dict[str, str]


class Plain(msgspec.Struct, frozen=True):
    """An answer but for the ids that were asked for, what was made by it, and when."""

    status: int
    text: str


@dataclass(eq=False)
class Step:
    """A try of a route with the kinds that it takes from somebody else; the rest is one's own."""

    route: str
    one: Try
    foreign: frozenset[str]

    @property
    def path(self) -> str:
        path = self.route.partition(" ")[2]
        return PARAMETER.sub(lambda found: PATH_KINDS[found[1]], path)

    @cached_property
    def text(self) -> str:
        """All of it, for the kinds that stand in it to be found."""
        one = self.one
        body = msgspec.json.encode([one.body, one.headers]).decode()
        return f"{self.path}?{one.query} {body}"

    @property
    def strict(self) -> bool:
        """It must fail: for it names what only one can have."""
        return not self.one.may_go_well and not self.foreign <= NAMES


def steps() -> Iterator[Step]:
    for route, tries in ROUTES.items():
        for one in tries:
            kinds = frozenset(PLACE.findall(Step(route, one, frozenset()).text))
            yield Step(route, one, kinds)
            in_path = PARAMETER.findall(route)
            if len(in_path) > 1:
                left = (kinds - {PATH_KINDS[own][1:]} for own in in_path)
                yield from (Step(route, one, foreign) for foreign in left)
        if tries:
            yield from (_naming(route, tries[0], named) for named in _named())


def _named() -> list[Try]:
    """The places of a user's name that every route has."""
    return [Try("user=$user"), Try(headers={"Backstory-User": "$user"})]


def _naming(route: str, first: Try, named: Try) -> Step:
    query = "&".join(part for part in (first.query, named.query) if part)
    one = msgspec.structs.replace(first, query=query, headers=first.headers | named.headers)
    kinds = frozenset(PLACE.findall(Step(route, one, frozenset()).text))
    return Step(route, one, kinds)


STEPS = list(steps())


def fits(step: Step, walker: Walker, victim: Owner) -> bool:
    """Whether it is a try to get at what this walker may not have."""
    neighbours = walker.own.get("project") == victim.ids["project"]
    kinds = set(step.foreign)
    named = set(PLACE.findall(step.text))
    if not kinds or not kinds <= set(victim.ids) or not named <= {*victim.ids, *walker.own}:
        return False
    if (walker.root and "project" in kinds) or (walker.by_key and step.one.keys_may):
        return False
    if "Backstory-User" in walker.api.headers and step.one.names_user:
        return False
    if not neighbours:
        return True
    if "project" in kinds or (walker.by_key and kinds & ADMINISTERED):
        return False
    return bool(victim.name) or not kinds & SHARED


def request_of(step: Step, values: dict[str, str]) -> Request:
    def fill(text: str) -> str:
        return PLACE.sub(lambda found: values[found[1]], text)

    one = step.one
    query = fill(one.query)
    method, _, _ = step.route.partition(" ")
    target = fill(step.path) + (f"?{query}" if query else "")
    headers = {name: fill(value) for name, value in one.headers.items()}
    return Request(method, target, _body(one.body, fill), headers)


def _body(body: Any, fill: Any) -> bytes | None:
    if body is None:
        return None
    if isinstance(body, str):
        return bytes(fill(body).encode("latin-1"))
    return bytes(fill(msgspec.json.encode(body).decode()).encode())


def values_for(step: Step, walker: Walker, victim: Owner) -> tuple[dict[str, str], dict[str, str]]:
    """What is somebody else's, and what never was; what is one's own in both."""
    own = {kind: ghost(text, 2) for kind, text in victim.ids.items()} | walker.own
    theirs = {kind: victim.ids[kind] for kind in step.foreign}
    never = {kind: ghost(text) for kind, text in theirs.items()}
    return own | theirs, own | never


async def send(api: Api, request: Request) -> Reply:
    """Each from an address of its own, so that no guess slows another."""
    number = next(_addresses)
    headers = {"X-Forwarded-For": f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"}
    speaker = api.with_headers(headers | request.headers)
    return await speaker.send(request.method, request.target, data=request.body)


class Walk:
    """One walker's. What never was is asked for once, where asking for it changes nothing."""

    def __init__(self, walker: Walker) -> None:
        self._walker = walker
        self._beside: dict[Step, Plain] = {}

    async def wrong(self) -> list[str]:
        """What is wrong with the answers."""
        return [
            f"{self._walker.label}: {step.route} {step.one} of {victim.name}: {found}"
            for step in STEPS
            for victim in self._walker.victims
            if fits(step, self._walker, victim)
            for found in await self._try(step, victim)
        ]

    async def _try(self, step: Step, victim: Owner) -> list[str]:
        theirs, never = values_for(step, self._walker, victim)
        answer = await send(self._walker.api, request_of(step, theirs))
        beside = self._beside.get(step)
        if beside is None:
            beside = _plain(await send(self._walker.api, request_of(step, never)), victim)
        if step.strict:
            self._beside[step] = beside
        sent = {theirs[kind] for kind in step.foreign}
        if not step.strict:
            self._walker.told.update(_digits(sent))
        told = _digits(sent | {self._walker.own.get("project", "")}) | self._walker.told
        return [
            *_wrong_status(step, answer),
            *_foreign_bytes(answer, victim, told),
            *_differing(step, _plain(answer, victim), beside),
        ]


def _wrong_status(step: Step, answer: Reply) -> Iterator[str]:
    if answer.status >= 500:
        yield f"answers {answer.status}"
    if not step.strict or answer.status in (401, 403, 404):
        return
    if answer.status != 400 or not NOT_FOUND.search(str(answer.error["code"])):
        yield f"answers {answer.status} {answer.raw[:300]!r}"


def _foreign_bytes(answer: Reply, victim: Owner, told: set[str]) -> Iterator[str]:
    """But for what the walker itself has told: then it may stand in what is theirs."""
    text = f"{dict(answer.headers)} {answer.raw.decode(errors='replace')}"
    for secret in _digits(victim.secrets) - told:
        if secret in text:
            yield f"tells {secret}: {text[:500]}"


def _digits(ids: Iterable[str]) -> set[str]:
    """Of ids, since one has several forms; what else there is as it is."""
    return {text[-32:] if HEX.search(text) else text for text in ids}


def _differing(step: Step, one: Plain, other: Plain) -> Iterator[str]:
    if one.status != other.status:
        yield f"answers {one.status}, and {other.status} to what never was"
    if one.text != other.text and not step.one.varies:
        yield f"is told from what never was: {_apart(one.text, other.text)}"


def _apart(first: str, second: str) -> str:
    """From where they differ."""
    same = next(
        place for place in range(len(first) + 1) if first[: place + 1] != second[: place + 1]
    )
    begin = max(0, same - 120)
    return f"{first[begin : same + 200]} | {second[begin : same + 200]}"


def _plain(reply: Reply, victim: Owner) -> Plain:
    headers = {name.lower(): value for name, value in reply.headers.items()}
    told = {name: value for name, value in headers.items() if not LEFT_OUT.match(name)}
    text = f"{told} {reply.raw.decode(errors='replace')}"
    for kind, known in victim.named.items():
        text = text.replace(known, f"<{kind}>").replace(ghost(known), f"<{kind}>")
    for pattern, instead in MADE:
        text = pattern.sub(instead, text)
    return Plain(reply.status, text)

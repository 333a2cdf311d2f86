"""What the routes of projects and keys take."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from app.errors import InvalidRequest
from app.web.idempotency import HEADER
from app.web.principal import Scope

Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
KeyKind = Literal["secret", "publishable"]


class NewProject(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: Name


class ProjectPatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: Name


class NewKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`project` is the key's own where it is not named."""

    name: Name
    kind: KeyKind = "secret"
    scopes: list[Scope] = []
    expires_at: str | float | None = None
    project: str | None = None


class KeyPatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is left out stays; `expires_at` null is never."""

    name: Name | UnsetType = UNSET
    scopes: list[Scope] | UnsetType = UNSET
    expires_at: str | float | UnsetType | None = UNSET


class Rotation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    overlap_seconds: Annotated[float, Meta(ge=0)] = 0


def refuse_idempotency(request: Any) -> None:
    """Raises InvalidRequest: a kept answer would keep the secret."""
    if request.headers.get(HEADER) is not None:
        raise InvalidRequest(
            "An Idempotency-Key is not taken here: the answer holds a secret, which is not kept.",
            param=HEADER,
        )

"""Who stands at the door: by which key, and from where."""

from ipaddress import IPv6Address, IPv6Network
from typing import Any

import msgspec
from litestar import Request

from app.audit.record import audit
from app.audit.types import Event, Subject
from app.db.sql import Connection
from app.ids import ProjectId
from app.web.address import address_of, parse_address
from app.web.principal import Kind, Principal

USER_AGENT_LENGTH_MAX = 300
SUBNET_BITS = 64


class Visitor(msgspec.Struct, frozen=True):
    principal: Principal
    address: str | None
    user_agent: str | None

    @property
    def project(self) -> ProjectId:
        return self.principal.project

    async def record(
        self, conn: Connection, event: Event, subject: Subject, **detail: object
    ) -> None:
        """What they did, in the transaction that does it."""
        await audit(
            conn,
            self.project,
            event,
            principal=self.principal,
            subject=subject,
            address=self.address,
            detail=detail,
        )

    @property
    def counted_address(self) -> str | None:
        """Whose guesses are counted together: a whole subnet of IPv6, which anybody has.

        With a key the application speaks for all its users from one address, which is not counted.
        """
        if self.address is None or self.principal.kind is Kind.KEY:
            return None
        address = parse_address(self.address)
        if isinstance(address, IPv6Address):
            return str(IPv6Network((address, SUBNET_BITS), strict=False))
        return self.address


def visitor_of(request: Request[Any, Any, Any]) -> Visitor:
    user_agent = request.headers.get("user-agent", "")[:USER_AGENT_LENGTH_MAX]
    return Visitor(
        request.auth,
        address_of(request.scope),
        user_agent.replace("\x00", "") or None,
    )

"""Files of memories: exporting them and importing them over the wire."""

from typing import Any

import msgspec

from tests.support.api import Api, Json

NDJSON = "application/x-ndjson"


async def exported(api: Api, query: str = "") -> list[Json]:
    """The lines of an export that came to its end, without header and end."""
    reply = await api.get(f"/v1/memories/export{query}")
    assert reply.status == 200, reply.raw
    header, *lines, end = [msgspec.json.decode(line) for line in reply.raw.splitlines()]
    assert header["object"] == "memory.export"
    assert end == {"object": "memory.export.end", "memories": len(lines)}
    return lines


async def imported(api: Api, body: object, query: str = "") -> Json:
    """The report on a file: bytes as they are, lines from a list, a document from anything else."""
    if isinstance(body, list):
        data = b"".join(msgspec.json.encode(line) + b"\n" for line in body)
    else:
        data = body if isinstance(body, bytes) else msgspec.json.encode(body)
    reply = await api.send_raw("POST", f"/v1/memories/import{query}", data, NDJSON)
    assert reply.status == 200, reply.raw
    report: Json = reply.body
    assert report["object"] == "memory.import"
    return report


def counts(report: Json) -> tuple[Any, ...]:
    return tuple(report[name] for name in ("imported", "unchanged", "skipped", "failed"))

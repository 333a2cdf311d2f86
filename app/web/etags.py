"""Versions as ETags, and the conditions that name them (RFC 9110, section 13)."""

from collections.abc import Collection


def etag(version: int) -> str:
    return f'"{version}"'


def names(header: str, versions: Collection[int]) -> bool:
    """Whether a list of tags names one of these versions; `*` names any."""
    tags = {tag.strip().removeprefix("W/").strip('"') for tag in header.split(",")}
    return bool(versions) and bool(tags & {"*", *map(str, versions)})

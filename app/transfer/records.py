"""Cutting a file into its records while it arrives: lines, or the entries of one JSON document.

Holds no more than one record, and of one that is too large nothing.
"""

import re
from collections.abc import Iterator
from typing import Protocol

import msgspec

HEAD_BYTES = 4_096
"""What has to be seen of a file to know what it is."""

LISTS = (b"results", b"memories", b"data")
"""The names under which a document keeps its entries: mem0's, and those of OpenAI's lists."""

BOM = b"\xef\xbb\xbf"

_DOCUMENT = re.compile(rb'\s*\{\s*("(results|memories|data)"\s*:\s*\[|"object"\s*:\s*"list")')
_STRUCTURE = re.compile(rb'["\[\]{},]')
_STRING_END = re.compile(rb'["\\]')


class Record(msgspec.Struct, frozen=True):
    """`number` counts lines or entries from 1; `data` is None where it is too large."""

    number: int
    data: bytes | None


class Cutter(Protocol):
    def feed(self, chunk: bytes) -> Iterator[Record]: ...

    def end(self) -> Iterator[Record]:
        """What is left, once everything was fed."""
        ...


class Records:
    """A cutter that finds out by the beginning what there is to cut."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._head = b""
        self._cutter: Cutter | None = None

    def feed(self, chunk: bytes) -> Iterator[Record]:
        if self._cutter:
            yield from self._cutter.feed(chunk)
            return
        self._head = (self._head + chunk).removeprefix(BOM)
        if b"\n" in self._head.lstrip() or len(self._head) >= HEAD_BYTES:
            yield from self._begin().feed(self._head)

    def end(self) -> Iterator[Record]:
        if self._cutter is None:
            yield from self._begin().feed(self._head)
        assert self._cutter
        yield from self._cutter.end()

    def _begin(self) -> Cutter:
        self._cutter = (Entries if is_document(self._head) else Lines)(self._bytes_max)
        return self._cutter


def is_document(head: bytes) -> bool:
    """Whether it is one JSON document: a list, a list in an object, or one that is laid out."""
    begins = head.lstrip()
    first_line = begins.partition(b"\n")[0].strip()
    return begins.startswith(b"[") or first_line == b"{" or bool(_DOCUMENT.match(head))


class Lines:
    """Newline-delimited records; empty lines count, but are none."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._rest = bytearray()
        self._too_large = False
        self._number = 0

    def feed(self, chunk: bytes) -> Iterator[Record]:
        first, newline, rest = chunk.partition(b"\n")
        self._add(first)
        if newline:
            yield from self._close()
            *whole, last = rest.split(b"\n")
            for line in whole:
                self._add(line)
                yield from self._close()
            self._add(last)

    def end(self) -> Iterator[Record]:
        yield from self._close()

    def _add(self, data: bytes) -> None:
        self._rest += data
        if len(self._rest) > self._bytes_max:
            self._too_large = True
            self._rest.clear()

    def _close(self) -> Iterator[Record]:
        self._number += 1
        if self._too_large:
            yield Record(self._number, None)
        elif self._rest.strip():
            yield Record(self._number, bytes(self._rest))
        self._rest.clear()
        self._too_large = False


class Entries:
    """The entries of a list, or of the list in an object; an object without one is the entry.

    Follows strings and brackets only: whether an entry is good JSON shows when it is decoded. What
    comes after a document is another one.
    """

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._text = bytearray()
        self._at = 0  # up to here it was looked through
        self._start = 0  # of the entry, or of the document while no list was found
        self._string = 0  # where the last string began
        self._in_string = False
        self._name = b""
        self._depth = 0
        self._list_depth: int | None = None
        self._over = False  # the list is: what is left of the object tells nothing
        self._too_large = False
        self._number = 0
        self._found: list[Record] = []

    def feed(self, chunk: bytes) -> Iterator[Record]:
        self._text += chunk
        while self._go_on():
            pass
        self._trim()
        found, self._found = self._found, []
        yield from found

    def end(self) -> Iterator[Record]:
        """An entry that does not end is told as it is: the document broke off there."""
        if not self._over:
            self._take(len(self._text))
        yield from self._found

    def _go_on(self) -> bool:
        """To the next sign, if there is one yet."""
        sought = _STRING_END if self._in_string else _STRUCTURE
        found = sought.search(self._text, self._at)
        if not found:
            self._at = max(self._at, len(self._text))
            return False
        self._at = found.end()
        if self._in_string:
            self._end_string(found[0], found.start())
        else:
            self._meet(found[0], found.start())
        return True

    def _end_string(self, sign: bytes, at: int) -> None:
        if sign == b"\\":
            self._at += 1  # whatever is escaped, also where it has yet to come
            return
        self._in_string = False
        if self._depth == 1 and not self._over:
            self._name = bytes(self._text[self._string : at])

    def _meet(self, sign: bytes, at: int) -> None:
        if sign == b'"':
            self._in_string, self._string = True, at + 1
        elif sign in b"[{":
            self._open(sign, at)
        elif sign in b"]}":
            self._close(at)
        elif self._depth == self._list_depth and not self._over:
            self._take(at)

    def _open(self, sign: bytes, at: int) -> None:
        self._depth += 1
        is_outer = self._depth == 1 or (self._depth == 2 and self._name in LISTS)
        if sign == b"[" and self._list_depth is None and is_outer:
            self._list_depth, self._start, self._too_large = self._depth, at + 1, False

    def _close(self, at: int) -> None:
        self._depth -= 1
        if self._list_depth is None:
            if self._depth <= 0:
                self._take(at + 1)
        elif self._depth < self._list_depth and not self._over:
            self._over = True
            self._take(at)
        if self._depth <= 0:
            self._depth, self._list_depth, self._over = 0, None, False
            self._name, self._start = b"", at + 1

    def _take(self, end: int) -> None:
        data = bytes(self._text[self._start : end]).strip()
        self._start = end + 1
        too_large = self._too_large or len(data) > self._bytes_max
        self._too_large = False
        if data or too_large:
            self._number += 1
            self._found.append(Record(self._number, None if too_large else data))

    def _trim(self) -> None:
        """Lets go of what was taken, and of a record that has grown too large."""
        if not self._over and self._at - self._start > self._bytes_max:
            self._too_large, self._start = True, self._at
        gone = min(self._at if self._over else self._start, self._at, len(self._text))
        del self._text[:gone]
        self._at -= gone
        self._start = max(self._start - gone, 0)
        self._string = max(self._string - gone, 0)

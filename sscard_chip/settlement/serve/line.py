# SPDX-License-Identifier: Apache-2.0
"""The line of a till: HTTP as tills speak it, a POST of one plain message after the other.

A line reads requests of the usual form by itself, without a task, a thread or a parser's events for
each. Whatever is not of that form (another method, chunks, a gateway's cipher, a form of many
parts, what is no HTTP) goes to the server's own protocol with all that has come, and so does the
rest of that connection: a line decides nothing that the long way would decide otherwise.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from sscard_chip.settlement.serve.application import ALLOW, BODY_SECONDS, MOST_BODY, HeaderField

MOST_HEAD: Final = 1 << 12
"""Bytes of the head of a usual request."""
_END: Final = b"\r\n\r\n"
_FIELD: Final = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -~\x80-\xff]*\r\n"
_HEAD: Final = re.compile(rb"POST (/[!-$&->@-~]*) HTTP/1\.1\r\n((?:%s)+)\r\n" % _FIELD)
_LENGTH: Final = re.compile(rb"[0-9]{1,6}")
_NEVER: Final = frozenset(
    {b"transfer-encoding", b"expect", b"upgrade", b"content-encoding", b"trailer", b"te"}
)


def body_length(head: bytes, is_elsewhere: Callable[[str], bool]) -> int | None:
    """Bytes of the body behind a head of the usual form, None for another.

    ``is_elsewhere`` says which paths are not for messages.
    """
    found = _HEAD.fullmatch(head)
    if found is None or is_elsewhere(found[1].decode("ascii")):
        return None
    fields: dict[bytes, bytes] = {}
    lines = found[2].split(b"\r\n")[:-1]
    for line in lines:
        name, _, value = line.partition(b":")
        fields[name.lower()] = value.strip(b" \t")
    length = fields.get(b"content-length", b"")
    if (
        len(fields) != len(lines)  # one of them twice
        or b"host" not in fields
        or not _NEVER.isdisjoint(fields)
        or fields.get(b"connection", b"keep-alive").lower() != b"keep-alive"
        or fields.get(b"content-type", b"").lower().startswith(b"multipart/")
        or not _LENGTH.fullmatch(length)
        or int(length) > MOST_BODY
    ):
        return None
    return int(length)


class LineServer(Protocol):
    """What lines are served by, see :class:`~.counter.TillCounter`."""

    idle_seconds: float

    def length(self, head: bytes) -> int | None:
        """As :func:`body_length`."""

    def takes(self, body: bytes) -> bool:
        """Whether a body is a message as it stands, and there is room."""

    def ask(self, line: TillLine, body: bytes) -> None:
        """Have the line told the answer."""

    def hand_over(self, line: TillLine, data: bytes) -> None:
        """Let the server's own protocol have a connection and what has come on it."""

    def response(
        self, status: int, body: bytes, headers: Sequence[HeaderField], *, last: bool
    ) -> bytes:
        """A response as bytes; of the ``last`` one the connection is closed."""

    def add(self, line: TillLine) -> None:
        """A line begins."""

    def drop(self, line: TillLine) -> None:
        """It has ended, or is the server's now."""


class TillLine(asyncio.Protocol):
    """A connection, as long as what comes on it is usual."""

    def __init__(self, counter: LineServer, clock: Callable[[], float]) -> None:
        self.transport: Any = None
        self._counter = counter
        self._clock = clock
        self._come = bytearray()
        self._whole = 0
        """Bytes of the request that comes, where its head is known."""
        self._asked = False
        self._ends = False
        self._since = clock()

    # --- of asyncio ----------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self._counter.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._counter.drop(self)

    def data_received(self, data: bytes) -> None:
        if self._asked or self._come:
            self._come += data
            if self._asked:
                self.transport.pause_reading()  # it waits for its answer first
                return
            if len(self._come) < self._whole:
                return
            data = bytes(self._come)
            self._come.clear()
        else:
            self._since = self._clock()
        self._read(data)

    # --- of the server -------------------------------------------------------------------------

    def shutdown(self) -> None:
        """No request any more; the one that is under way is answered."""
        self._ends = True
        if not self._asked:
            self.transport.close()

    def look(self, now: float) -> None:
        """Break off who sends too slowly, or nothing."""
        waited = now - self._since
        if self._asked:
            return
        if self._come and waited > BODY_SECONDS:
            self._send(408, b"", [ALLOW], last=True)
        elif not self._come and waited > self._counter.idle_seconds:
            self.transport.close()

    # --- of the counter ------------------------------------------------------------------------

    def deliver(self, status: int, body: bytes, headers: Sequence[HeaderField] = ()) -> None:
        """The answer to what was asked."""
        self._asked = False
        self._since = self._clock()
        if self.transport.is_closing():
            return
        self._send(status, body, headers, last=self._ends)
        if self._come and not self._ends:
            data = bytes(self._come)
            self._come.clear()
            self.transport.resume_reading()
            self._read(data)

    # --- inside --------------------------------------------------------------------------------

    def _read(self, data: bytes) -> None:
        """Ask what has come, or keep what is no whole request yet."""
        counter = self._counter
        start = data.find(_END) + len(_END)
        if start < len(_END):
            if len(data) > MOST_HEAD:
                counter.hand_over(self, data)
                return
            self._keep(data, 0)
            return
        length = counter.length(data[:start])
        if length is None:
            counter.hand_over(self, data)
            return
        end = start + length
        if len(data) < end:
            self._keep(data, end)
            return
        body = data[start:end]
        if not counter.takes(body):
            counter.hand_over(self, data)
            return
        if len(data) > end:
            self._come += data[end:]
        self._whole = 0
        self._asked = True
        counter.ask(self, body)

    def _keep(self, data: bytes, whole: int) -> None:
        self._come += data
        self._whole = whole

    def _send(
        self, status: int, body: bytes, headers: Sequence[HeaderField], *, last: bool
    ) -> None:
        self.transport.write(self._counter.response(status, body, headers, last=last))
        if last:
            self.transport.close()

# SPDX-License-Identifier: Apache-2.0
"""Between the lines of tills and the centre: what has come meanwhile is answered as a group."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from typing import Any, Final

from sscard_chip.settlement.credential import serves_credentials
from sscard_chip.settlement.gateway import Gateway
from sscard_chip.settlement.platform.groups import GROUP
from sscard_chip.settlement.serve.application import CLOSE, JSON, TEXT, HeaderField, status_of
from sscard_chip.settlement.serve.line import MOST_HEAD, TillLine, body_length
from sscard_chip.settlement.serve.messages import MessageQueue, TooBusyError

_REMEMBERED: Final = 1024
"""Heads that are known: those of a till differ by the length of the body alone."""
_LOOK_SECONDS: Final = 1.0

_Asked = list[tuple[TillLine, bytes]]


class TillCounter:
    """Serves lines on one event loop; of uvicorn it needs what it counts, and another protocol."""

    def __init__(
        self,
        queue: MessageQueue,
        gateway: Gateway,
        *,
        has_credentials: bool,
        state: Any,
        idle_seconds: float,
        connections: int,
        other: Callable[[], asyncio.Protocol],
    ) -> None:
        """``other`` makes the protocol that has the connections whose requests are unusual.

        ``state`` is uvicorn's ``ServerState``.
        """
        self.idle_seconds = idle_seconds
        self._queue = queue
        self._gateway = gateway
        self._is_elsewhere = serves_credentials if has_credentials else _nowhere
        self._state = state
        self._most = connections
        self._other = other
        self._heads: dict[bytes, int] = {}
        self._waiting: deque[tuple[TillLine, bytes]] = deque()
        self._free = queue.lanes
        self._begins = False
        self._lines: set[TillLine] = set()
        self._loop = asyncio.get_running_loop()
        self._default: Any = None
        self._good = self._bad = b""

    def new_line(self) -> TillLine:
        """The protocol of a connection."""
        return TillLine(self, self._loop.time)

    # --- groups --------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Have groups done, as many as may be under way."""
        self._begins = False
        while self._free and self._waiting:
            group = [self._waiting.popleft() for _ in range(min(GROUP, len(self._waiting)))]
            try:
                done = self._queue.answer_group([body for _, body in group])
            except TooBusyError as error:
                for line, _ in group:
                    self._deliver(line, error)
                continue
            self._free -= 1
            done.add_done_callback(partial(self._later, self._end, group))

    def _end(self, group: _Asked, done: Future[list[bytes | Exception | None]]) -> None:
        """Let the next group begin, and give this one its answers."""
        self._free += 1
        self._begin()
        error = done.exception()
        found = [error] * len(group) if isinstance(error, Exception) else done.result()
        for (line, body), answer in zip(group, found, strict=True):
            if answer is None:
                self._ask_single(line, body)
            else:
                self._deliver(line, answer)

    def _ask_single(self, line: TillLine, body: bytes) -> None:
        try:
            done = self._queue.answer(body)
        except TooBusyError as error:
            self._deliver(line, error)
        else:
            done.add_done_callback(partial(self._later, self._end_single, line))

    def _end_single(self, line: TillLine, done: Future[bytes]) -> None:
        error = done.exception()
        self._deliver(line, error if isinstance(error, Exception) else done.result())

    def _later(self, then: Callable[..., None], *with_: Any) -> None:
        """Of another thread: have it done on the loop, unless that has ended."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(then, *with_)

    def _deliver(self, line: TillLine, answer: bytes | Exception) -> None:
        if isinstance(answer, bytes):
            line.deliver(200, answer)
        else:
            line.deliver(*status_of(answer))

    # --- of lines ------------------------------------------------------------------------------

    def length(self, head: bytes) -> int | None:
        """Bytes of the body behind a usual head; None for another."""
        found = self._heads.get(head)
        if found is None:
            found = body_length(head, self._is_elsewhere)
            if found is not None and len(head) <= MOST_HEAD:
                if len(self._heads) >= _REMEMBERED:
                    self._heads.clear()
                self._heads[head] = found
        return found

    def takes(self, body: bytes) -> bool:
        """Whether a body passes the gateway untouched, and there are not too many connections."""
        return len(self._state.connections) < self._most and self._gateway.is_plain(b"", body)

    def ask(self, line: TillLine, body: bytes) -> None:
        """Have a line told the answer of the centre."""
        self._state.total_requests += 1
        self._waiting.append((line, body))
        if self._free and not self._begins:
            self._begins = True  # when all have been read that have something to read now
            self._loop.call_soon(self._begin)

    def hand_over(self, line: TillLine, data: bytes) -> None:
        """Let uvicorn's protocol have a connection, from this request on."""
        self.drop(line)
        other: Any = self._other()
        line.transport.set_protocol(other)
        other.connection_made(line.transport)
        other.data_received(data)

    def response(
        self, status: int, body: bytes, headers: Sequence[HeaderField], *, last: bool
    ) -> bytes:
        """A response with the headers that uvicorn gives all of its own."""
        if self._default is not self._state.default_headers:  # a second later
            self._default = self._state.default_headers
            fixed = b"".join(b"%s: %s\r\n" % pair for pair in self._default)
            self._good = b"HTTP/1.1 200 OK\r\n%s%s: %s\r\ncontent-length: " % (fixed, *JSON)
            self._bad = b"%s%s: %s\r\ncontent-length: " % (fixed, *TEXT)
        if status == 200 and not last:
            return b"%s%d\r\n\r\n%s" % (self._good, len(body), body)
        head = self._good
        if status != 200:
            phrase = HTTPStatus(status).phrase.encode()
            head = b"HTTP/1.1 %d %s\r\n%s" % (status, phrase, self._bad)
        if last:
            headers = [*headers, CLOSE]
        more = b"".join(b"\r\n%s: %s" % pair for pair in headers)
        return b"%s%d%s\r\n\r\n%s" % (head, len(body), more, body)

    def add(self, line: TillLine) -> None:
        """A line begins."""
        self._state.connections.add(line)
        if not self._lines:
            self._loop.call_later(_LOOK_SECONDS, self._look)
        self._lines.add(line)

    def drop(self, line: TillLine) -> None:
        """A line has ended, or is uvicorn's now."""
        self._state.connections.discard(line)
        self._lines.discard(line)

    def _look(self) -> None:
        now = self._loop.time()
        for line in list(self._lines):
            line.look(now)
        if self._lines:
            self._loop.call_later(_LOOK_SECONDS, self._look)


def _nowhere(_: str) -> bool:
    return False

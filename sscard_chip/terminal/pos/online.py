# SPDX-License-Identifier: Apache-2.0
"""A centre behind an address: the messages of the national interface over HTTP or HTTPS.

::

    centre = HttpCentre("https://centre.example:8097")
    till = Till.open(..., authoriser=PlatformAuthoriser(centre))

A message may be sent twice, since a centre answers a known msgid as it did before.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from socket import socket
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import SplitResult, urlsplit

from sscard_chip.closing import Closing
from sscard_chip.dayfile.authoriser import (
    CentreNoAnswerError,
    CentreRefusedError,
    CentreUnreachableError,
)
from sscard_chip.dayfile.envelope import compact
from sscard_chip.standard.errors import InputError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

SECONDS: Final = 15.0
"""How long a till waits for an answer."""

_MOST_ANSWER: Final = 1 << 20
_NOT_NOW: Final = 503
"""The centre has done nothing: it is too busy, or ends."""
_PIECE: Final = 1 << 16
_END: Final = b"\r\n\r\n"
_USUAL_HEAD: Final = re.compile(
    rb"HTTP/1\.1 200 [ -~]*\r\n"
    rb"((?:(?!transfer-encoding|content-length|content-encoding|connection)[!-9;-~]+:[ -~]*\r\n)*)"
    rb"content-length: ?([0-9]{1,7})\r\n"
    rb"((?:(?!transfer-encoding|content-length|content-encoding|connection)[!-9;-~]+:[ -~]*\r\n)*)"
    rb"\r\n",
    re.IGNORECASE,
)
"""The head of an answer whose length is said, on a connection that stays open."""


class CentreUrlError(InputError):
    """An address of a centre that is none."""


class HttpCentre(Closing):
    """Sends messages to one address, over one connection that is kept. One thread's."""

    def __init__(self, url: str, *, seconds: float = SECONDS) -> None:
        """``seconds`` is how long a connection and an answer may take.

        :raises CentreUrlError: it is no ``http://HOST[:PORT][/PATH]`` and no ``https://…``; a user
            or a password in it is refused, since addresses are shown.
        """
        self._address = _parse(url)
        self._seconds = seconds
        self._connection: HTTPConnection | None = None
        target = self._address.path or "/"
        host = self._address.netloc
        self._head = (
            f"POST {target} HTTP/1.1\r\nHost: {host}\r\nAccept-Encoding: identity\r\n"
            "Content-Type: application/json; charset=utf-8\r\nContent-Length: "
        ).encode("ascii")

    def __call__(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """The response to a request.

        :raises CentreUnreachableError: it was not reached, or has refused to begin.
        :raises CentreNoAnswerError: it was asked, and no answer came that can be read.
        :raises CentreRefusedError: it does not take such a request.
        """
        body = compact(request).encode()
        sent = False
        if self._connection is not None:
            try:
                return self._ask(self._connection, body)
            except (OSError, HTTPException):  # it was closed since the last message, perhaps
                self.close()
                sent = True
        connection = self._connect(sent)
        try:
            return self._ask(connection, body)
        except (OSError, HTTPException):
            self.close()
            raise CentreNoAnswerError("the centre was asked and did not answer") from None

    def close(self) -> None:
        """Close the connection; the next message opens another."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _connect(self, sent: bool) -> HTTPConnection:
        address = self._address
        kind = HTTPSConnection if address.scheme == "https" else HTTPConnection
        connection = kind(str(address.hostname), address.port, timeout=self._seconds)
        try:
            connection.connect()
        except OSError:
            error = CentreNoAnswerError if sent else CentreUnreachableError
            raise error("the centre cannot be reached") from None
        self._connection = connection
        return connection

    def _ask(self, connection: HTTPConnection, body: bytes) -> Mapping[str, Any]:
        """The response on a connection.

        Raises OSError and HTTPException: it broke, or what came is no HTTP.
        """
        line: socket = connection.sock
        line.sendall(b"%s%d\r\n\r\n%s" % (self._head, len(body), body))
        begun = line.recv(_PIECE)
        start = begun.find(_END) + len(_END)
        head = _USUAL_HEAD.fullmatch(begun, 0, start) if start >= len(_END) else None
        if head is None:
            return self._answer_of_any_form(_Begun(begun, line))
        length = int(head[2])
        if length > _MOST_ANSWER:
            self.close()
            raise CentreNoAnswerError("the answer cannot be read")
        parts, missing = [begun[start:]], start + length - len(begun)
        while missing > 0:
            more = line.recv(min(missing, _PIECE))
            if not more:
                raise ConnectionError
            parts.append(more)
            missing -= len(more)
        if missing < 0:  # more than an answer: what comes next on this line is of nobody
            self.close()
            parts[0] = parts[0][:length]
        return _answer(200, b"".join(parts))

    def _answer_of_any_form(self, begun: _Begun) -> Mapping[str, Any]:
        """Of servers that write other heads, or in chunks, or close: by the standard library."""
        response = HTTPResponse(begun, method="POST")  # type: ignore[arg-type]
        response.begin()
        content = response.read(_MOST_ANSWER + 1)
        if response.will_close or len(content) > _MOST_ANSWER or not response.isclosed():
            self.close()
        return _answer(response.status, content)


class _Begun(io.RawIOBase):
    """A connection of which the beginning has been read: what ``HTTPResponse`` makes a file of."""

    def __init__(self, begun: bytes, line: socket) -> None:
        self._begun = begun
        self._line = line

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Bytes into a buffer, how many; raises OSError."""
        if not self._begun:
            return self._line.recv_into(buffer)
        view = memoryview(buffer)
        part = self._begun[: len(view)]
        view[: len(part)] = part
        self._begun = self._begun[len(part) :]
        return len(part)


def _answer(status: int, content: bytes) -> Mapping[str, Any]:
    if status == _NOT_NOW:
        raise CentreUnreachableError("the centre takes no message now")
    if 400 <= status < 500:
        raise CentreRefusedError(f"the centre does not take this request (HTTP {status})")
    answer = None
    if status == 200 and len(content) <= _MOST_ANSWER:
        try:
            answer = json.loads(content)
        except (ValueError, RecursionError):
            answer = None
    if not isinstance(answer, Mapping):
        raise CentreNoAnswerError("the answer cannot be read")
    return answer


def _parse(url: str) -> SplitResult:
    try:
        address = urlsplit(url)
        good = (
            address.scheme in ("http", "https")
            and address.hostname
            and (address.port is None or address.port > 0)
            and address.username is None
            and not (address.query or address.fragment)
            and url.isascii()
            and url.isprintable()
            and " " not in url
        )
    except ValueError:
        good = False
    if not good:
        raise CentreUrlError("centre: must be http://HOST[:PORT][/PATH] or https://…")
    return address

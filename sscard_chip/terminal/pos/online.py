# SPDX-License-Identifier: Apache-2.0
"""A centre behind an address: the messages of the national interface over HTTP or HTTPS.

::

    centre = HttpCentre("https://centre.example:8097")
    till = Till.open(..., authoriser=PlatformAuthoriser(centre))

A message may be sent twice, since a centre answers a known msgid as it did before.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from sscard_chip.closing import Closing
from sscard_chip.dayfile.authoriser import (
    CentreNoAnswerError,
    CentreRefusedError,
    CentreUnreachableError,
)
from sscard_chip.dayfile.envelope import compact
from sscard_chip.standard.errors import InputError

SECONDS: Final = 15.0
"""How long a till waits for an answer."""

_MOST_ANSWER: Final = 1 << 20
_NOT_NOW: Final = 503
"""The centre has done nothing: it is too busy, or ends."""
_HEADERS: Final = {"Content-Type": "application/json; charset=utf-8"}


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
        connection.request("POST", self._address.path or "/", body, _HEADERS)
        response = connection.getresponse()
        content = response.read(_MOST_ANSWER + 1)
        if response.will_close or len(content) > _MOST_ANSWER:
            self.close()
        return _answer(response, content)


def _answer(response: HTTPResponse, content: bytes) -> Mapping[str, Any]:
    if response.status == _NOT_NOW:
        raise CentreUnreachableError("the centre takes no message now")
    if 400 <= response.status < 500:
        raise CentreRefusedError(f"the centre does not take this request (HTTP {response.status})")
    answer = None
    if response.status == 200 and len(content) <= _MOST_ANSWER:
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

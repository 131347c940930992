# SPDX-License-Identifier: Apache-2.0
"""The ASGI application: a POST is a message, bounded in size and time.

``GET /openapi.json`` is the interface as a document; nothing else is served.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from sscard_chip.settlement.credential import CredentialService, serves_credentials
from sscard_chip.settlement.gateway import AnsweredError, Gateway, GatewayRequest, HttpAnswer
from sscard_chip.settlement.gateway.uploads import MOST_UPLOAD
from sscard_chip.settlement.ledger import LedgerConflictError, LedgerUnavailableError
from sscard_chip.settlement.platform.openapi import openapi_json
from sscard_chip.settlement.serve.messages import MessageQueue, TooBusyError
from sscard_chip.standard.errors import KeyStoreError

MOST_BODY: Final = 1 << 18
"""Bytes of a request: 40,000 characters of input in UTF-8, and its envelope."""
OPENAPI_PATH: Final = "/openapi.json"
HANG_UP: Final = "sscard.hang_up"
"""An extension of the scope: a function that breaks the line."""
BODY_SECONDS: Final = 10.0
"""How long a client may take to send them."""

AsgiScope = MutableMapping[str, Any]
AsgiReceive = Callable[[], Awaitable[MutableMapping[str, Any]]]
AsgiSend = Callable[[MutableMapping[str, Any]], Awaitable[None]]

HeaderField = tuple[bytes, bytes]
ALLOW: Final = (b"allow", b"POST")
CLOSE: Final = (b"connection", b"close")
RETRY: Final = (b"retry-after", b"1")

_LOG: Final = logging.getLogger("sscard.serve")
JSON: Final = (b"content-type", b"application/json; charset=utf-8")
TEXT: Final = (b"content-type", b"text/plain; charset=utf-8")


class _RefusedError(Exception):
    """A request that is no message: the HTTP status that says so."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def status_of(error: Exception) -> tuple[int, bytes, list[HeaderField]]:
    """What HTTP says of a message without an answer: status, body, headers."""
    if isinstance(error, TooBusyError | LedgerConflictError | KeyStoreError):
        return 503, b"", [RETRY]
    if isinstance(error, LedgerUnavailableError):
        _LOG.error("%s", error)
        return 500 if error.begun else 503, b"", []
    _LOG.error("a message has no answer: %s", type(error).__name__)
    return 500, b"", []


class CentreApplication:
    """An ASGI application over a :class:`MessageQueue`.

    | status | says |
    |---|---|
    | 200 | the answer of the centre, a success or a failure; 9102: the file |
    | 401 | the log-in of the gateway refuses it |
    | 400, 405, 408, 411, 413 | no message: broken off, no POST, too slow, too large |
    | 503 | not begun: too busy, or the database cannot be reached. It may be sent again |
    | 500 | begun, and there is no answer: what was done is not known until it is sent again |
    """

    def __init__(
        self,
        queue: MessageQueue,
        gateway: Gateway | None = None,
        credentials: CredentialService | None = None,
    ) -> None:
        """``gateway`` asks for a log-in and opens bodies; without one there is none to ask for.

        ``credentials`` serves the paths of the electronic credential, which have no log-in.
        """
        self._counter = queue
        self._gateway = gateway or Gateway()
        self._credentials = credentials

    async def __call__(self, scope: AsgiScope, receive: AsgiReceive, send: AsgiSend) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        try:
            if scope["method"] == "GET" and scope["path"] == OPENAPI_PATH:
                await _send(send, 200, await asyncio.to_thread(openapi_json), [])
                return
            if scope["method"] != "POST":
                raise _RefusedError(405)
            kind = _header(scope, b"content-type")
            multipart = kind.lower().startswith(b"multipart/")
            body = await _read(scope, receive, MOST_UPLOAD if multipart else MOST_BODY)
            if self._credentials is not None and serves_credentials(scope["path"]):
                answer = await asyncio.to_thread(self._credentials.answer, scope["path"], body)
                await _send(send, 200, answer, [])
                return
            if not self._gateway.is_plain(kind.lower(), body):
                await self._by_gateway(scope, receive, send, body)
                return
            answer = await asyncio.wrap_future(self._counter.answer(body))
        except _RefusedError as refused:
            await _send(send, refused.status, b"", [ALLOW, CLOSE])
        except Exception as error:  # one message ends, the centre does not
            await _send(send, *status_of(error))
        else:
            await _send(send, 200, answer, [])

    async def _by_gateway(
        self, scope: AsgiScope, receive: AsgiReceive, send: AsgiSend, body: bytes
    ) -> None:
        """The same for what the gateway has to look at; here faults happen that were ordered."""
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        request = GatewayRequest(scope["path"], headers, body)
        try:
            opened = await asyncio.to_thread(self._gateway.open, request)
        except AnsweredError as answered:
            await _send_answer(send, answered.answer)
            return
        done = await asyncio.wrap_future(self._counter.answer(opened.body))
        kind = opened.fault.kind if opened.fault else ""
        if kind == "twice":
            done = await asyncio.wrap_future(self._counter.answer(opened.body))
        answer = await asyncio.to_thread(opened.close, done)
        if opened.fault is not None and kind == "delay":
            await asyncio.sleep(opened.fault.seconds)
        if kind == "no-answer":
            await _hang_up(scope, receive)
        elif kind == "cut":
            half = answer.body[: len(answer.body) // 2]
            await _send_answer(send, HttpAnswer(200, half, answer.content_type))
        else:
            await _send_answer(send, answer)


def _header(scope: AsgiScope, name: bytes) -> bytes:
    return next((value for one, value in scope["headers"] if one == name), b"")


async def _hang_up(scope: AsgiScope, receive: AsgiReceive) -> None:
    """Break the line where the server can, else keep it until the program gives up."""
    hang_up = scope.get("extensions", {}).get(HANG_UP)
    if hang_up is not None:
        hang_up()
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send_answer(send: AsgiSend, answer: HttpAnswer) -> None:
    headers = [
        (b"content-type", answer.content_type.encode()),
        (b"content-length", b"%d" % len(answer.body)),
        *((name.encode(), value.encode("latin-1")) for name, value in answer.headers.items()),
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


async def _read(scope: AsgiScope, receive: AsgiReceive, most: int) -> bytes:
    declared = _header(scope, b"content-length")
    if declared.isdigit() and int(declared) > most:
        raise _RefusedError(413)
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                event = await receive()
                if event["type"] != "http.request":
                    raise _RefusedError(400)
                size += len(event.get("body", b""))
                if size > most:
                    raise _RefusedError(413)
                parts.append(event.get("body", b""))
                if not event.get("more_body", False):
                    return b"".join(parts)
    except TimeoutError:
        raise _RefusedError(408) from None


async def _send(send: AsgiSend, status: int, body: bytes, headers: list[HeaderField]) -> None:
    size = (b"content-length", b"%d" % len(body))
    kind = JSON if status == 200 else TEXT
    await send({"type": "http.response.start", "status": status, "headers": [kind, size, *headers]})
    await send({"type": "http.response.body", "body": body})

# SPDX-License-Identifier: Apache-2.0
"""The ASGI application: a POST is a message, bounded in size and time; nothing else is served."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from sscard_chip.settlement.ledger import LedgerConflictError, LedgerUnavailableError
from sscard_chip.settlement.serve.messages import MessageQueue, TooBusyError
from sscard_chip.standard.errors import KeyStoreError

MOST_BODY: Final = 1 << 18
"""Bytes of a request: 40,000 characters of input in UTF-8, and its envelope."""
BODY_SECONDS: Final = 10.0
"""How long a client may take to send them."""

AsgiScope = MutableMapping[str, Any]
AsgiReceive = Callable[[], Awaitable[MutableMapping[str, Any]]]
AsgiSend = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_LOG: Final = logging.getLogger("sscard.serve")
_JSON: Final = (b"content-type", b"application/json; charset=utf-8")
_TEXT: Final = (b"content-type", b"text/plain; charset=utf-8")


class _RefusedError(Exception):
    """A request that is no message: the HTTP status that says so."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class CentreApplication:
    """An ASGI application over a :class:`MessageQueue`.

    | status | says |
    |---|---|
    | 200 | the answer of the centre, a success or a failure |
    | 400, 405, 408, 411, 413 | no message: broken off, no POST, too slow, too large |
    | 503 | not begun: too busy, or the database cannot be reached. It may be sent again |
    | 500 | begun, and there is no answer: what was done is not known until it is sent again |
    """

    def __init__(self, queue: MessageQueue) -> None:
        self._counter = queue

    async def __call__(self, scope: AsgiScope, receive: AsgiReceive, send: AsgiSend) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        try:
            if scope["method"] != "POST":
                raise _RefusedError(405)
            body = await _read(scope, receive)
            answer = await asyncio.wrap_future(self._counter.answer(body))
        except _RefusedError as refused:
            await _send(send, refused.status, b"", [(b"allow", b"POST"), (b"connection", b"close")])
        except (TooBusyError, LedgerConflictError, KeyStoreError):
            await _send(send, 503, b"", [(b"retry-after", b"1")])
        except LedgerUnavailableError as error:
            _LOG.error("%s", error)
            await _send(send, 500 if error.begun else 503, b"", [])
        except Exception as error:  # one message ends, the centre does not
            _LOG.error("a message has no answer: %s", type(error).__name__)
            await _send(send, 500, b"", [])
        else:
            await _send(send, 200, answer, [])


async def _read(scope: AsgiScope, receive: AsgiReceive) -> bytes:
    declared = [value for name, value in scope["headers"] if name == b"content-length"]
    if declared and declared[0].isdigit() and int(declared[0]) > MOST_BODY:
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
                if size > MOST_BODY:
                    raise _RefusedError(413)
                parts.append(event.get("body", b""))
                if not event.get("more_body", False):
                    return b"".join(parts)
    except TimeoutError:
        raise _RefusedError(408) from None


async def _send(
    send: AsgiSend, status: int, body: bytes, headers: list[tuple[bytes, bytes]]
) -> None:
    size = (b"content-length", b"%d" % len(body))
    kind = _JSON if status == 200 else _TEXT
    await send({"type": "http.response.start", "status": status, "headers": [kind, size, *headers]})
    await send({"type": "http.response.body", "body": body})

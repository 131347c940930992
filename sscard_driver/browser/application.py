# SPDX-License-Identifier: Apache-2.0
"""The bridge as an ASGI application: who asks, which dialect, how much, one answer each."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl

from sscard_chip.faults import describe_fault
from sscard_driver.browser import control
from sscard_driver.browser.dialects import DIALECTS, SOCKETS, Caller, PageAnswer, PageRequest
from sscard_driver.browser.dialects.common import write_json
from sscard_driver.browser.guard import Guard, NotAllowedError, check_host, cors
from sscard_driver.browser.hands import TesterHands
from sscard_driver.terminal import SharedTerminal

_LOG: Final = logging.getLogger(__name__)

MOST_PAGES: Final = 64
"""WebSockets at a time, and as many requests over HTTP."""
MESSAGE_LIMIT: Final = 1 << 20
"""Bytes of a message or body."""
PATIENCE_S: Final = 30.0
"""Seconds in which a body that was begun must be there."""
_QUERY_LIMIT: Final = 16

_SAFE: Final = (
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
)
_PAGE_POLICY: Final = (
    (
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("Referrer-Policy", "no-referrer"),
)

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
AsgiReply = Callable[[dict[str, Any]], Awaitable[None]]
_ResultT = TypeVar("_ResultT")


class _TooLongError(Exception):
    """A body that is longer than the limit."""


class BridgeApplication:
    """Answers pages with the terminal's cards, and the tester with its hands.

    ``origins`` are those of the pages; none: pages of localhost. ``centre`` is the URL of the
    insurance platform.
    """

    def __init__(
        self,
        terminal: SharedTerminal,
        hands: TesterHands,
        token: bytes,
        *,
        origins: Sequence[str] = (),
        centre: str = "",
    ) -> None:
        self._terminal, self._hands, self._token = terminal, hands, token
        self._guard = Guard(origins)
        self._centre = centre
        # Over HTTP a request does not say who began a step: they are one program.
        self._http = self._caller()
        self._pages = self._requests = 0
        self._threads = ThreadPoolExecutor(2 * MOST_PAGES, thread_name_prefix="bridge")

    async def __call__(self, scope: Scope, receive: Receive, send: AsgiReply) -> None:
        """An HTTP request or a WebSocket."""
        if scope["type"] == "websocket":
            await self._serve_socket(scope, receive, send)
        elif scope["type"] == "http":
            await self._serve_request(scope, receive, send)

    def close(self) -> None:
        """No calls any more; those under way end."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _caller(self) -> Caller:
        return Caller(self._terminal, self._hands.note, self._centre)

    async def _in_thread(self, run: Callable[..., _ResultT], *arguments: Any) -> _ResultT:
        return await asyncio.get_running_loop().run_in_executor(self._threads, run, *arguments)

    # --- WebSocket -------------------------------------------------------------------------------

    async def _serve_socket(self, scope: Scope, receive: Receive, send: AsgiReply) -> None:
        await receive()
        try:
            self._guard.admit(scope["headers"])
        except NotAllowedError as error:
            _LOG.warning("bridge: a page was refused: %s", error)
            await send({"type": "websocket.close", "code": 1008})
            return
        if self._pages >= MOST_PAGES:
            await send({"type": "websocket.close", "code": 1013})
            return
        dialect = next(one for one in SOCKETS if _fits(one.path, scope["path"]))
        self._pages += 1
        caller = await self._in_thread(self._caller)
        try:
            await send({"type": "websocket.accept"})
            while (event := await receive())["type"] == "websocket.receive":
                text = _text(event)
                try:
                    answer = await self._in_thread(dialect.answer, caller, text)
                except Exception as error:
                    _LOG.error("bridge: %s", describe_fault(error))
                    await send({"type": "websocket.close", "code": 1011})
                    return
                await send({"type": "websocket.send", "text": answer})
        except OSError:
            pass  # the page has gone
        finally:
            self._pages -= 1
            caller.end()

    # --- HTTP ------------------------------------------------------------------------------------

    async def _serve_request(self, scope: Scope, receive: Receive, send: AsgiReply) -> None:
        headers: list[tuple[str, str]] = []
        try:
            if self._requests >= MOST_PAGES:
                answer = _refuse(503, "too many requests at a time")
            else:
                self._requests += 1
                try:
                    answer, headers = await self._answer(scope, receive)
                finally:
                    self._requests -= 1
        except NotAllowedError as error:
            answer = _refuse(403, str(error))
        except _TooLongError:
            answer = _refuse(413, f"the body is longer than {MESSAGE_LIMIT} bytes")
        except TimeoutError:
            answer = _refuse(408, "the body did not arrive")
        except OSError:
            return  # the page has gone
        except Exception as error:
            _LOG.error("bridge: %s", describe_fault(error))
            answer = _refuse(500, "internal error")
        await _send(send, answer, headers, last=answer.status in (408, 413, 503))

    async def _answer(
        self, scope: Scope, receive: Receive
    ) -> tuple[PageAnswer, list[tuple[str, str]]]:
        path, method, headers = scope["path"], scope["method"], scope["headers"]
        if path.startswith(control.PREFIX):
            control.check(headers, self._token)
            request = PageRequest(path, {}, await _body(receive))
            return await self._in_thread(control.control, self._hands, method, request), []
        page = control.page_of(path) if method == "GET" else None
        if page is not None:
            check_host(headers)
            return page, list(_PAGE_POLICY)
        origin = self._guard.admit(headers)
        allowed = cors(origin, headers, preflight=method == "OPTIONS")
        if method == "OPTIONS":
            return PageAnswer(b"", status=204), allowed
        rows = [one for one in DIALECTS if _fits(one.path, path)]
        row = next((one for one in rows if method in one.methods), None)
        if row is None:
            text = "there is no such request" if not rows else "the method must be POST"
            return _refuse(405 if rows else 404, text), allowed
        request = PageRequest(path, _query(scope["query_string"]), await _body(receive))
        return await self._in_thread(row.answer, self._http, request), allowed


def _fits(pattern: re.Pattern[str], path: str) -> bool:
    return pattern.fullmatch(path) is not None


def _text(event: Mapping[str, Any]) -> str:
    text = event.get("text")
    if isinstance(text, str):
        return text
    return bytes(event.get("bytes") or b"").decode("utf-8", "replace")


def _query(text: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(text.decode("ascii", "replace"), max_num_fields=_QUERY_LIMIT)
    except ValueError:
        return {}
    return dict(reversed(pairs))


async def _body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    length = 0
    async with asyncio.timeout(PATIENCE_S):
        while True:
            event = await receive()
            if event["type"] != "http.request":
                raise ConnectionResetError
            parts.append(event.get("body", b""))
            length += len(parts[-1])
            if length > MESSAGE_LIMIT:
                raise _TooLongError
            if not event.get("more_body"):
                return b"".join(parts)


def _refuse(status: int, text: str) -> PageAnswer:
    return PageAnswer(write_json({"error": text}).encode(), status=status)


async def _send(
    send: AsgiReply, answer: PageAnswer, headers: Sequence[tuple[str, str]], *, last: bool = False
) -> None:
    all_headers = [*_SAFE, *headers, ("Content-Length", str(len(answer.content)))]
    if answer.content:
        all_headers.append(("Content-Type", answer.kind))
    if last:
        all_headers.append(("Connection", "close"))
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in all_headers]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    await send({"type": "http.response.body", "body": answer.content})

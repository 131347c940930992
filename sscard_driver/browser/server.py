# SPDX-License-Identifier: Apache-2.0
"""Serving a bridge on ports of this machine until a signal says to end (extra ``bridge``)."""

from __future__ import annotations

import secrets
import signal
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Final

from sscard_chip.listening import listen_tcp
from sscard_chip.standard.errors import importing
from sscard_driver.browser.application import MESSAGE_LIMIT, MOST_PAGES, BridgeApplication
from sscard_driver.browser.guard import BridgeError, loopback
from sscard_driver.browser.hands import TesterHands
from sscard_driver.terminal import SharedTerminal

CONNECTIONS: Final = 4 * MOST_PAGES
"""Connections at a time; further ones are closed."""
HEAD_PATIENCE_S: Final = 30.0
"""Seconds in which a first request must be there."""
_PING_S: Final = 20
_LAST_SECONDS: Final = 5
_UTF8: Final = "SSCARD_DRIVER_ENCODING"


class BrowserBridge:
    """A bridge on one or several loopback addresses, every one with all dialects.

    ``cards`` are images; without, ``environment`` names card or reader as for the libraries.
    ``token`` is for the tester; without, it is random.

    :raises BridgeError: an address that is not of this machine or cannot be had.
    :raises SscardError: a card that cannot be opened.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        cards: Sequence[Path] = (),
        *,
        listen: Sequence[str] = ("127.0.0.1:12342",),
        origins: Sequence[str] = (),
        centre: str = "",
        token: bytes = b"",
    ) -> None:
        with ExitStack() as stack:
            self._sockets = [stack.enter_context(_listen(*loopback(one))) for one in listen]
            hands = stack.enter_context(TesterHands(cards))
            terminal = SharedTerminal({**environment, _UTF8: "utf-8"}, hardware=hands.hardware)
            stack.callback(terminal.close)
            self.token = token or secrets.token_urlsafe(24).encode()
            application = BridgeApplication(
                terminal, hands, self.token, origins=origins, centre=centre
            )
            self._server = _server(application, hands.give_up)
            self._application = application
            self._open = stack.pop_all()

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Host and port of each."""
        return [one.getsockname()[:2] for one in self._sockets]

    @property
    def control_page(self) -> str:
        """URL of the tester's page, the token behind ``#``: it is not sent."""
        host, port = self.addresses[0]
        host = f"[{host}]" if ":" in host else host
        return f"http://{host}:{port}/#{self.token.decode()}"

    def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Serve until SIGINT, SIGTERM or :meth:`stop`; ``ready`` is called when that is heard."""
        main = threading.current_thread() is threading.main_thread()
        before = {
            one: signal.signal(one, lambda *_: self.stop())
            for one in (signal.SIGINT, signal.SIGTERM)
            if main
        }
        try:
            ready()
            self._server.run(self._sockets)
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)
            with self._open:
                self._application.close()

    def stop(self) -> None:
        """End :meth:`run`, from another thread or a signal handler."""
        self._server.should_exit = True


def _listen(host: str, port: int) -> socket.socket:
    try:
        return listen_tcp(host, port, CONNECTIONS)
    except OSError as error:
        raise BridgeError(f"{host}:{port}: {error.strerror or 'cannot be had'}") from None


def _server(application: BridgeApplication, ending: Callable[[], None]) -> Any:
    with importing("bridge", "bridge"):
        import uvicorn
        import websockets  # noqa: F401  (uvicorn imports it late)
        from uvicorn.protocols.http.h11_impl import H11Protocol

    class BoundedProtocol(H11Protocol):
        """Some connections, and none that says nothing."""

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            if len(self.connections) > CONNECTIONS:
                transport.abort()
                return
            self._patience = self.loop.call_later(HEAD_PATIENCE_S, self._give_up)

        def _give_up(self) -> None:
            if self.cycle is None and self.transport.get_protocol() is self:
                self.transport.abort()

        def connection_lost(self, exc: Exception | None) -> None:
            with suppress(AttributeError):
                self._patience.cancel()
            super().connection_lost(exc)

    class EndingServer(uvicorn.Server):
        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            ending()
            await super().shutdown(sockets)

    config = uvicorn.Config(
        application,
        http=BoundedProtocol,
        ws="websockets-sansio",
        ws_max_size=MESSAGE_LIMIT,
        ws_ping_interval=_PING_S,
        ws_ping_timeout=_PING_S,
        ws_per_message_deflate=False,
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=_LAST_SECONDS,
    )
    return EndingServer(config)

# SPDX-License-Identifier: Apache-2.0
"""Serving over HTTP or HTTPS until a signal says to end (uvicorn, extra ``serve``)."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from threading import current_thread, main_thread
from typing import Any, Final

from sscard_chip.listening import listen_tcp
from sscard_chip.settlement.credential import CredentialService
from sscard_chip.settlement.gateway import Gateway
from sscard_chip.settlement.serve.application import HANG_UP, CentreApplication
from sscard_chip.settlement.serve.counter import TillCounter
from sscard_chip.settlement.serve.messages import MessageQueue
from sscard_chip.standard.errors import importing

CONNECTIONS: Final = 1024
"""Connections at once; whoever comes then gets 503."""
_LAST_SECONDS: Final = 10
_IDLE_SECONDS: Final = 75


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Certificate chain and private key, PEM."""

    certificate: str | os.PathLike[str]
    key: str | os.PathLike[str]


def serve(
    queue: MessageQueue,
    host: str,
    port: int,
    *,
    tls: TlsFiles | None = None,
    gateway: Gateway | None = None,
    credentials: CredentialService | None = None,
    ready: Callable[[str, int], None] = lambda _host, _port: None,
) -> None:
    """Serve until SIGINT or SIGTERM: no new message then, and those under way are answered.

    ``gateway`` stands before the centre: log-in, ciphers, faults. ``credentials`` serves the
    paths of the electronic credential. ``port`` 0 takes a free one.
    ``ready`` is called with what is listened to.

    :raises OSError: the address cannot be listened to.
    :raises ExtraMissingError: the extra ``serve`` is not installed.
    """
    gateway = gateway or Gateway()
    serve_application(
        CentreApplication(queue, gateway, credentials), host, port, tls=tls, ready=ready,
        protocol=_protocol(queue, gateway, has_credentials=credentials is not None),
    )  # fmt: skip


def serve_application(
    application: Any,
    host: str,
    port: int,
    *,
    tls: TlsFiles | None = None,
    ready: Callable[[str, int], None] = lambda _host, _port: None,
    extra: str = "serve",
    protocol: Any = "h11",
) -> None:
    """Serve any ASGI application in the same way; ``extra`` is named where uvicorn is missing.

    ``protocol`` is uvicorn's, or makes one of its arguments; h11 bounds the head of a request.

    :raises OSError: the address cannot be listened to.
    :raises ExtraMissingError: the extra is not installed.
    """
    with importing(extra, "serve"):
        import uvicorn
    options: dict[str, Any] = {}
    if tls is not None:
        options = {"ssl_certfile": os.fspath(tls.certificate), "ssl_keyfile": os.fspath(tls.key)}
    config = uvicorn.Config(
        application,
        http=protocol,
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        limit_concurrency=CONNECTIONS,
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=_LAST_SECONDS,
        **options,
    )
    with listen_tcp(host, port, CONNECTIONS) as listening:
        bound_host, bound_port = listening.getsockname()[:2]
        server = uvicorn.Server(config)
        ready(str(bound_host), int(bound_port))
        with _signals_end_it():
            server.run([listening])


def _protocol(queue: MessageQueue, gateway: Gateway, *, has_credentials: bool) -> Any:
    """Lines of tills; where faults are ordered, h11 whose scope can break the line."""
    with importing("serve", "serve"):
        from uvicorn.protocols.http.h11_impl import H11Protocol

    class LineProtocol(H11Protocol):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            inner = self.app

            async def app(scope: Any, receive: Any, send: Any) -> None:
                scope.setdefault("extensions", {})[HANG_UP] = transport.abort
                await inner(scope, receive, send)

            self.app = app

    if gateway.has_faults:
        return LineProtocol
    counters: list[TillCounter] = []

    def line(**arguments: Any) -> Any:
        """Called on the server's loop for each connection."""
        if not counters:
            counters.append(
                TillCounter(
                    queue, gateway, has_credentials=has_credentials, idle_seconds=_IDLE_SECONDS,
                    connections=CONNECTIONS, state=arguments["server_state"],
                    other=partial(H11Protocol, **arguments),
                )
            )  # fmt: skip
        return counters[0].new_line()

    return line


@contextmanager
def _signals_end_it() -> Iterator[None]:
    """uvicorn raises the signal that has ended it once more: nothing is to come of that here."""
    if current_thread() is not main_thread():
        yield
        return
    before = {one: signal.signal(one, lambda *_: None) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)

# SPDX-License-Identifier: Apache-2.0
"""Serving over HTTP or HTTPS until a signal says to end (uvicorn, extra ``serve``)."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import current_thread, main_thread
from typing import Any, Final

from sscard_chip.listening import listen_tcp
from sscard_chip.settlement.credential import CredentialService
from sscard_chip.settlement.gateway import Gateway
from sscard_chip.settlement.serve.application import HANG_UP, CentreApplication
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
    serve_application(
        CentreApplication(queue, gateway, credentials), host, port, tls=tls, ready=ready,
        may_hang_up=gateway is not None and gateway.has_faults,
    )  # fmt: skip


def serve_application(
    application: Any,
    host: str,
    port: int,
    *,
    tls: TlsFiles | None = None,
    ready: Callable[[str, int], None] = lambda _host, _port: None,
    extra: str = "serve",
    may_hang_up: bool = False,
) -> None:
    """Serve any ASGI application in the same way; ``extra`` is named where uvicorn is missing.

    With ``may_hang_up`` the scope has a function that breaks the line, ``HANG_UP``.

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
        http=_protocol() if may_hang_up else "h11",  # bounds the head of a request
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


def _protocol() -> Any:
    """h11 whose scope can break the line, for answers that are to be lost."""
    from uvicorn.protocols.http.h11_impl import H11Protocol

    class LineProtocol(H11Protocol):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            inner = self.app

            async def app(scope: Any, receive: Any, send: Any) -> None:
                scope.setdefault("extensions", {})[HANG_UP] = transport.abort
                await inner(scope, receive, send)

            self.app = app

    return LineProtocol


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

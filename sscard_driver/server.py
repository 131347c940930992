# SPDX-License-Identifier: Apache-2.0
"""The driver server: Windows libraries pass their calls to it over TCP (:mod:`.wire`)."""

from __future__ import annotations

import hmac
import ipaddress
import logging
import socket
import socketserver
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from sscard_chip.faults import describe_fault
from sscard_chip.standard.errors import TerminalError
from sscard_chip.terminal.codes import ReturnCode
from sscard_driver import wire
from sscard_driver.libraries import LIBRARIES
from sscard_driver.library import DriverLibrary
from sscard_driver.terminal import SharedTerminal
from sscard_driver.wire import NUMBER, CallRequest, WireError

_LOG: Final = logging.getLogger(__name__)

MOST_PROGRAMS: Final = 64
"""Connections at a time; further ones are closed."""
PATIENCE_S: Final = 30.0
"""Seconds in which a message that was begun, and a hello, must be there."""
_TOKEN_LIMIT: Final = 255


class DriverServerError(TerminalError):
    """A server that cannot be started; one line."""


def read_token(path: Path) -> bytes:
    """The token in a file, a line of 16 to 255 printable ASCII characters.

    :raises DriverServerError:
    """
    try:
        token = path.read_bytes()[: _TOKEN_LIMIT + 3].strip()
    except OSError as error:
        raise DriverServerError(f"{path}: {error.strerror or 'cannot be read'}") from None
    text = token.decode("ascii", "replace")
    if not 16 <= len(text) <= _TOKEN_LIMIT or not text.isascii() or not text.isprintable():
        raise DriverServerError(f"{path}: must be 16 to {_TOKEN_LIMIT} printable ASCII characters")
    return token


class DriverServer:
    """Serves a configuration's terminal to programs of this machine, with a token to others.

    ``environment`` has the configuration, as for the libraries of Linux.

    :raises DriverServerError: an address that cannot be had, or another than of this machine
        without a token.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 33033,
        *,
        token: bytes = b"",
        environment: Mapping[str, str] | None = None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        if not token and not _is_loopback(host):
            raise DriverServerError(f"{host}: PINs go over the wire: other machines need a token")
        self._terminal = SharedTerminal(environment)
        self._token = token
        self._patience_s = patience_s
        self._room = threading.BoundedSemaphore(MOST_PROGRAMS)
        try:
            self._server = _Server((host, port), self._serve)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or "no such address"
            raise DriverServerError(f"{host}:{port}: {reason}") from None

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        host, port = self._server.server_address[:2]
        return str(host), int(port)

    def run(self) -> None:
        """Serve until :meth:`stop`."""
        try:
            self._server.serve_forever(poll_interval=0.2)
        finally:
            self._server.server_close()
            self._terminal.close()

    def stop(self) -> None:
        """End :meth:`run`, from another thread."""
        self._server.shutdown()

    def _serve(self, connection: socket.socket) -> None:
        if not self._room.acquire(blocking=False):
            return
        library = DriverLibrary(terminal=self._terminal)
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._greet(connection):
                while (
                    content := self._receive(connection, wire.REQUEST_LIMIT, wait=True)
                ) is not None:
                    connection.sendall(_answer(library, wire.read_request(content)))
        except WireError as error:
            _refuse(connection, str(error))
        except OSError:
            pass  # the program has gone
        except Exception as error:
            _LOG.error("driver server: %s", describe_fault(error))
        finally:
            library.end()
            self._room.release()

    def _greet(self, connection: socket.socket) -> bool:
        content = self._receive(connection, wire.HELLO_LIMIT, wait=False)
        if content is None:
            return False
        if not hmac.compare_digest(wire.read_hello(content), self._token):
            raise WireError("the token is not that of the server")
        connection.sendall(wire.write_answer(0, ()))
        return True

    def _receive(self, connection: socket.socket, limit: int, *, wait: bool) -> bytes | None:
        """A message; None when the program has gone. ``wait``: its first byte may take long."""
        connection.settimeout(None if wait else self._patience_s)
        head = connection.recv(1)
        if not head:
            return None
        connection.settimeout(self._patience_s)
        head += _exactly(connection, 3)
        (length,) = NUMBER.unpack(head)
        if length > limit:
            raise WireError("the message is too long")
        return _exactly(connection, length)


def _exactly(connection: socket.socket, count: int) -> bytes:
    parts = []
    while count:
        part = connection.recv(min(count, 0x10000))
        if not part:
            raise ConnectionResetError
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def _answer(library: DriverLibrary, request: CallRequest) -> bytes:
    known = LIBRARIES.get(request.library)
    export = known.exports.get(request.function) if known else None
    if export is None:
        raise WireError("there is no such function")
    kinds = [int if isinstance(value, int) else str for value in request.arguments]
    if kinds != [parameter.type for parameter in export.parameters]:
        raise WireError(f"{export.name}: wrong parameters")
    if len(request.sizes) != len(export.outs):
        raise WireError(f"{export.name}: wrong number of buffers")
    code, texts = library.answer(
        request.library, request.function, request.arguments, request.sizes
    )
    return wire.write_answer(code, texts)


def _refuse(connection: socket.socket, text: str) -> None:
    with suppress(OSError):
        connection.settimeout(1.0)
        connection.sendall(wire.write_answer(int(ReturnCode.NOT_CONNECTED), (text.encode(),)))


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, address: tuple[str, int], serve: Callable[[socket.socket], None]) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._serve = serve
        super().__init__(address, socketserver.BaseRequestHandler)

    def finish_request(self, request: Any, client_address: object) -> None:
        self._serve(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """The connection's own code says what there is to say."""

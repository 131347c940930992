# SPDX-License-Identifier: Apache-2.0
"""Connections of a socket that servers listen on."""

from __future__ import annotations

import asyncio
import socket

import pytest

from sscard_chip.listening import listen_tcp


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_asyncio_sends_short_answers_at_once(host: str) -> None:
    async def nodelay() -> int:
        found: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            taken = writer.get_extra_info("socket")
            found.set_result(taken.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        with listen_tcp(host, 0, 5) as listening:
            address = listening.getsockname()[:2]
            server = await asyncio.start_server(accept, sock=listening)
            with socket.create_connection(address):
                result = await asyncio.wait_for(found, 30)
            server.close()
        return result

    assert asyncio.run(nodelay()) == 1


def test_an_address_that_is_taken_is_an_error_of_the_system() -> None:
    with listen_tcp("127.0.0.1", 0, 1) as one, pytest.raises(OSError, match="in use"):
        listen_tcp("127.0.0.1", one.getsockname()[1], 1)

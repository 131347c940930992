# SPDX-License-Identifier: Apache-2.0
"""Ports on loopback for tests that close a port and open it again, or need neighbours."""

from __future__ import annotations

import os
import random
import socket
from typing import Final

_LOWEST: Final = 15_000
_HIGHEST: Final = 30_000
"""Below 32768: Linux takes none of these for a connection that goes out."""

_drawn = random.Random(os.getpid())


def free_port(neighbours: int = 0) -> int:
    """A port that nobody listens on, nor on so many after it.

    It stays free while the test does not use it, but for another test that draws the same.
    """
    for _ in range(1000):
        port = _drawn.randrange(_LOWEST, _HIGHEST)
        if all(map(_is_free, range(port, port + 1 + neighbours))):
            return port
    raise OSError("no port is free")


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True

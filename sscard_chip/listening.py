# SPDX-License-Identifier: Apache-2.0
"""A socket on which a server of this project takes its TCP connections."""

from __future__ import annotations

import socket


def listen_tcp(host: str, port: int, connections: int) -> socket.socket:
    """Listen at an address of IPv4 or IPv6, and let so many connections wait.

    The socket says its protocol: asyncio sends what is short without a delay (TCP_NODELAY) on
    the connections of such a socket only, and without that each answer on a connection that is
    kept waits 40 ms for the other side's acknowledgement.

    :raises OSError: the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(connections)
    except OSError:
        listening.close()
        raise
    return listening

# SPDX-License-Identifier: Apache-2.0
"""A connection around another one."""

from __future__ import annotations

from sscard_chip.reader.interface import Connection


class ForwardingConnection:
    """A connection that passes every call on to another; subclasses change what differs."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def atr(self) -> bytes:
        """See :class:`Connection`."""
        return self._connection.atr

    def power_on(self) -> bytes:
        """See :class:`Connection`."""
        return self._connection.power_on()

    def reset(self) -> bytes:
        """See :class:`Connection`."""
        return self._connection.reset()

    def power_off(self) -> None:
        """See :class:`Connection`."""
        self._connection.power_off()

    def transmit(self, apdu: bytes) -> bytes:
        """See :class:`Connection`."""
        return self._connection.transmit(apdu)

# SPDX-License-Identifier: Apache-2.0
"""A card passed on from one reader to another, and a hook that may change what passes.

>>> def slower_pin(command, send):  # VERIFY always fails, and the card never sees it
...     return b"\\x63\\xc2" if command[1] == 0x20 else send(command)
>>> relayed = RelayedConnection(connection, slower_pin)
>>> atr = relayed.power_on()
>>> relayed.transmit(bytes.fromhex("0020000003135790")).hex()
'63c2'
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from sscard_chip.reader.failures import ReaderError
from sscard_chip.reader.forwarding import ForwardingConnection
from sscard_chip.reader.interface import Connection

RelayHook: TypeAlias = Callable[[bytes, Callable[[bytes], bytes]], bytes]
"""``hook(command, send)`` gives the answer. ``send`` has the card run a command: that one, another,
several, or none; the answer is passed on as the hook returns it. Over T=0 commands and answers are
those of the line, with 61xx, 6Cxx and GET RESPONSE."""


class RelayedConnection(ForwardingConnection):
    """A connection to a card elsewhere, every command of which goes through a hook.

    The card has power from the beginning, since its ATR is asked for before a program connects.
    """

    def __init__(self, connection: Connection, hook: RelayHook | None = None) -> None:
        """Power the card on. Errors are those of the connection."""
        super().__init__(connection)
        self._hook = hook
        self._atr = connection.power_on()

    @property
    def atr(self) -> bytes:
        """The ATR as it was at the last power-on."""
        return self._atr

    def power_on(self) -> bytes:
        """Power on."""
        self._atr = super().power_on()
        return self._atr

    def reset(self) -> bytes:
        """Reset."""
        self._atr = super().reset()
        return self._atr

    def transmit(self, apdu: bytes) -> bytes:
        """What the hook makes of a command.

        :raises ReaderError: the hook gives no bytes.
        """
        if self._hook is None:
            return super().transmit(apdu)
        answer = self._hook(apdu, super().transmit)
        if not isinstance(answer, (bytes, bytearray)):
            raise ReaderError("the hook gives no bytes")
        return bytes(answer)

# SPDX-License-Identifier: Apache-2.0
"""Recordings of a session that hold no PIN and no key, and their replay."""

from __future__ import annotations

from sscard_chip.terminal.connection import Connection, ForwardingConnection
from sscard_chip.terminal.recording import Recording
from sscard_chip.terminal.shell.secrets import masked_apdu


class MaskedConnection(ForwardingConnection):
    """A connection that passes on PINs and keys as bytes FF: for a replay that holds them so."""

    def transmit(self, apdu: bytes) -> bytes:
        """Exchange a command, masked."""
        return self._connection.transmit(masked_apdu(apdu))


class _Unmasked(ForwardingConnection):
    """Passes on ``command``, which was set just before, whatever it is asked."""

    command = b""

    def transmit(self, apdu: bytes) -> bytes:
        return self._connection.transmit(self.command)


class _MaskedRecording(MaskedConnection):
    """Says the masked command to a recording, and the true one to the card behind it."""

    def __init__(self, recorded: Connection, card: _Unmasked) -> None:
        super().__init__(recorded)
        self._card = card

    def transmit(self, apdu: bytes) -> bytes:
        self._card.command = apdu
        return super().transmit(apdu)


def recorded_without_secrets(recording: Recording, connection: Connection) -> Connection:
    """``connection``, recorded with bytes FF in place of PINs and keys.

    To replay it, put a :class:`MaskedConnection` around the replayed one.
    """
    card = _Unmasked(connection)
    return _MaskedRecording(recording.connection(card), card)

# SPDX-License-Identifier: Apache-2.0
"""A slot of vpcd: commands in frames, and controls of one byte."""

from __future__ import annotations

import logging
import socket
from enum import IntEnum, unique
from typing import Final

from sscard_chip.reader.framing import FrameSocket
from sscard_chip.reader.slot import ConnectingSlot, ReaderEvent

_LOG: Final = logging.getLogger(__name__)
_SILENCE_WARNING_S: Final = 5.0
"""pcscd asks for the ATR every 0.4 s; silence this long means another card has the slot."""


@unique
class _Control(IntEnum):
    """Payloads of one byte; every other payload is a command APDU."""

    POWER_OFF = 0
    POWER_ON = 1
    RESET = 2
    GET_ATR = 4


class VpcdSlot(ConnectingSlot):
    """A slot that is connected to vpcd as long as there is a card: to vpcd that is its presence."""

    AT_PORT = "vpcd"

    def _may_connect(self) -> bool:
        if not self.content.present:
            self._pause(None)
        elif (absence := self._absence_left_s) > 0:
            self._pause(absence)
        else:
            return True
        return False

    def _session(self, connected: socket.socket) -> None:
        """Serve one connection until it ends, by an exception."""
        frames = FrameSocket(connected)
        payload = self._first_frame(connected, frames)
        observed = self._settings.observer is not None
        while not self._asked:
            if len(payload) == 1:
                self._control(payload, frames)
            elif observed:
                answer, inform = self._observed(payload)
                frames.send(answer)
                inform()
            else:
                frames.send(self._exchange(payload))
            payload = frames.receive()

    def _first_frame(self, connected: socket.socket, frames: FrameSocket) -> bytes:
        connected.settimeout(_SILENCE_WARNING_S)
        try:
            return frames.receive()
        except TimeoutError:
            _LOG.warning(
                "slot %d: connected, but the reader does not ask: is another card in this slot?",
                self._number + 1,
            )
            connected.settimeout(None)
            return frames.receive()
        finally:
            connected.settimeout(None)

    def _control(self, payload: bytes, frames: FrameSocket) -> None:
        code = payload[0]
        if code == _Control.GET_ATR:
            frames.send(self._get_atr())
        elif code == _Control.POWER_ON:
            self._guard(self.content.power_on)
            self._notify(ReaderEvent.POWER_ON)
        elif code == _Control.POWER_OFF:
            self._guard(self.content.power_off)
            self._notify(ReaderEvent.POWER_OFF)
        elif code == _Control.RESET:
            self._guard(self.content.reset)
            self._notify(ReaderEvent.RESET)
        else:
            frames.send(self._exchange(payload))

# SPDX-License-Identifier: Apache-2.0
"""A trace of the exchanges with a card or a PSAM that a person can read.

Each exchange takes two lines: time, command in English and Chinese with its parameters, then the
answer with the meaning of its status word. PIN blocks, keys, cryptograms and citizens' data
stand as their length, ``[18 bytes]``, unless the tracer is set to be unsafe.
"""

from __future__ import annotations

from datetime import datetime

from sscard_chip.profile.model import Profile
from sscard_chip.standard.commands import GET_RESPONSE
from sscard_chip.standard.status import describe_status_word
from sscard_chip.trace.commands import entry_of
from sscard_chip.trace.layouts import secret
from sscard_chip.trace.selection import Selection, TracedCommand

_FACTOR_LENGTH = 8
_DONE = (0x9000, 0x6283)
"""Status words of commands that did what they should: 6283 comes with a FCI."""


class Tracer:
    """Follows one slot and formats its exchanges; knows T=0 (61xx, 6Cxx) and direct answers.

    The tracer keeps track of the selected DF and EF, so that it can name files, items and keys.
    It takes the card for one of ``profile``; without one it learns the generation from the FCI
    and from 规范版本, and starts with 2.0. ``psam`` says that the slot holds a PSAM. ``unsafe``
    shows everything: PINs, keys, personal data. ``slot`` names the reader's slot in every line.

    >>> from datetime import datetime
    >>> tracer = Tracer()
    >>> print(tracer.format(bytes.fromhex("00B2072C0B"), b"\\x6a\\x82", datetime(2026, 1, 2)))
    00:00:00.000 > READ RECORD 读记录: SFI 05, record 7, Le 11
                 < 6A82 file or application not found
    """

    def __init__(
        self,
        unsafe: bool = False,
        *,
        profile: Profile | None = None,
        psam: bool = False,
        slot: str = "",
    ) -> None:
        self.unsafe = unsafe
        self._selection = Selection(profile, psam=psam)
        self._slot = f"{slot} " if slot else ""
        self._waiting: TracedCommand | None = None  # whose answer GET RESPONSE will fetch

    def reset(self, atr: bytes, at: datetime | float) -> str:
        """One line for a power-on or reset; the selection is gone.

        Of the ATR the card's own 8 bytes (city and serial number) are shown only if unsafe.
        """
        self._selection.reset()
        self._waiting = None
        # A contactless reader's ATR has TD1 (first nibble bit 8) and so a check byte at its end.
        own = _FACTOR_LENGTH + (len(atr) > 1 and atr[1] >> 7)
        shown = f"{atr[:-own].hex().upper()} {secret(atr[-own:], self.unsafe)}"
        return f"{_time(at)} {self._slot}* RESET 复位: ATR {shown}"

    def format(self, command: bytes, response: bytes, at: datetime | float) -> str:
        """Two lines for one exchange. Takes any bytes whatever.

        :param command: the command as it was sent.
        :param response: the answer as it came, status word last.
        :param at: the time; a number counts seconds since 1970 and is shown as local time.
        """
        sw = int.from_bytes(response[-2:], "big") if len(response) >= 2 else None
        body = response[:-2]
        if len(command) < 4:
            self._waiting = None
            asked = f"incomplete command {secret(command, self.unsafe)}"
            detail = secret(body, self.unsafe) if body else ""
        else:
            asked, detail = self._exchange(TracedCommand.parse(command), body, sw)
        answered = "no status word" if sw is None else f"{sw:04X} {describe_status_word(sw)}"
        if detail:
            answered += f", {detail}"
        if self.unsafe:
            asked += f"  {command.hex().upper()}"
            answered += f"  {response.hex().upper()}"
        time = _time(at)
        return f"{time} {self._slot}> {asked}\n{' ' * len(time)} {self._slot}< {answered}"

    def _exchange(self, command: TracedCommand, body: bytes, sw: int | None) -> tuple[str, str]:
        """The command in words, and the answer's data in words."""
        selection = self._selection
        entry = entry_of(command, selection)
        parameters = entry.parameters(selection, command, self.unsafe)
        origin: TracedCommand | None = command
        if command.cla == 0 and command.ins == GET_RESPONSE.ins:
            origin = self._waiting
            if origin:
                parameters += f" of {entry_of(origin, selection).command.name}"
        asked = f"{entry.name}: {parameters}" if parameters else entry.name
        done = sw in _DONE or (sw is not None and sw >> 8 == 0x61)
        self._waiting = origin if sw is not None and sw >> 8 == 0x61 else None
        if origin is None or not done:
            return asked, secret(body, self.unsafe) if body else ""
        selection.follow(origin, body)
        return asked, entry_of(origin, selection).answer(body, self.unsafe) if body else ""


def _time(at: datetime | float) -> str:
    moment = at if isinstance(at, datetime) else datetime.fromtimestamp(at)
    return f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03d}"

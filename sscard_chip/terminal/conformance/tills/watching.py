# SPDX-License-Identifier: Apache-2.0
"""Card and PSAM that watch: every command that a terminal sends, in one order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from sscard_chip.dayfile.authoriser import CentreRefusedError, CentreUnreachableError
from sscard_chip.reader.failures import TerminalConnectionError
from sscard_chip.reader.faulty import FaultAt, FaultyConnection
from sscard_chip.reader.hands import ReaderWithHands
from sscard_chip.reader.interface import Connection
from sscard_chip.standard import commands
from sscard_chip.standard.errors import CardReaderError
from sscard_chip.standard.settlement_mode import OfflineUse, Split

CARD: Final = "card"
PSAM: Final = "psam"
HOLDER: Final = "holder"
CENTRE: Final = "centre"
_GET_RESPONSE: Final = commands.GET_RESPONSE.ins


@dataclass(slots=True)
class Said:
    """One command as a whole: what GET RESPONSE fetched is in ``data``. ``who`` was asked; of the
    holder there is no command. ``sw`` 0: no answer."""

    who: str
    command: bytes
    data: bytes = field(repr=False, default=b"")
    sw: int = 0

    @property
    def ins(self) -> int:
        """The instruction, 0 for a reset and the holder."""
        return self.command[1] if len(self.command) > 3 else 0

    @property
    def body(self) -> bytes:
        """The command's data field."""
        command = self.command
        return command[5 : 5 + command[4]] if len(command) > 5 else b""


_LOOKS: Final = 2
"""With power: one for the ATR, and the next one."""
MOST_SAID: Final = 4000
"""Commands and questions of one sale, after which a terminal gets no answer any more."""


class EndlessSaleError(CardReaderError):
    """A terminal that goes on for ever."""


ChangedReply = Callable[[bytes, bytes], bytes]
"""Another answer to a command."""


class Transcript:
    """What was said at a workplace, in its order."""

    def __init__(self) -> None:
        self.all: list[Said] = []
        self.raw: list[tuple[str, bytes, bytes]] = []
        self._said = 0
        self._lock = threading.Lock()  # card and PSAM in a reader have a thread each

    @property
    def endless(self) -> bool:
        """Whether the sale that runs was ended for its length."""
        return self._said > MOST_SAID

    def begin(self) -> None:
        """Another sale begins."""
        self._said = 0

    def note(self, who: str, command: bytes, answer: bytes) -> None:
        """Write down an exchange; GET RESPONSE and 6Cxx belong to the command before them.

        :raises EndlessSaleError: there were too many since :meth:`begin`.
        """
        with self._lock:
            self._note(who, command, answer)

    def _note(self, who: str, command: bytes, answer: bytes) -> None:
        self._said += 1
        if self._said > MOST_SAID:
            raise EndlessSaleError(f"{MOST_SAID} commands and questions in a sale")
        self.raw.append((who, command, answer))
        sw = int.from_bytes(answer[-2:]) if len(answer) >= 2 else 0
        last = next((one for one in reversed(self.all) if one.who == who), None)
        if last is not None and len(command) > 3:
            fetched = command[1] == _GET_RESPONSE and last.sw >> 8 == 0x61
            again = last.sw >> 8 == 0x6C and command[:4] == last.command[:4]
            if fetched or again:
                last.data += answer[:-2]
                last.sw = sw
                return
        self.all.append(Said(who, command, answer[:-2], sw))

    def to(self, who: str, ins: int | None = None) -> list[Said]:
        """What was said to one, of one instruction or all; without resets."""
        return [
            one for one in self.all if one.who == who and one.command and ins in (None, one.ins)
        ]

    def __iter__(self) -> Iterator[Said]:
        return iter(self.all)


class WatchedCentre:
    """A settlement centre that writes down what it is asked (:class:`.workplace.SaleCentre`).

    ``shares`` is how it shares a bill, None where it settles nothing; ``use`` what EF06 of the card
    must become. ``down``: it cannot be reached; ``settles_down`` so after the hold.
    """

    def __init__(
        self,
        transcript: Transcript,
        *,
        shares: Split | None = None,
        refuses: bool = False,
        use: OfflineUse | None = None,
        down: bool = False,
        settles_down: bool = False,
    ) -> None:
        self.holds: list[Split] = []
        self.tacs: list[bytes] = []
        self.settles_down = settles_down
        self._transcript = transcript
        self._shares = shares
        self._refuses = refuses
        self._use = use
        self._down = down

    def hold(self, bill: Split) -> Split:
        """See :class:`.workplace.SaleCentre`."""
        if self._down:
            raise CentreUnreachableError("the centre cannot be reached")
        self._transcript.note(CENTRE, b"", b"")
        self.holds.append(bill)
        if self._refuses:
            raise CentreRefusedError("the centre settles nothing for this card")
        return self._shares or bill

    def settle(self, tac: bytes) -> OfflineUse | None:
        """See :class:`.workplace.SaleCentre`."""
        if self._down or self.settles_down:
            raise CentreUnreachableError("the centre cannot be reached")
        self._transcript.note(CENTRE, b"", b"")
        self.tacs.append(tac)
        return self._use


class WatchedSlot(FaultyConnection):
    """A slot whose every exchange is written down, with faults and other answers where a case
    wants them."""

    def __init__(
        self,
        connection: Connection,
        who: str,
        transcript: Transcript,
        *faults: FaultAt,
        change: ChangedReply | None = None,
    ) -> None:
        super().__init__(connection, *faults, sleep=lambda _seconds: None)
        self._who = who
        self._transcript = transcript
        self.change = change
        self._suite = threading.get_ident()
        self._reader: tuple[ReaderWithHands, int] | None = None
        self._looks = 0

    def served_by(self, reader: ReaderWithHands | None, number: int = 0) -> None:
        """A virtual reader serves it as its slot of that number, or none does any more. As long as
        one does, what the suite's thread puts in and pulls out goes by the reader's hands."""
        self._reader = (reader, number) if reader is not None else None

    def _by_hand(self) -> tuple[ReaderWithHands, int] | None:
        return self._reader if threading.get_ident() == self._suite else None

    def insert(self, connection: Connection | None = None) -> None:
        """See :class:`FaultyConnection`; in a reader a card that is there stays there."""
        served = self._by_hand()
        if served is None:
            super().insert(connection)
        elif connection is not None or not self.present:
            reader, number = served
            reader.insert(number, connection)

    def remove(self) -> None:
        """See :class:`FaultyConnection`."""
        self._looks = 0
        served = self._by_hand()
        if served is None:
            super().remove()
        else:
            reader, number = served
            reader.remove(number)

    @property
    def seen(self) -> bool:
        """Whether the reader has looked again after it first gave power to the card: a reader
        that looks every so often has shown it to programs by then."""
        return self._looks >= _LOOKS

    @property
    def atr(self) -> bytes:
        """See :class:`FaultyConnection`; a virtual reader looks by it whether a card is there."""
        found = super().atr
        if self._powered:
            self._looks += 1
        return found

    def power_on(self) -> bytes:
        """See :class:`FaultyConnection`."""
        atr = super().power_on()
        self._transcript.note(self._who, b"", b"")
        return atr

    def reset(self) -> bytes:
        """See :class:`FaultyConnection`."""
        atr = super().reset()
        self._transcript.note(self._who, b"", b"")
        return atr

    @property
    def powered(self) -> bool:
        """Whether the terminal has left it with power."""
        return self._powered

    def transmit(self, apdu: bytes) -> bytes:
        """See :class:`FaultyConnection`."""
        answer = b""
        try:
            answer = super().transmit(apdu)
            if self.change:
                answer = self.change(apdu, answer)
        except TerminalConnectionError:
            self._looks = 0
            raise
        finally:
            self._transcript.note(self._who, apdu, answer)
        return answer

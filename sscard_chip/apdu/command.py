# SPDX-License-Identifier: Apache-2.0
"""The command APDU (ISO/IEC 7816-4 section 5.1, short lengths only as LD/T 32.5 wants)."""

from __future__ import annotations

from sscard_chip.standard.status import StatusError, StatusWord


class Command:
    """A parsed command. ``ne`` is 0 when Le is absent and 256 when it is 00."""

    __slots__ = ("cla", "data", "ins", "ne", "p1", "p2")

    def __init__(self, cla: int, ins: int, p1: int, p2: int, data: bytes, ne: int) -> None:
        self.cla = cla
        self.ins = ins
        self.p1 = p1
        self.p2 = p2
        self.data = data
        self.ne = ne

    @property
    def header(self) -> bytes:
        """CLA INS P1 P2 Lc, as it enters a MAC."""
        return bytes((self.cla, self.ins, self.p1, self.p2, len(self.data)))

    def require(self, p1: int, p2: int, *lengths: int) -> None:
        """Check P1 P2 (6A86), then Lc against the allowed ``lengths`` (6700)."""
        if self.p1 != p1 or self.p2 != p2:
            raise StatusError(StatusWord.INCORRECT_P1_P2)
        if len(self.data) not in lengths:
            raise StatusError(StatusWord.WRONG_LENGTH)

    def check_ne(self, available: int) -> None:
        """6Cxx when Le is there and too small for the answer; Le 00 takes any."""
        if 0 < self.ne < available and self.ne != 256:
            raise StatusError(StatusWord.WRONG_LE | min(available, 256) & 0xFF)


def parse_command(apdu: bytes) -> Command:
    """Parse a command of four bytes or more; 6700 for any length that does not add up.

    Extended lengths do not add up here either: the card's Lc and Le are one byte each.
    """
    total = len(apdu)
    if total == 5:
        return Command(apdu[0], apdu[1], apdu[2], apdu[3], b"", apdu[4] or 256)
    if total > 5:
        nc = apdu[4]
        if nc and total == 5 + nc:
            return Command(apdu[0], apdu[1], apdu[2], apdu[3], apdu[5:], 0)
        if nc and total == 6 + nc:
            return Command(apdu[0], apdu[1], apdu[2], apdu[3], apdu[5:-1], apdu[-1] or 256)
        raise StatusError(StatusWord.WRONG_LENGTH)
    if total == 4:
        return Command(apdu[0], apdu[1], apdu[2], apdu[3], b"", 0)
    raise StatusError(StatusWord.WRONG_LENGTH)

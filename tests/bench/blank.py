# SPDX-License-Identifier: Apache-2.0
"""A blank card and whoever knows its transport key and master keys."""

from __future__ import annotations

from typing import Final

from sscard_chip.card import Card
from sscard_chip.memory import Memory
from sscard_chip.profile.blank import make_blank
from sscard_chip.security.suite import SUITES
from sscard_chip.standard.commands import EXTERNAL_AUTHENTICATE, WRITE_KEY, before_mac
from tests.bench.exchange import CardBench, FixedRandom
from tests.bench.reference import social as reference

TRANSPORT: Final = bytes(range(0xA0, 0xB0))
TEMPORARY: Final = bytes(range(0xB0, 0xC0))
NEW: Final = bytes(range(0xC0, 0xD0))
ZERO: Final = bytes(16)
HISTORICAL: Final = bytes.fromhex("0099010003869900 00C0FFEE00")
CHALLENGE: Final = bytes.fromhex("1122334455667788")
SSSE_NAME: Final = "7378312E73682EC9E7BBE1B1A3D5CF"

INFO: Final = "BFC800000F"
CREATE_MF: Final = "80E000000B 3F00 00 00 01 00 00 38 00 00 03"
CREATE_ATR: Final = "80E000030D 0001 000D 00 00 80 0000 0000 00 00"
CREATE_SSSE: Final = f"80E000011C DDF1 4000 00 0000 1E 1D 3D 00 02 03 {SSSE_NAME}"
CREATE_KEY_FILE: Final = "80E0000B08 0002 0180 00 73 0000"
CREATE_DF04: Final = "80E0000213 DF04 0800 00000000 00 3D 00 02 03 D15600000503"
CLEAR: Final = "BFCE0000"
FREEZE: Final = "BFFE0000"
SELECT_MF: Final = "00A40000023F00"
SELECT_SSSE: Final = "00A4000002DDF1"


class BlankBench(CardBench):
    """A powered blank card. ``sm4`` makes master keys SM4 by the RFU byte of the headers."""

    def __init__(self, algorithm: str = "3des", *, transport_algorithm: str = "3des") -> None:
        self.algorithm = algorithm
        self.transport_algorithm = transport_algorithm
        self.memory: Memory = make_blank(
            TRANSPORT, algorithm=transport_algorithm, historical_bytes=HISTORICAL
        )
        super().__init__(Card(self.memory))

    @property
    def state(self) -> int:
        return self.ok(INFO)[7]

    def fix_random(self, value: bytes = CHALLENGE) -> None:
        self.set_random(FixedRandom(value))

    # --- rights -----------------------------------------------------------------------------

    def authenticate(
        self, key: bytes, algorithm: str | None = None, *, wrong: bool = False, length: int = 8
    ) -> int:
        """GET CHALLENGE and EXTERNAL AUTHENTICATE with 8 bytes; the status word."""
        challenge = self.challenge(length)
        data = reference.response(algorithm or self.algorithm, key, challenge)
        if wrong:
            data = bytes((data[0] ^ 1,)) + data[1:]
        return self.sw(EXTERNAL_AUTHENTICATE.apdu(data=data))

    def make_mf(self) -> None:
        """MF and its master key's right, as in 2.5."""
        assert self.authenticate(TRANSPORT, self.transport_algorithm) == 0x9000
        self.ok(self.named(CREATE_MF, 8))
        assert self.authenticate(ZERO) == 0x9000

    def make_ssse(self) -> None:
        """The same, and SSSE with a key file, current and open."""
        self.make_mf()
        self.ok(self.named(CREATE_SSSE, 10), SELECT_SSSE)
        assert self.authenticate(ZERO) == 0x9000
        self.ok(CREATE_KEY_FILE)

    def named(self, command: str, at: int) -> bytes:
        """A CREATE FILE with the algorithm of the bench in byte ``at`` (RFU)."""
        apdu = bytearray.fromhex(command)
        apdu[at] = SUITES[self.algorithm].key_code(16)
        return bytes(apdu)

    # --- WRITE KEY --------------------------------------------------------------------------

    def write_key(
        self,
        p1: int,
        p2: int,
        information: bytes,
        under: bytes,
        *,
        challenge: int = 4,
        spoil: int | None = None,
        algorithm: str | None = None,
    ) -> int:
        """An enciphered WRITE KEY with its MAC; ``spoil`` turns over a bit of that byte."""
        name = algorithm or self.algorithm
        random = self.challenge(challenge)
        cryptogram = reference.enciphered(name, under, information)
        command = before_mac(WRITE_KEY.secured().header(p1, p2), cryptogram)
        command += reference.key_mac(name, under, random[: reference.BLOCK[name]], command)
        if spoil is not None:
            at = spoil % len(command)
            command = command[:at] + bytes((command[at] ^ 1,)) + command[at + 1 :]
        return self.sw(command)

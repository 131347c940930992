# SPDX-License-Identifier: Apache-2.0
"""What a card says with its cryptogram: issuer application data (9F10) and CVR, taken apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sscard_chip.standard.cryptograms import CryptogramType
from sscard_chip.terminal.bank.errors import CardDataError

CVR_LENGTH: Final = 4
_HEAD: Final = 0x07
_ECASH: Final = b"\x0a\x01"
_BALANCE: Final = 5
_MAC: Final = 4


@dataclass(frozen=True, slots=True)
class IssuerData:
    """9F10: ``07 DKI CVN CVR(4) ALG`` and, from e-cash cards, ``0A 01 balance(5) MAC(4)``.

    ``key_index`` (DKI) distinguishes the bank's master keys, ``version`` is the CVN, ``algorithm``
    01 3DES or 04 SM4 [L]. ``balance`` and ``mac`` are empty when the card sent none.
    """

    key_index: int
    version: int
    cvr: bytes
    algorithm: int
    balance: bytes
    mac: bytes

    @classmethod
    def parse(cls, value: bytes) -> IssuerData:
        """Take 9F10 apart. :raises CardDataError: it is of another form."""
        head = value[:1]
        if head != bytes((_HEAD,)) or len(value) < 1 + _HEAD or value[3] != CVR_LENGTH - 1:
            raise CardDataError("9F10: is of another form than PBOC's")
        rest = value[1 + _HEAD :]
        balance = mac = b""
        if rest:
            if rest[:2] != _ECASH or len(rest) != 2 + _BALANCE + _MAC:
                raise CardDataError("9F10: what follows the CVR is of another form")
            balance, mac = rest[2 : 2 + _BALANCE], rest[2 + _BALANCE :]
        return cls(value[1], value[2], value[3:7], value[7], balance, mac)

    @property
    def first(self) -> CryptogramType | None:
        """What the card gave at its first GENERATE AC, or without contacts."""
        return {0x00: CryptogramType.AAC, 0x10: CryptogramType.TC, 0x20: CryptogramType.ARQC}.get(
            self.cvr[1] & 0x30
        )

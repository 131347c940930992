# SPDX-License-Identifier: Apache-2.0
"""A PSAM of deposit and purse (消费安全存取模块) for tests and benches.

It takes the two commands of a purchase as the field sends them, which are not those of the social
security PSAM: one amount instead of three, serial number and issuer as factors. Like a card in a
reader it is a connection.

>>> sam = PurseSam("3des", bytes(16), bytes.fromhex("112233445566"))
>>> sam.transmit(bytes.fromhex("00B0960006")).hex()
'1122334455669000'
"""

from __future__ import annotations

from hmac import compare_digest
from typing import Final

from sscard_chip.security.diversify import diversify_chain
from sscard_chip.security.purse import PURSE_SUITES, card_factors, purchase_factor
from sscard_chip.standard.amounts import MAX_NUMBER
from sscard_chip.standard.commands import (
    CREDIT_SAM_FOR_PURCHASE,
    INIT_SAM_FOR_PURSE_PURCHASE,
    READ_BINARY,
)
from sscard_chip.standard.identifiers import PSAM_TERMINAL
from sscard_chip.standard.messages import purse
from sscard_chip.standard.messages.psam import INIT_PURSE_PURCHASE
from sscard_chip.standard.status import StatusError, StatusWord

_INIT_LENGTH: Final = INIT_PURSE_PURCHASE.sizeof()
_ATR: Final = b"\x3b\x65\x00\x00PURSE"


class PurseSam:
    """A PSAM with one DPK of the bank, as a :class:`~sscard_chip.terminal.connection.Connection`.

    ``root`` is the bank's DPK of 16 bytes, ``terminal`` the 6-byte 终端机编号, ``sequence`` the
    first 终端交易序号 that it gives out. The number is kept in the object only.
    """

    def __init__(
        self,
        algorithm: str,
        root: bytes,
        terminal: bytes,
        *,
        key_version: int = 1,
        sequence: int = 1,
    ) -> None:
        self._purse = PURSE_SUITES[algorithm]
        self._root = root
        self._terminal = terminal
        self._version = key_version
        self._sequence = sequence
        self._mac2: bytes | None = None

    @property
    def atr(self) -> bytes:
        """Its answer to reset."""
        return _ATR

    def power_on(self) -> bytes:
        """Forget an open purchase and return the ATR."""
        self._mac2 = None
        return self.atr

    def reset(self) -> bytes:
        """The same."""
        return self.power_on()

    def power_off(self) -> None:
        """Forget an open purchase."""
        self._mac2 = None

    def transmit(self, apdu: bytes) -> bytes:
        """Run a command: body and status word."""
        try:
            return self._run(apdu) + b"\x90\x00"
        except StatusError as error:
            return error.sw.to_bytes(2)

    def _run(self, apdu: bytes) -> bytes:
        expected, self._mac2 = self._mac2, None
        header, data = apdu[:4], apdu[5:]
        if header == INIT_SAM_FOR_PURSE_PURCHASE.header():
            if apdu[4:5] != bytes((_INIT_LENGTH,)) or not 0 <= len(data) - _INIT_LENGTH <= 1:
                raise StatusError(StatusWord.WRONG_LENGTH)
            return self._init(data[:_INIT_LENGTH])
        if header == CREDIT_SAM_FOR_PURCHASE.header():
            if apdu[4:5] != b"\x04" or len(data) != 4:
                raise StatusError(StatusWord.WRONG_LENGTH)
            if expected is None:
                raise StatusError(StatusWord.INVALID_STATE)
            if not compare_digest(expected, data):
                raise StatusError(StatusWord.MAC_INCORRECT)
            return b""
        if apdu == READ_BINARY.header(0x80 | PSAM_TERMINAL, 0x00) + b"\x06":
            return self._terminal
        raise StatusError(StatusWord.INS_NOT_SUPPORTED)

    def _init(self, data: bytes) -> bytes:
        """INIT SAM FOR PURCHASE: random 4, card number 2, amount 4, type 1, time 7, key version
        1, algorithm 1, serial number 8, issuer 8. Answers 终端交易序号 4, MAC1 4."""
        asked = INIT_PURSE_PURCHASE.parse(data)
        if (asked.key_version, asked.algorithm) != (self._version, self._purse.algorithm_code):
            raise StatusError(StatusWord.KEY_NOT_FOUND)
        if self._sequence > MAX_NUMBER:
            raise StatusError(StatusWord.COUNTER_AT_MAXIMUM)
        sequence = self._sequence.to_bytes(4)
        self._sequence += 1
        key = diversify_chain(
            self._purse.suite, self._root, card_factors(asked.issuer, asked.serial)
        )
        session = self._purse.session(
            self._purse.suite.encryptor(key),
            purchase_factor(asked.random, asked.number.to_bytes(2), sequence),
        )
        mac1 = session.mac(purse.TIMED.build({**asked, "terminal": self._terminal}))
        self._mac2 = session.mac(purse.PURCHASE_MAC2.build(asked))
        return sequence + mac1

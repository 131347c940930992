# SPDX-License-Identifier: Apache-2.0
"""What a gate asks of its PSAM: MAC1 for a debit, whether MAC2 is right, the MAC that locks."""

from __future__ import annotations

from typing import Final

from sscard_chip.security.purse import PURSE_SUITE_OF_CODE
from sscard_chip.security.suite import pad
from sscard_chip.standard.commands import (
    APPLICATION_BLOCK,
    CIPHER_DATA,
    CREDIT_SAM_FOR_PURCHASE,
    INIT_FOR_DESCRYPT,
    INIT_SAM_FOR_PURSE_PURCHASE,
    READ_BINARY,
    SELECT,
    before_mac,
)
from sscard_chip.standard.identifiers import (
    ALGORITHM_3DES,
    ALGORITHM_SM4,
    PSAM_PUBLIC,
    PSAM_TERMINAL,
    SX1_NAME,
    SX3_NAME,
    TRANSIT_AID,
)
from sscard_chip.standard.messages.psam import PUBLIC, TERMINAL_FILE
from sscard_chip.standard.status import StatusWord
from sscard_chip.terminal.client import ApduClient, CardStatusError
from sscard_chip.terminal.connection import Connection
from sscard_chip.terminal.transit.errors import TransitRefusal, TransitRefusedError

_ENVIRONMENTS: Final = {ALGORITHM_3DES: SX1_NAME, ALGORITHM_SM4: SX3_NAME}
_LOCK_USE, _LOCK_KEY = 0x45, 0x02
LOCK_HEADER: Final = APPLICATION_BLOCK.header(0x00, 0x00)


class TransitSam:
    """The PSAM of a gate, in a slot. ``terminal`` is 6 bytes, ``serial`` its number's last 8.

    Every method raises what the connection raises, and TransitRefusedError (PSAM) when the PSAM
    cannot help: it has no keys for the card's algorithm, or is no transport PSAM.
    """

    def __init__(self, connection: Connection) -> None:
        self._client = ApduClient(connection)
        self._environment = 0
        self._connection = connection
        self.terminal = self.serial = b""
        self.power_on()

    def power_on(self) -> None:
        """Power it on and read whose it is."""
        self._connection.power_on()
        self._environment = -1
        number = self._read(PSAM_TERMINAL, TERMINAL_FILE.sizeof())
        self.terminal = number
        self.serial = PUBLIC.parse(self._read(PSAM_PUBLIC, PUBLIC.sizeof())).serial[-8:]

    def _read(self, sfi: int, length: int) -> bytes:
        answer = self._client.send(READ_BINARY, 0x80 | sfi, le=length)
        if not answer.ok or len(answer.data) != length:
            raise TransitRefusedError(TransitRefusal.PSAM, "it has no terminal number")
        return answer.data

    def open(self, algorithm: int) -> None:
        """Enter the environment of an algorithm of INITIALIZE (00 3DES, 04 SM4), once."""
        if algorithm == self._environment:
            return
        suite = PURSE_SUITE_OF_CODE.get(algorithm)
        name = _ENVIRONMENTS.get(suite.suite.name) if suite else None
        self._environment = -1
        for one in (name, TRANSIT_AID):
            if one is None or not self._client.send(SELECT, 0x04, 0x00, one, 0).ok:
                raise TransitRefusedError(TransitRefusal.PSAM, "it has no keys of its algorithm")
        self._environment = algorithm

    def mac1(self, request: bytes) -> tuple[bytes, bytes]:
        """终端交易序号 and MAC1, 4 bytes each, for the 36 bytes of INIT SAM FOR PURCHASE."""
        answer = self._client.send(INIT_SAM_FOR_PURSE_PURCHASE, data=request, le=8)
        if not answer.ok or len(answer.data) != 8:
            raise TransitRefusedError(TransitRefusal.PSAM, f"INIT SAM: {answer.sw:04X}")
        return answer.data[:4], answer.data[4:]

    def accepts(self, mac2: bytes) -> bool:
        """Whether the card's MAC2 is right."""
        return self._client.send(CREDIT_SAM_FOR_PURCHASE, data=mac2).ok

    def lock_command(self, algorithm: int, serial: bytes, issuer: bytes, challenge: bytes) -> bytes:
        """APPLICATION BLOCK with its MAC, for a card of these factors and its challenge of 4."""
        self.open(algorithm)
        block = PURSE_SUITE_OF_CODE[algorithm].suite.block
        head = before_mac(LOCK_HEADER)
        try:
            self._client.require(INIT_FOR_DESCRYPT, _LOCK_USE, _LOCK_KEY, serial + issuer)
            data = challenge.ljust(block, b"\0") + pad(head, block)
            return head + self._client.require(CIPHER_DATA, 0x05, 0x00, data, 4)
        except CardStatusError as error:
            word = error.sw if error.sw != StatusWord.SUCCESS else 0
            raise TransitRefusedError(TransitRefusal.PSAM, f"lock: {word:04X}") from None

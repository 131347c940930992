# SPDX-License-Identifier: Apache-2.0
"""Cryptography of electronic deposit and purse (电子存折/电子钱包, JR/T 0025 parts 1 and 2).

Card, PSAM and host compute the same. In the DES suite the rules are those of
:mod:`sscard_chip.security.suite`: a single-length session key out of a 16-byte key, CBC-MAC, the
TAC under the key's two halves added; commands of the issuer have a retail MAC under the key
itself, whose initial value is the challenge.

Nobody has published the purse under SM4. :class:`_Sm4Purse` is a proposal [L], and the only place
to change: factors padded 80 00.. to 16 bytes, CBC-MAC cut to its leftmost 4 bytes, the TAC key
used whole. Its primitives are those of debit/credit (:mod:`sscard_chip.security.emv`).

>>> key = bytes.fromhex("11223344556677888877665544332211")
>>> session = DES_PURSE.session(DES_PURSE.suite.encryptor(key), purchase_factor(
...     bytes.fromhex("11223344"), bytes(2), bytes.fromhex("00000001")))
>>> session.mac(bytes.fromhex("00001000")).hex().upper()
'56988A13'
"""

from __future__ import annotations

from typing import Final, Protocol

from sscard_chip.security.emv import DES_BANK, SM4_BANK, BankSuite, BlockEncryption
from sscard_chip.security.suite import DES, SM4_SUITE, Suite, pad

MAC_LENGTH: Final = 4
RANDOM_LENGTH: Final = 4


class PurseSession(Protocol):
    """The session key (过程密钥) of one transaction at work."""

    def mac(self, message: bytes) -> bytes:
        """MAC of 4 bytes, padded 80 00.. (MAC1, MAC2, MAC3)."""


class PurseSuite(Protocol):
    """An algorithm suite of the purse."""

    suite: Suite
    bank: BankSuite
    algorithm_code: int
    """算法标识 as INITIALIZE answers it: 00 3DES, 04 SM4. No paper has the value of SM4 [L]; 04
    is what the issuer application data of debit/credit says."""

    def session(self, encrypt: BlockEncryption, factor: bytes) -> PurseSession:
        """The session of a key's encryptor and a factor of 8 bytes (see the two below)."""

    def tac(self, key: bytes, message: bytes) -> bytes:
        """TAC of 4 bytes under a DTK of 16 bytes."""


class _DesPurse:
    suite = DES
    bank = DES_BANK
    algorithm_code = 0x00

    def session(self, encrypt: BlockEncryption, factor: bytes) -> PurseSession:
        return DES.session(DES.session_key(encrypt, factor))

    def tac(self, key: bytes, message: bytes) -> bytes:
        return DES.tac_mac(key)(pad(message, 8))


class _Sm4Purse:
    """[L], see the top of this module."""

    suite = SM4_SUITE
    bank = SM4_BANK
    algorithm_code = 0x04

    def session(self, encrypt: BlockEncryption, factor: bytes) -> PurseSession:
        return SM4_BANK.session(SM4_SUITE.session_key(encrypt, pad(factor, 16)))

    def tac(self, key: bytes, message: bytes) -> bytes:
        return SM4_BANK.session(key).mac(message)


DES_PURSE: Final[PurseSuite] = _DesPurse()
SM4_PURSE: Final[PurseSuite] = _Sm4Purse()

PURSE_SUITES: Final[dict[str, PurseSuite]] = {p.suite.name: p for p in (DES_PURSE, SM4_PURSE)}
PURSE_SUITE_OF_CODE: Final[dict[int, PurseSuite]] = {
    p.algorithm_code: p for p in PURSE_SUITES.values()
}
"""By 算法标识 of INITIALIZE."""


def card_factors(issuer: bytes, serial: bytes) -> tuple[bytes, bytes]:
    """The factors from the bank's root to a card's keys, outermost first.

    ``issuer`` 8 bytes, of ``serial`` (应用序列号) the rightmost 8. Which of the two comes first is
    not published [M].
    """
    return issuer, serial[-8:]


def purchase_factor(random: bytes, sequence: bytes, terminal_sequence: bytes) -> bytes:
    """Factor of purchase, cash withdrawal and compound purchase.

    ``random`` 4 bytes, ``sequence`` 2 (脱机交易序号), ``terminal_sequence`` 4, of which the low
    two enter.
    """
    return random + sequence + terminal_sequence[2:]


def online_factor(random: bytes, sequence: bytes) -> bytes:
    """Factor of load, unload and overdraft limit: ``random`` 4, ``sequence`` 2 (联机交易序号)."""
    return random + sequence + b"\x80\x00"


def command_mac(purse: PurseSuite, key: bytes, initial: bytes, message: bytes) -> bytes:
    """MAC of 4 bytes of a command of the issuer, under the 16-byte key itself.

    ``initial`` is the challenge of 4 bytes (of a longer one the first block), padded with 00;
    ``message`` is CLA INS P1 P2 Lc (the MAC counted) and the data as they are sent. DES: ISO/IEC
    9797-1 algorithm 3.
    """
    block = purse.suite.block
    return purse.bank.session(key).mac_block(message, initial[:block].ljust(block, b"\0"))[:4]


def reload_mac(purse: PurseSuite, key: bytes, pin: bytes) -> bytes:
    """MAC of 4 bytes of RELOAD PIN over the new PIN [M].

    DES: with the two halves of DRPK added, initial value 0, as programs of the field do. That is
    the rule of the TAC, so SM4 follows the TAC too [L].
    """
    return purse.tac(key, pin)


def encipher_pin(purse: PurseSuite, key: bytes, pin: bytes) -> bytes:
    """The PIN of PIN UNBLOCK: length, BCD, padding, ECB under DPUK; one block [M]."""
    return purse.bank.session(key).encipher(pin)


def decipher_pin(purse: PurseSuite, key: bytes, cryptogram: bytes) -> bytes | None:
    """What :func:`encipher_pin` enciphered, None for anything else."""
    return purse.bank.session(key).decipher(cryptogram)

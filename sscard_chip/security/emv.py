# SPDX-License-Identifier: Apache-2.0
"""Cryptography of the bank application: card keys, session keys, cryptograms, script MACs.

The rules are those of PBOC debit/credit (JR/T 0025) in its two suites. 3DES: keys of 16 bytes,
retail MAC (ISO/IEC 9797-1 algorithm 3). SM4: CBC-MAC. Padding is 80 00.. in both, always at
least one byte, so most of the rules are one formula over a block cipher:

- card key (UDK) from the bank's master key (MDK): E(Y || not Y), Y = the rightmost 16 digits of
  PAN || PAN sequence number (EMV book 2, A1.4.1);
- session key: E(00*6 || ATC || 00*6 || not ATC);
- application cryptogram: leftmost 8 bytes of the MAC;
- ARPC: leftmost 8 bytes of E(ARQC xor (ARC || 00*6)), filled with 00 to a block.

Both sides use it: the card with the encryptors of its keys kept, the issuer's host with the
keys that its store derives.

>>> udk = bytes.fromhex("0D2E3CB0BC1F9E03AED58F663A2F9679")
>>> session = DES_BANK.session_for(DES_BANK.suite.encryptor(udk), bytes.fromhex("000E"))
>>> session.arpc(bytes.fromhex("F294D7022FA9B058"), b"00").hex().upper()
'3846EEB4C8D34271'
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, Protocol

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.ciphers.modes import CBC, ECB

from sscard_chip.security.suite import DES, SM4_SUITE, Suite, pad, pad_if_needed
from sscard_chip.standard.identifiers import ALGORITHM_3DES, ALGORITHM_SM4

CVN_01: Final = 0x01
CVN_17: Final = 0x17
"""Cryptogram versions: of contact transactions and e-cash load; of contactless (qPBOC)."""

MAC_LENGTH: Final = 4

PIN_DIGITS: Final = range(4, 13)

_ECB: Final = ECB()
_ZERO6: Final = bytes(6)
_ZERO8: Final = bytes(8)
_DIGITS: Final = re.compile("[0-9]+")

BlockEncryption = Callable[[bytes], bytes]


class BankSession(Protocol):
    """A session key of one transaction at work: 16 bytes, one ATC."""

    def mac_block(self, message: bytes, chain: bytes = b"") -> bytes:
        """The whole last block of the MAC over ``message``.

        ``chain`` is the whole last block of the MAC before in the same script, nothing for the
        first.
        """

    def mac(self, message: bytes) -> bytes:
        """The leftmost 4 bytes of the MAC."""

    def cryptogram(self, message: bytes) -> bytes:
        """An application cryptogram (AC) of 8 bytes over the input that its version names."""

    def arpc(self, arqc: bytes, response_code: bytes) -> bytes:
        """The 8-byte ARPC to an ARQC of 8 bytes; ``response_code`` is the ARC, 2 bytes."""

    def encipher(self, data: bytes) -> bytes:
        """ECB encipherment of LD(1) || data, padded only if not aligned (issuer scripts)."""

    def decipher(self, cryptogram: bytes) -> bytes | None:
        """What :meth:`encipher` enciphered; None when the blocks or LD say otherwise."""


class BankSuite(Protocol):
    """An algorithm suite of the bank application."""

    name: str
    """``"3des"`` or ``"sm4"``, the name of the suite below."""
    suite: Suite
    """The block cipher: kept encryptors, and diversification of a store's keys."""
    algorithm_code: int
    """Algorithm byte of the issuer application data (9F10): 01 3DES, 04 SM4 [L]."""

    def session(self, session_key: bytes) -> BankSession:
        """A session under a session key of 16 bytes."""

    def session_for(self, encrypt: BlockEncryption, atc: bytes) -> BankSession:
        """The session of the transaction with ``atc`` (2 bytes) under a card key's encryptor."""


def session_input(atc: bytes) -> bytes:
    """What a card key enciphers into the session key of an ATC of 2 bytes: 16 bytes."""
    complement = int.from_bytes(atc) ^ 0xFFFF
    return _ZERO6 + atc + _ZERO6 + complement.to_bytes(2)


def session_key(encrypt: BlockEncryption, atc: bytes) -> bytes:
    """The 16-byte session key of a card key's encryptor for an ATC of 2 bytes, both suites."""
    return encrypt(session_input(atc))


def _deciphered(plain: bytes, block: int) -> bytes | None:
    """The data of LD || data || padding."""
    length = plain[0]
    data = plain[1 : 1 + length]
    right = len(data) == length and plain == pad_if_needed(plain[: 1 + length], block)
    return data if right else None


class _DesSession:
    """Two-key 3DES. Single DES runs through a MAC up to its last block, which is 3DES."""

    __slots__ = ("_cipher", "_encrypt", "_left")

    def __init__(self, key: bytes) -> None:
        self._cipher = Cipher(TripleDES(key + key[:8]), _ECB)
        self._encrypt = self._cipher.encryptor().update
        self._left = TripleDES(key[:8] * 3)

    def mac_block(self, message: bytes, chain: bytes = b"") -> bytes:
        padded = pad(message, 8)
        state = chain or _ZERO8
        if len(padded) > 8:
            state = Cipher(self._left, CBC(state)).encryptor().update(padded[:-8])[-8:]
        return self._encrypt((int.from_bytes(state) ^ int.from_bytes(padded[-8:])).to_bytes(8))

    def mac(self, message: bytes) -> bytes:
        return self.mac_block(message)[:4]

    def cryptogram(self, message: bytes) -> bytes:
        return self.mac_block(message)

    def arpc(self, arqc: bytes, response_code: bytes) -> bytes:
        return self._encrypt(_with_response_code(arqc, response_code))

    def encipher(self, data: bytes) -> bytes:
        return self._encrypt(pad_if_needed(bytes((len(data),)) + data, 8))

    def decipher(self, cryptogram: bytes) -> bytes | None:
        if not cryptogram or len(cryptogram) % 8:
            return None
        return _deciphered(self._cipher.decryptor().update(cryptogram), 8)


class _Sm4Session:
    """SM4: CBC-MAC, of which the leftmost bytes are taken (not folded as LD/T 32 does)."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = SM4(key)

    def mac_block(self, message: bytes, chain: bytes = b"") -> bytes:
        cbc = Cipher(self._key, CBC(chain or bytes(16))).encryptor()
        return cbc.update(pad(message, 16))[-16:]

    def mac(self, message: bytes) -> bytes:
        return self.mac_block(message)[:4]

    def cryptogram(self, message: bytes) -> bytes:
        return self.mac_block(message)[:8]

    def arpc(self, arqc: bytes, response_code: bytes) -> bytes:
        block = _with_response_code(arqc, response_code) + _ZERO8
        return Cipher(self._key, _ECB).encryptor().update(block)[:8]

    def encipher(self, data: bytes) -> bytes:
        plain = pad_if_needed(bytes((len(data),)) + data, 16)
        return Cipher(self._key, _ECB).encryptor().update(plain)

    def decipher(self, cryptogram: bytes) -> bytes | None:
        if not cryptogram or len(cryptogram) % 16:
            return None
        return _deciphered(Cipher(self._key, _ECB).decryptor().update(cryptogram), 16)


def _with_response_code(arqc: bytes, response_code: bytes) -> bytes:
    return (int.from_bytes(arqc) ^ int.from_bytes(response_code) << 48).to_bytes(8)


class _DesBank:
    name = ALGORITHM_3DES
    suite = DES
    algorithm_code = 0x01

    def session(self, session_key: bytes) -> _DesSession:
        return _DesSession(session_key)

    def session_for(self, encrypt: BlockEncryption, atc: bytes) -> _DesSession:
        return _DesSession(session_key(encrypt, atc))


class _Sm4Bank:
    name = ALGORITHM_SM4
    suite = SM4_SUITE
    algorithm_code = 0x04

    def session(self, session_key: bytes) -> _Sm4Session:
        return _Sm4Session(session_key)

    def session_for(self, encrypt: BlockEncryption, atc: bytes) -> _Sm4Session:
        return _Sm4Session(session_key(encrypt, atc))


DES_BANK: Final[BankSuite] = _DesBank()
SM4_BANK: Final[BankSuite] = _Sm4Bank()

BANK_SUITES: Final[dict[str, BankSuite]] = {suite.name: suite for suite in (DES_BANK, SM4_BANK)}

BANK_SUITE_OF_CODE: Final[dict[int, BankSuite]] = {
    suite.algorithm_code: suite for suite in BANK_SUITES.values()
}
"""By the algorithm byte of the issuer application data."""


# --- Card keys ------------------------------------------------------------------------------------


def pan_block(pan: str, sequence: str = "00") -> bytes:
    """The 8-byte diversification factor of a card (EMV book 2, A1.4.1, option A).

    ``pan`` are its digits, ``sequence`` the two digits of the PAN sequence number (5F34). Raises
    ValueError.
    """
    if not _DIGITS.fullmatch(pan):
        raise ValueError("PAN: must be digits")
    if not _DIGITS.fullmatch(sequence) or len(sequence) != 2:
        raise ValueError("PAN sequence number: must be 2 digits")
    return bytes.fromhex((pan + sequence)[-16:].zfill(16))


def card_key(
    suite: BankSuite, master: bytes, pan: str, sequence: str = "00", *, odd_parity: bool = False
) -> bytes:
    """The 16-byte card key (UDK) under a bank's master key of 16 bytes.

    With ``odd_parity`` as tools of issuers write a DES key; DES itself ignores the parity bits, but
    a PIN block takes its bytes (:func:`pin_block`).

    :raises ValueError:
    """
    key = suite.suite.diversify(master, pan_block(pan, sequence))
    return with_odd_parity(key) if odd_parity else key


def with_odd_parity(key: bytes) -> bytes:
    """``key`` with the lowest bit of each byte set so that the byte has an odd count of ones."""
    return bytes(byte ^ (byte.bit_count() + 1 & 1) for byte in key)


# --- Input of cryptograms -------------------------------------------------------------------------


def cvn01_input(terminal_data: bytes, aip: bytes, atc: bytes, cvr: bytes) -> bytes:
    """The input of cryptogram version 01.

    ``terminal_data``: 29 bytes, 9F02 9F03 9F1A 95 5F2A 9A 9C 9F37 as CDOL1 has them; ``aip``
    and ``atc`` 2 bytes, ``cvr`` 4 with its length byte 03.
    """
    return terminal_data + aip + atc + cvr


def cvn17_input(amount: bytes, unpredictable_number: bytes, atc: bytes, cvr: bytes) -> bytes:
    """The input of cryptogram version 17: 9F02, 9F37, 9F36 and byte 5 of 9F10 [L].

    ``amount`` 6 bytes, ``unpredictable_number`` 4, ``atc`` 2, ``cvr`` 4 with its length byte, of
    which the second is byte 5 of 9F10. From the practice of the scheme that PBOC followed; no
    PBOC source was found.
    """
    return amount + unpredictable_number + atc + cvr[1:2]


def issuer_data_mac(session: BankSession, atc: bytes, balance: bytes) -> bytes:
    """The 4-byte MAC that ends 9F10, over ATC 2, e-cash balance 5 and 00 [M].

    ``session`` is that of the MAC key (IMK-MAC), not of the cryptogram key. One published exchange
    of 3DES has this value; with SM4 the rule is the same by analogy [L].
    """
    return session.mac(atc + balance + b"\0")


# --- Issuer scripts -------------------------------------------------------------------------------


def script_mac(
    session: BankSession, header: bytes, atc: bytes, cryptogram: bytes, data: bytes, chain: bytes
) -> bytes:
    """The whole MAC block of a script command; its leftmost 4 bytes end the command's data.

    ``header`` are CLA INS P1 P2 Lc, Lc with the MAC counted; ``atc`` 2 bytes and ``cryptogram``
    8 bytes of the transaction at hand; ``data`` what stands before the MAC, as it is sent. The
    first command of a script has no ``chain``, each further one the block of the one before:
    the chaining is EMV's, no PBOC source confirms it [L].
    """
    return session.mac_block(header + atc + cryptogram + data, chain)


def pin_block(new_pin: str, card_key: bytes, current_pin: str | None = None) -> bytes:
    """The 8-byte block of PIN CHANGE/UNBLOCK before it is enciphered [M].

    The new PIN (4 to 12 digits) with its length before and F after, xor the last 4 bytes of the
    left half of the card's cryptogram key; xor the current PIN, filled with 0, when the card is to
    check that too.

    :raises ValueError: without showing a PIN.
    """
    check_bank_pin(new_pin)
    block = int(f"{len(new_pin):02X}{new_pin:F<14}", 16) ^ int.from_bytes(card_key[4:8])
    if current_pin is not None:
        check_bank_pin(current_pin)
        block ^= int(f"{current_pin:0<16}", 16)
    return block.to_bytes(8)


def pin_of_block(block: bytes, card_key: bytes, current_pin: str | None = None) -> str | None:
    """The new PIN of a deciphered block, None when it is none (wrong key, wrong current PIN)."""
    if len(block) != 8:
        return None
    value = int.from_bytes(block) ^ int.from_bytes(card_key[4:8])
    if current_pin is not None:
        value ^= int(f"{current_pin:0<16}", 16)
    text = f"{value:016X}"
    length = int(text[:2], 16)
    pin, rest = text[2 : 2 + length], text[2 + length :]
    if length not in PIN_DIGITS or not pin.isdecimal() or rest.strip("F"):
        return None
    return pin


def plain_pin_block(pin: str) -> bytes:
    """The 8-byte block of VERIFY with a plain PIN (ISO 9564-1 format 2): 2L digits F.

    :raises ValueError: without showing the PIN.
    """
    check_bank_pin(pin)
    return bytes.fromhex(f"2{len(pin):X}{pin:F<14}")


def check_bank_pin(pin: str) -> None:
    """See that ``pin`` is 4 to 12 digits; an error does not show it.

    :raises ValueError: without showing it, unless ``pin`` is 4 to 12 digits.
    """
    if len(pin) not in PIN_DIGITS or not _DIGITS.fullmatch(pin):
        raise ValueError("PIN: must be 4 to 12 digits")

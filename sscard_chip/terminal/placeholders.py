# SPDX-License-Identifier: Apache-2.0
"""Placeholders of exchange scripts: what a client computes before it can send a command.

A template is hexadecimal text with placeholders in braces, ``0082000A10{auth:RKSSSE}{original}``.
A placeholder gives hexadecimal text (in field values: text) and may take arguments behind colons.

=====================  =======================================================================
``{factor}``           card diversification factor (分散因子), the last 8 historical bytes
``{serial}``           the last 4 historical bytes
``{challenge:n}``      the n-th last challenge the card gave, 1 by default
``{random:n}``         n fresh random bytes
``{NAME}``             a variable set by ``let``
``{holder.NAME}``      a value of the holder's
``{an:NAME:n}``        a holder's value in GB 18030, n bytes, padded with 00; ``=TEXT`` is a literal
``{cn:NAME:n}``        a holder's digits as BCD, n bytes, padded with F; ``=DIGITS`` is a literal
``{fill:XX:n}``        n bytes XX
``{pin:NAME}``         Lc and a PIN as BCD; a holder's value or ``=DIGITS``, by default ``pin``
``{change:OLD:NEW}``   Lc and data of CHANGE PIN, each a holder's value or ``=DIGITS``
``{auth:ROOT:v}``      8 bytes of 鉴别数据 over ``original`` under key ROOT version v (1), session
                       key from the last challenge
``{internal:ROOT:v}``  the same with the session key from the variable ``session``
``{unblock:ROOT}``     Lc and MAC of PIN unblock under the maintenance key, last challenge
``{reload:ROOT:PIN}``  P2, Lc, enciphered PIN and MAC of PIN reload
``{mac1:ROOT:N:T}``    MAC1 of the PSAM for the purse's last INITIALIZE: N its 终端交易序号, 8 hex
                       digits, T date and time, 14 digits; ROOT's key is DPK
``{mac2:ROOT:N}``      MAC2 that the card must answer to that DEBIT
``{tac:ROOT:N:T}``     TAC that the card must answer to it; ROOT's key is DTK
``{credit:ROOT:T}``    MAC2 of the host for a load (DLK), ``{credited:ROOT:T}`` its TAC (DTK)
``{mac:ROOT:HEX}``     MAC of an issuer's command of the purse, HEX from CLA to its data with the
                       MAC counted in Lc; initial value the last challenge
=====================  =======================================================================

LD/T 32.4 (session key, 鉴别数据, MAC), LD/T 32.5 (command data); JR/T 0025 for the purse, whose
algorithm is the one that INITIALIZE answers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from os import urandom
from typing import Any, Final, Protocol

from sscard_chip.security.purse import (
    PURSE_SUITE_OF_CODE,
    PURSE_SUITES,
    PurseSuite,
    command_mac,
    online_factor,
    purchase_factor,
)
from sscard_chip.security.suite import SessionCipher, Suite
from sscard_chip.standard.commands import (
    GET_CHALLENGE,
    PIN_CHANGE_UNBLOCK,
    PIN_UNBLOCK_HEADER,
    PURSE_INITIALIZE,
    before_mac,
)
from sscard_chip.standard.dates import bcd
from sscard_chip.standard.errors import InputError
from sscard_chip.standard.messages import purse as messages
from sscard_chip.standard.purse_transactions import KINDS, Course
from sscard_chip.standard.text import encode_text

_TIME_DIGITS: Final = 14
_NO_TIME: Final = "0" * _TIME_DIGITS
_PLACEHOLDER: Final = re.compile(r"\{([a-z][^{}]*)\}")


class CardKeys(Protocol):
    """The keys of one card, as a security module (PSAM or 加密机) would use them."""

    def __call__(self, root: str, version: int, /) -> bytes:
        """The card's key under root key ``root``, 16 bytes, or 8 for a single-DES key."""


class PlaceholderError(InputError):
    """A placeholder that does not exist or cannot be computed; names it, never its value."""


@dataclass(slots=True)
class Values:
    """What placeholders are computed from during one run; its repr shows no secret."""

    atr: bytes
    suite: Suite
    keys: CardKeys = field(repr=False)
    holder: Mapping[str, str] = field(repr=False)
    challenges: list[bytes] = field(default_factory=list, repr=False)
    opened: tuple[bytes, bytes] = field(default=(b"", b""), repr=False)
    variables: dict[str, str] = field(default_factory=dict, repr=False)

    def take(self, command: bytes, body: bytes) -> None:
        """Keep what the card answered to a command that succeeded, as its client does: the
        challenge, or what INITIALIZE of a purse has opened."""
        if command[:2] == GET_CHALLENGE.code:
            self.challenges.append(body)
        elif command[:2] == PURSE_INITIALIZE.code:
            self.opened = command, body

    def fill(self, template: str) -> str:
        """``template`` with every placeholder replaced.

        :raises PlaceholderError: for an unknown placeholder or missing value.
        """
        return _PLACEHOLDER.sub(lambda match: self._value(match[1]), template)

    def to_bytes(self, template: str) -> bytes:
        """The bytes of a hexadecimal template; blanks in it do not count."""
        text = self.fill(template)
        try:
            return bytes.fromhex(text)
        except ValueError:
            raise PlaceholderError(f"template {template!r} does not give hexadecimal") from None

    def _value(self, placeholder: str) -> str:
        name, *arguments = placeholder.split(":")
        try:
            if name.startswith("holder."):
                return self.holder[name.removeprefix("holder.")]
            if name in _FUNCTIONS:
                return _FUNCTIONS[name](self, *arguments)
            return self.variables[name]
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise PlaceholderError(
                f"placeholder {{{placeholder}}}: {type(error).__name__}"
            ) from None

    def text(self, source: str) -> str:
        """A holder's value, or the literal behind ``=``."""
        return source[1:] if source.startswith("=") else self.holder[source]

    def session(self, root: str, version: int, factor: bytes) -> SessionCipher:
        """A session under a card key for a random of 8 bytes."""
        encrypt = self.suite.encryptor(self.keys(root, version))
        return self.suite.session(self.suite.session_key(encrypt, factor))


def historical_bytes(atr: bytes) -> bytes:
    """The historical bytes (历史字节) of an ATR, also of one that a contactless reader made up.

    ISO/IEC 7816-3 clause 8.2: T0 counts them; each TDi says which interface bytes follow.
    """
    if len(atr) < 2:
        return b""
    position, present = 2, atr[1] >> 4
    while present:
        position += present.bit_count()
        last = atr[position - 1] if position <= len(atr) else 0
        present = last >> 4 if present & 0x8 else 0
    return atr[position : position + (atr[1] & 0x0F)]


def _with_length(data: bytes) -> str:
    return (bytes((len(data),)) + data).hex().upper()


def _challenge(values: Values, nth: str = "1") -> str:
    return values.challenges[-int(nth)].hex().upper()


def _an(values: Values, source: str, length: str) -> str:
    data = encode_text(values.text(source))
    if len(data) > int(length):
        raise ValueError("too long")
    return data.ljust(int(length), b"\0").hex().upper()


def _cn(values: Values, source: str, length: str) -> str:
    digits = values.text(source)
    if len(digits) > 2 * int(length):
        raise ValueError("too long")
    return digits.ljust(2 * int(length), "F").upper()


def _pin(values: Values, source: str = "pin") -> str:
    return _with_length(bcd(values.text(source)))


def _change(values: Values, old: str, new: str) -> str:
    return _with_length(bcd(values.text(old)) + b"\xff" + bcd(values.text(new)))


def _proof(values: Values, root: str, version: str, factor: bytes) -> str:
    session = values.session(root, int(version), factor)
    original = bytes.fromhex(values.variables["original"])
    return session.authentication_data(original).hex().upper()


def _auth(values: Values, root: str, version: str = "1") -> str:
    return _proof(values, root, version, values.challenges[-1])


def _internal(values: Values, root: str, version: str = "1") -> str:
    return _proof(values, root, version, bytes.fromhex(values.variables["session"]))


def _unblock(values: Values, root: str) -> str:
    session = values.session(root, 1, values.challenges[-1])
    return "04" + session.mac(PIN_UNBLOCK_HEADER).hex().upper()


def _reload(values: Values, root: str, source: str) -> str:
    session = values.session(root, 1, values.challenges[-1])
    enciphered = session.encipher(bcd(values.text(source)))
    message = before_mac(PIN_CHANGE_UNBLOCK.header(0x00, 0x01), enciphered)
    return (message + session.mac(message))[3:].hex().upper()


# --- deposit, purse and the transport application ------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Opened:
    """A transaction that INITIALIZE has opened: its algorithm, its fields, its keys."""

    purse: PurseSuite
    fields: dict[str, Any]
    random: bytes
    number: bytes
    key: Callable[[str], bytes]

    @classmethod
    def of(cls, values: Values, courses: frozenset[Course], time: str = _NO_TIME) -> _Opened:
        """The last one. :raises ValueError: none of these is open, or a length is wrong."""
        command, answer = values.opened
        kind = KINDS.get((command[2], command[3])) if command else None
        if kind is None or kind.course not in courses:
            raise ValueError("no such transaction is open")
        if len(command) < 5 + messages.INITIALIZE.sizeof() or len(time) != _TIME_DIGITS:
            raise ValueError("not of the right length")
        asked = messages.INITIALIZE.parse(command[5:])
        debit = kind.course is Course.DEBIT
        layout = messages.OFFLINE_ANSWER if debit else messages.ONLINE_ANSWER
        if len(answer) != layout.sizeof():
            raise ValueError("not of the right length")
        found = layout.parse(answer)
        change = 0 if debit else asked.amount_fen
        fields = {
            "amount_fen": asked.amount_fen,
            "transaction_type": kind.type,
            "terminal": asked.terminal,
            "balance_fen": found.balance_fen + change,
            "number": found.number,
            "time": bytes.fromhex(time),
        }

        def key(root: str) -> bytes:
            return values.keys(root, found.key_version)

        number = found.number.to_bytes(2)
        return cls(PURSE_SUITE_OF_CODE[found.algorithm], fields, found.random, number, key)

    def mac(self, root: str, factor: bytes, message: bytes) -> str:
        """The MAC under the session key of ``factor``."""
        encrypt = self.purse.suite.encryptor(self.key(root))
        return self.purse.session(encrypt, factor).mac(message).hex().upper()

    def debit_mac(self, root: str, sequence: str, message: bytes) -> str:
        """That of a transaction of the PSAM with this number."""
        factor = purchase_factor(self.random, self.number, bytes.fromhex(sequence))
        return self.mac(root, factor, message)

    def tac(self, root: str, message: bytes) -> str:
        """The TAC over a message."""
        return self.purse.tac(self.key(root), message).hex().upper()


_DEBITS: Final = frozenset({Course.DEBIT})
_LOADS: Final = frozenset({Course.LOAD})


def _mac1(values: Values, root: str, sequence: str, time: str) -> str:
    opened = _Opened.of(values, _DEBITS, time)
    return opened.debit_mac(root, sequence, messages.TIMED.build(opened.fields))


def _mac2(values: Values, root: str, sequence: str) -> str:
    opened = _Opened.of(values, _DEBITS)
    return opened.debit_mac(root, sequence, messages.PURCHASE_MAC2.build(opened.fields))


def _tac(values: Values, root: str, sequence: str, time: str) -> str:
    opened = _Opened.of(values, _DEBITS, time)
    fields = opened.fields | {"terminal_number": int.from_bytes(bytes.fromhex(sequence)[:4])}
    return opened.tac(root, messages.PURCHASE_TAC.build(fields))


def _credit(values: Values, root: str, time: str) -> str:
    opened = _Opened.of(values, _LOADS, time)
    factor = online_factor(opened.random, opened.number)
    return opened.mac(root, factor, messages.TIMED.build(opened.fields))


def _credited(values: Values, root: str, time: str) -> str:
    opened = _Opened.of(values, _LOADS, time)
    return opened.tac(root, messages.ONLINE_TAC.build(opened.fields))


def _mac(values: Values, root: str, command: str) -> str:
    purse, key = PURSE_SUITES[values.suite.name], values.keys(root, 1)
    message = bytes.fromhex(command)
    return command_mac(purse, key, values.challenges[-1], message).hex().upper()


_FUNCTIONS: Final[dict[str, Callable[..., str]]] = {
    "factor": lambda values: historical_bytes(values.atr)[-8:].hex().upper(),
    "serial": lambda values: historical_bytes(values.atr)[-4:].hex().upper(),
    "challenge": _challenge,
    "random": lambda values, count: urandom(int(count)).hex().upper(),
    "fill": lambda values, byte, count: byte * int(count),
    "an": _an,
    "cn": _cn,
    "pin": _pin,
    "change": _change,
    "auth": _auth,
    "internal": _internal,
    "unblock": _unblock,
    "reload": _reload,
    "mac1": _mac1,
    "mac2": _mac2,
    "tac": _tac,
    "credit": _credit,
    "credited": _credited,
    "mac": _mac,
}

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
=====================  =======================================================================

LD/T 32.4 (session key, 鉴别数据, MAC) and LD/T 32.5 (command data).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from os import urandom
from typing import Final, Protocol

from sscard_chip.security.suite import SessionCipher, Suite
from sscard_chip.standard.commands import PIN_CHANGE_UNBLOCK, PIN_UNBLOCK_HEADER, before_mac
from sscard_chip.standard.dates import bcd
from sscard_chip.standard.errors import InputError
from sscard_chip.standard.text import encode_text

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
    variables: dict[str, str] = field(default_factory=dict, repr=False)

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
}

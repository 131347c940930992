# SPDX-License-Identifier: Apache-2.0
"""Issuer scripts: commands under the card's script keys, and the templates that carry them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from sscard_chip.security.emv import MAC_LENGTH, BankSession, check_bank_pin, pin_block, script_mac
from sscard_chip.standard.commands import (
    APPLICATION_BLOCK,
    APPLICATION_UNBLOCK,
    CARD_BLOCK,
    DEACTIVATE_APPLICATION,
    PIN_CHANGE_UNBLOCK,
    PUT_DATA,
    UPDATE_RECORD,
    StandardCommand,
)
from sscard_chip.terminal.bank.cryptograms import IssuerData
from sscard_chip.terminal.bank.errors import CardDataError
from sscard_chip.terminal.bank.tlv import tlv, tlvs

BEFORE: Final = 0x71
AFTER: Final = 0x72
"""Templates of scripts that run before and after the second GENERATE AC."""

_IDENTIFIER: Final = 0x9F18
_COMMAND: Final = 0x86
_MOST: Final = 255 - MAC_LENGTH

ECASH_BALANCE: Final = 0x9F79
ECASH_LIMIT: Final = 0x9F77
ECASH_SINGLE_LIMIT: Final = 0x9F78
ECASH_RESET: Final = 0x9F6D


@dataclass(slots=True, eq=False, repr=False)
class ScriptBuilder:
    """The commands of one transaction's scripts, in the order in which the card gets them.

    :param mac: session of the card's MAC key for this ATC.
    :param encipherment: the same of its encipherment key.
    :param cryptogram_key: the card's cryptogram key, 16 bytes, which a PIN block needs.
    :param cryptogram: the 8 bytes that the card sent with the request (9F26).
    :param issuer_data: what it reported with them (9F10).
    """

    mac: BankSession
    encipherment: BankSession
    cryptogram_key: bytes
    atc: bytes
    cryptogram: bytes
    issuer_data: IssuerData
    _chain: bytes = b""
    _commands: list[bytes] = field(default_factory=list)

    def put_data(self, tag: int, value: bytes) -> ScriptBuilder:
        """Set a data object, e.g. the e-cash balance (9F79) to a new value."""
        return self._add(PUT_DATA, tag >> 8, tag & 0xFF, value)

    def put_amount(self, tag: int, amount_fen: int) -> ScriptBuilder:
        """Set an amount of e-cash (9F77, 9F78, 9F79, 9F6D), 12 digits of fen."""
        return self.put_data(tag, bytes.fromhex(f"{amount_fen:012d}"))

    def load(self, amount_fen: int) -> ScriptBuilder:
        """Add to the electronic cash what the card reported that it has.

        :raises ValueError: when the card reported none.
        """
        if not self.issuer_data.balance:
            raise ValueError("load: the card has told no electronic cash")
        return self.put_amount(ECASH_BALANCE, int(self.issuer_data.balance.hex()) + amount_fen)

    def update_record(self, sfi: int, number: int, record: bytes) -> ScriptBuilder:
        """Replace a record by ``record``, whole with its template."""
        return self._add(UPDATE_RECORD.secured(), number, sfi << 3 | 0x04, record)

    def change_pin(self, new_pin: str, current_pin: str | None = None) -> ScriptBuilder:
        """Set the bank PIN, the tries with it; with ``current_pin`` the card checks that first."""
        check_bank_pin(new_pin)
        block = self.encipherment.encipher(pin_block(new_pin, self.cryptogram_key, current_pin))
        return self._add(PIN_CHANGE_UNBLOCK, 0x00, 0x02 if current_pin is None else 0x01, block)

    def unblock_pin(self) -> ScriptBuilder:
        """Give the bank PIN its tries back."""
        return self._add(PIN_CHANGE_UNBLOCK)

    def block_application(self) -> ScriptBuilder:
        """APPLICATION BLOCK."""
        return self._add(APPLICATION_BLOCK)

    def unblock_application(self) -> ScriptBuilder:
        """APPLICATION UNBLOCK."""
        return self._add(APPLICATION_UNBLOCK)

    def deactivate_application(self) -> ScriptBuilder:
        """Let the application go to sleep: it is not found any more until it is activated [L]."""
        return self._add(DEACTIVATE_APPLICATION)

    def block_card(self) -> ScriptBuilder:
        """CARD BLOCK: for good, the social security part with it."""
        return self._add(CARD_BLOCK)

    def _add(
        self, command: StandardCommand, p1: int = 0, p2: int = 0, data: bytes = b""
    ) -> ScriptBuilder:
        if len(data) > _MOST:
            raise ValueError(f"script command: carries at most {_MOST} bytes")
        header = command.header(p1, p2) + bytes((len(data) + MAC_LENGTH,))
        self._chain = script_mac(self.mac, header, self.atc, self.cryptogram, data, self._chain)
        self._commands.append(header + data + self._chain[:MAC_LENGTH])
        return self

    @property
    def commands(self) -> tuple[bytes, ...]:
        """What has been added, as the card gets it."""
        return tuple(self._commands)

    def template(self, tag: int = AFTER, identifier: bytes = bytes(4), *, begin: int = 0) -> bytes:
        """The script with all commands from number ``begin`` on."""
        return script_template(self._commands[begin:], tag, identifier)


def script_template(
    commands: Iterable[bytes], tag: int = AFTER, identifier: bytes = bytes(4)
) -> bytes:
    """Template 71 or 72: 9F18 (4 bytes) and an 86 for each command."""
    body = tlv(_IDENTIFIER, identifier) + b"".join(tlv(_COMMAND, one) for one in commands)
    return tlv(tag, body)


@dataclass(frozen=True, slots=True)
class IssuerScript:
    """A template that came from the issuer."""

    tag: int
    identifier: bytes
    commands: tuple[bytes, ...] = field(repr=False)

    @classmethod
    def parse(cls, data: bytes) -> IssuerScript:
        """Take one template apart. :raises CardDataError: it is no script."""
        objects = list(tlvs(data, "script"))
        if len(objects) != 1 or objects[0][0] not in (BEFORE, AFTER):
            raise CardDataError("script: is not one template 71 or 72")
        tag, body = objects[0]
        identifier, commands = bytes(4), []
        for inner, value in tlvs(body, "script"):
            if inner == _IDENTIFIER and len(value) == 4:
                identifier = value
            elif inner == _COMMAND and len(value) >= 4:
                commands.append(value)
            else:
                raise CardDataError(f"script: {inner:02X} does not belong there")
        return cls(tag, identifier, tuple(commands))

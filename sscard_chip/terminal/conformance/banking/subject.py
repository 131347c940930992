# SPDX-License-Identifier: Apache-2.0
"""The bank application of a run, and what the run was given for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sscard_chip.security.keystore import KeyStore
from sscard_chip.standard.commands import SELECT
from sscard_chip.standard.errors import CardError
from sscard_chip.terminal.bank.errors import BankTerminalError
from sscard_chip.terminal.bank.selection import candidates
from sscard_chip.terminal.bank.terminal import AIDS, Authority
from sscard_chip.terminal.client import ApduClient
from sscard_chip.terminal.conformance.subject import SubjectError, ask
from sscard_chip.terminal.connection import Connection

Authorities = Mapping[tuple[bytes, int], Authority]
"""Keys of authorities by RID and index, as a terminal has them."""


@dataclass(frozen=True, slots=True)
class BankSubject:
    """What a run knows of the bank application. ``aid`` is its first application."""

    interface: str
    atr: bytes
    aid: bytes
    pin: str = field(repr=False, default="")
    store: KeyStore | None = field(repr=False, default=None)
    authorities: Authorities = field(default_factory=dict)

    kind: str = "bank"
    generation: int = 0
    algorithm: str = ""

    @property
    def contact(self) -> bool:
        """Whether the card is reached over T=0."""
        return self.interface == "contact"

    @property
    def mark(self) -> bytes:
        """What tells the card from others."""
        return self.aid + self.atr


def examine_bank(
    connection: Connection,
    *,
    interface: str,
    pin: str = "",
    store: KeyStore | None = None,
    authorities: Authorities | None = None,
) -> BankSubject:
    """Power on a card and look for its bank application.

    :raises SubjectError: it has none.
    :raises TerminalConnectionError: the connection failed.
    """
    atr = bytes(connection.power_on())
    try:
        found = candidates(ApduClient(connection), AIDS, contactless=interface == "contactless")
    except (BankTerminalError, CardError, ValueError, IndexError):
        found = []
    aid = found[0].aid if found else _by_name(connection)
    if not aid:
        raise SubjectError(f"no bank application is found over {interface}")
    return BankSubject(interface, atr, aid, pin, store, authorities or {})


def _by_name(connection: Connection) -> bytes:
    """The first application that is selected by its AID, where the directory is none."""
    for aid in AIDS:
        if ask(connection, SELECT.apdu(0x04, 0x00, aid))[1] == 0x9000:
            return aid
    return b""

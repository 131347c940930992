# SPDX-License-Identifier: Apache-2.0
"""The transaction of a bank application: its states, and which command each state takes.

::

    SELECTED --GET PROCESSING OPTIONS--> INITIATED --GENERATE AC--> ONLINE (ARQC)
        |                                    |                         | GENERATE AC
        | contactless                        | TC, AAC                 v
        +--------------> FINISHED            +-------------------> COMPLETED

COMPLETED still takes scripts; FINISHED, the state after a contactless GET PROCESSING OPTIONS,
takes nothing that belongs to a transaction. SELECT begins anew from anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from sscard_chip.standard import commands
from sscard_chip.standard.commands import StandardCommand


class TransactionState(Enum):
    """Where a transaction stands."""

    SELECTED = "selected"
    INITIATED = "initiated"
    ONLINE = "waiting for the issuer"
    COMPLETED = "completed, scripts may follow"
    FINISHED = "finished"


_ALWAYS: Final = frozenset(TransactionState)
_SCRIPTS: Final = frozenset((TransactionState.ONLINE, TransactionState.COMPLETED))

TAKES: Final[Mapping[StandardCommand, frozenset[TransactionState]]] = {
    commands.READ_RECORD: _ALWAYS,
    commands.GET_DATA: _ALWAYS,
    commands.GET_CHALLENGE: _ALWAYS,
    commands.VERIFY: _ALWAYS,
    commands.GET_PROCESSING_OPTIONS: frozenset((TransactionState.SELECTED,)),
    commands.INTERNAL_AUTHENTICATE: frozenset((TransactionState.INITIATED,)),
    commands.GENERATE_AC: frozenset((TransactionState.INITIATED, TransactionState.ONLINE)),
    commands.EXTERNAL_AUTHENTICATE: frozenset((TransactionState.ONLINE,)),
    commands.APPLICATION_BLOCK: _SCRIPTS,
    commands.APPLICATION_UNBLOCK: _SCRIPTS,
    commands.DEACTIVATE_APPLICATION: _SCRIPTS,
    commands.CARD_BLOCK: _SCRIPTS,
    commands.PIN_CHANGE_UNBLOCK: _SCRIPTS,
    commands.PUT_DATA: _SCRIPTS,
    commands.UPDATE_RECORD.secured(): _SCRIPTS,
}
"""In which states a command is taken; in others it answers 6985."""


SIGNATURE_RECORD: Final = (3, 7)
"""SFI and number of the record that a contactless approval adds: the dynamic signature, which is
too long for the answer itself [L]."""


@dataclass(frozen=True, slots=True)
class PaymentTransaction:
    """A transaction between GET PROCESSING OPTIONS and the next SELECT.

    Each step replaces it by another, so that a command which is refused leaves it as it was.
    ``terminal`` is what the terminal has sent so far, by tag; ``chain`` the last MAC block of
    the script; ``signature`` that of a contactless approval, which stands in
    :data:`SIGNATURE_RECORD`.
    """

    state: TransactionState
    atc: bytes
    electronic_cash: bool = False
    pin_received: bool = False
    pin_failed: bool = False
    blocked_by_pin: bool = False
    dynamic_signature: bool = False
    cryptogram: bytes = b""
    issuer_checked: bool = False
    issuer_failed: bool = False
    chain: bytes = b""
    signature: bytes = b""
    terminal: Mapping[int, bytes] = field(default_factory=dict)

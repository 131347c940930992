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


class State(Enum):
    """Where a transaction stands."""

    SELECTED = "selected"
    INITIATED = "initiated"
    ONLINE = "waiting for the issuer"
    COMPLETED = "completed, scripts may follow"
    FINISHED = "finished"


_ALWAYS: Final = frozenset(State)
_SCRIPTS: Final = frozenset((State.ONLINE, State.COMPLETED))

TAKES: Final[Mapping[str, frozenset[State]]] = {
    "READ RECORD": _ALWAYS,
    "GET DATA": _ALWAYS,
    "GET CHALLENGE": _ALWAYS,
    "VERIFY": _ALWAYS,
    "GET PROCESSING OPTIONS": frozenset((State.SELECTED,)),
    "INTERNAL AUTHENTICATE": frozenset((State.INITIATED,)),
    "GENERATE AC": frozenset((State.INITIATED, State.ONLINE)),
    "EXTERNAL AUTHENTICATE": frozenset((State.ONLINE,)),
    "APPLICATION BLOCK": _SCRIPTS,
    "APPLICATION UNBLOCK": _SCRIPTS,
    "DEACTIVATE APPLICATION": _SCRIPTS,
    "CARD BLOCK": _SCRIPTS,
    "PIN CHANGE/UNBLOCK": _SCRIPTS,
    "PUT DATA": _SCRIPTS,
    "UPDATE RECORD": _SCRIPTS,
}
"""In which states a command is taken; in others it answers 6985."""


SIGNATURE_RECORD: Final = (3, 7)
"""SFI and number of the record that a contactless approval adds: the dynamic signature, which is
too long for the answer itself [L]."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """A transaction between GET PROCESSING OPTIONS and the next SELECT.

    Each step replaces it by another, so that a command which is refused leaves it as it was.
    ``terminal`` is what the terminal has sent so far, by tag; ``chain`` the last MAC block of
    the script; ``signature`` that of a contactless approval, which stands in
    :data:`SIGNATURE_RECORD`.
    """

    state: State
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

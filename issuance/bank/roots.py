# SPDX-License-Identifier: Apache-2.0
"""The bank's root keys: names of their own, in a store of their own.

The stores are those of :mod:`issuance.stores`: a plain file, an encrypted one, a token. A name
of the bank's is never one of the social security side's, so a store with the wrong roots says at
once that a key is missing.
"""

from __future__ import annotations

from typing import Final

from issuance.roots import Slot
from sscard_chip.profile import purse
from sscard_chip.security.suite import SUITES

MDK_AC: Final = "MDK_AC"
MDK_MAC: Final = "MDK_MAC"
MDK_ENC: Final = "MDK_ENC"
CARD_KEYS: Final = (MDK_AC, MDK_MAC, MDK_ENC)
"""Masters of the card keys of debit/credit: cryptograms, MAC and encipherment of scripts."""

KEY_VERSION: Final = 1
"""Version of the masters that new cards get; 9F10 shows it as the derivation key index."""


def bank_slots() -> list[Slot]:
    """Every root key of a bank, both suites: debit/credit, and deposit and purse."""
    names = dict.fromkeys(CARD_KEYS, KEY_VERSION) | purse.purse_root_names()
    return [
        (suite, name, version)
        for suite in SUITES
        for name, versions in names.items()
        for version in range(1, versions + 1)
    ]

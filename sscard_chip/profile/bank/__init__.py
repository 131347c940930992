# SPDX-License-Identifier: Apache-2.0
"""The directories of the bank application, declared as data (payment page, part B).

:class:`BankContents` is all that personalisation says of one application; :func:`add_bank` puts
it behind the files of a card of generation 2 or 3, in directories of its own.

>>> from sscard_chip.profile import for_generation
>>> from sscard_chip.profile.bank import BankContents, BankKeys, add_bank
>>> from sscard_chip.profile.compiler import compile_template
>>> memory = compile_template(for_generation(2))
>>> keys = BankKeys(bytes(16), bytes(16), bytes(16))
>>> add_bank(memory, BankContents(pan="6239900000000005", expiry="301231", keys=keys))
>>> from sscard_chip.card import Card
>>> card = Card(memory)
>>> _ = card.power_on()
>>> card.transmit(bytes.fromhex("00A4040008A000000333010101"))[-2:].hex()
'9000'
"""

from __future__ import annotations

from sscard_chip.profile.bank.directories import BankError, add_bank
from sscard_chip.profile.bank.model import (
    BankContents,
    BankKeys,
    ElectronicCash,
    OfflineData,
    OfflineLimits,
    Variant,
)
from sscard_chip.profile.bank.records import file_locator, records, static_data, track_2

__all__ = [
    "BankContents",
    "BankError",
    "BankKeys",
    "ElectronicCash",
    "OfflineData",
    "OfflineLimits",
    "Variant",
    "add_bank",
    "file_locator",
    "records",
    "static_data",
    "track_2",
]

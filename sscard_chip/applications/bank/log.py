# SPDX-License-Identifier: Apache-2.0
"""The transaction log (EMV book 3, annex D; payment page B4).

A record is the raw values of :data:`LOG_FORMAT` one behind the other, 45 bytes. The payment page
gives 0x19 as its length, which is that of the format itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sscard_chip.applications.bank.application import BankApplication
from sscard_chip.filesystem.tlv import dol_length, fill_dol, parse_dol

LOG_FORMAT: Final = bytes.fromhex("9A039F21039F02069F03069F1A025F2A029F4E149C019F3602")
"""Date, time, amount, other amount, country, currency, merchant, type, ATC."""
LOG_RECORDS: Final = 10

_FORMAT: Final = parse_dol(LOG_FORMAT)
LOG_RECORD_LENGTH: Final = dol_length(_FORMAT)
_ATC: Final = 0x9F36


def stage_log(application: BankApplication, terminal: Mapping[int, bytes], atc: bytes) -> None:
    """Stage the record of an approved transaction, as the newest.

    ``terminal`` is what the terminal has sent, by tag; what it has not sent stands as 00: a
    contactless one gives neither time nor merchant.
    """
    if application.log is not None:
        application.log.stage_append(fill_dol(_FORMAT, {**terminal, _ATC: atc}))

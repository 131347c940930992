# SPDX-License-Identifier: Apache-2.0
"""The TAC of one row, while its till waits: the city's key is kept, the card's made anew."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Final

from sscard_chip.dayfile.rows import DayRow
from sscard_chip.security.diversify import city_factor, province_factor
from sscard_chip.security.suite import SUITES, pad
from sscard_chip.settlement.tac.keys import Enciphering
from sscard_chip.standard.dates import is_digits
from sscard_chip.standard.keys import DTK

CheckTac = Callable[[DayRow], bool]
"""Whether a row's TAC is right. Raises :class:`~sscard_chip.security.keystore.KeyMissingError`
when there is no key for it, :class:`~sscard_chip.security.keystore.KeyStoreError` when the store
cannot answer."""

_MOST_VERSION: Final = 0xFF


def tac_checker(store: Enciphering) -> CheckTac:
    """A check by the DTKs of a key store, which is asked by one thread at a time."""
    turn = Lock()

    def check(row: DayRow) -> bool:
        if row.tac is None or not 0 < row.key_version <= _MOST_VERSION:
            return False
        suite = SUITES[row.algorithm]
        city = row.card_id_code[:3].hex()
        if not is_digits(city, 6):
            return False
        factor = row.diversification_factor
        blocks = factor + bytes(byte ^ 0xFF for byte in factor)
        with turn:
            key = store.encrypt(
                row.algorithm, DTK, row.key_version,
                (province_factor(city), city_factor(city)), blocks,
            )  # fmt: skip
        return suite.tac_mac(key)(pad(_message(row), suite.block)) == row.tac

    return check


def _message(row: DayRow) -> bytes:
    """What the TAC of a purchase is over (LD/T 32.5): 30 bytes."""
    amounts = (row.card_account_fen, row.card_self_paid_fen, row.card_pooled_fen)
    return b"".join(
        (
            *(amount.to_bytes(4) for amount in amounts),
            row.transaction_type.to_bytes(1),
            bytes.fromhex(row.terminal_id),
            row.terminal_transaction_number.to_bytes(4),
            bytes.fromhex(row.time),
        )
    )

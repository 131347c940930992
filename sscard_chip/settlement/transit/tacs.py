# SPDX-License-Identifier: Apache-2.0
"""The TACs of taps in bulk, each under the DTK of its card: one request to the store an issuer."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from sscard_chip.security.diversify import KEY_LENGTH
from sscard_chip.security.keystore import KeyMissingError
from sscard_chip.security.purse import PURSE_SUITE_OF_CODE
from sscard_chip.settlement.arrays import Mask
from sscard_chip.settlement.tac import PURSE_TAC, BulkMacs
from sscard_chip.settlement.tac.keys import Enciphering
from sscard_chip.settlement.transit.taps import Records, issuer_factors, transaction_types
from sscard_chip.standard.transit import CLEARING_CODES

ROOT: Final = "TRANSIT_DTK"
_SUITES: Final = {
    cleared: PURSE_SUITE_OF_CODE[code].suite.name for code, cleared in CLEARING_CODES.items()
}


def verify_taps(store: Enciphering, records: Records) -> tuple[Mask, Mask]:
    """Which records have the right TAC, and which have no key.

    :raises KeyStoreError: when the store cannot answer: then nothing is known about them.
    """
    right, without = np.zeros(len(records), np.bool_), np.zeros(len(records), np.bool_)
    bulk = BulkMacs(PURSE_TAC)
    messages = tac_messages(records)
    factors = issuer_factors(records["issuer"])
    groups = np.zeros((len(records), 10), np.uint8)
    groups[:, :8], groups[:, 8] = factors, records["algorithm"]
    groups[:, 9] = records["key_version"]
    for group, rows in _groups(groups):
        suite, issuer = _SUITES.get(group[8], ""), group[:8]
        serials, which = np.unique(_words(records["serial"][rows]), return_inverse=True)
        order = np.argsort(which, kind="stable")
        blocks = serials.view(np.uint8).reshape(-1, 8)
        data = np.concatenate((blocks, ~blocks), axis=1).tobytes()
        try:
            keys = store.encrypt(suite, ROOT, group[9], [issuer], data)
        except KeyMissingError:
            without[rows] = True
            continue
        found = bulk.macs(
            suite,
            np.frombuffer(keys, np.uint8).reshape(-1, KEY_LENGTH),
            which[order],
            messages.take(rows[order], axis=0),
        )
        right[rows[order]] = (found == records["tac"][rows[order]]).all(axis=1)
    return right, without


def tac_messages(records: Records) -> NDArray[np.uint8]:
    """What the TACs are over (n, 22): amount, type, terminal, 终端交易序号, date, time."""
    messages = np.empty((len(records), PURSE_TAC.length), np.uint8)
    messages[:, :4] = records["amount_fen"].astype(">u4").view(np.uint8).reshape(-1, 4)
    messages[:, 4] = transaction_types(records)
    messages[:, 5:11] = records["terminal"]
    messages[:, 11:15] = records["sam_number"].astype(">u4").view(np.uint8).reshape(-1, 4)
    messages[:, 15:19] = records["date"]
    messages[:, 19:22] = records["time"]
    return messages


def _words(column: NDArray[np.uint8]) -> NDArray[np.uint64]:
    return np.ascontiguousarray(column).view(np.uint64).reshape(-1)


def _groups(groups: NDArray[np.uint8]) -> list[tuple[bytes, NDArray[np.intp]]]:
    """Issuer, algorithm and key version, and the rows that have them."""
    if not len(groups):
        return []
    distinct, member = np.unique(groups, axis=0, return_inverse=True)
    order = np.argsort(member.reshape(-1), kind="stable")
    ends = np.cumsum(np.bincount(member.reshape(-1), minlength=len(distinct)))
    parts = np.split(order, ends[:-1])
    return [(one.tobytes(), rows) for one, rows in zip(distinct, parts, strict=True)]

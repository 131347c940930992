# SPDX-License-Identifier: Apache-2.0
"""From columns to verdicts: derive the keys of the cards, compute the TACs, compare."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from sscard_chip.security.keystore import KeyMissingError
from sscard_chip.settlement.tac.bulk import BulkMacs
from sscard_chip.settlement.tac.columns import TAC, TacColumns
from sscard_chip.settlement.tac.keys import Enciphering, Keyed, KeyGroup, derive


class TacVerifier:
    """Verifies batches of medical purchases under the DTKs of a key store.

    It has one owner, a thread or a process. It keeps no key: a store that is asked for the same
    cities batch by batch may remember them (``issuance.stores.WorkingKeys``).
    """

    def __init__(self, store: Enciphering) -> None:
        self._store = store
        self._bulk = BulkMacs()
        self._without_key: dict[KeyGroup, str] = {}
        self._rows_without_key: Counter[KeyGroup] = Counter()

    @property
    def without_key(self) -> dict[KeyGroup, str]:
        """What :meth:`verify` has met that has no key: algorithm, version, division; and why."""
        return dict(self._without_key)

    @property
    def rows_without_key(self) -> Counter[KeyGroup]:
        """How many rows :meth:`verify` has met that have no key, by what selects it."""
        return self._rows_without_key.copy()

    def compute(self, columns: TacColumns) -> NDArray[np.uint8]:
        """The TACs (n, 4) that the cards must have answered; ``columns.tac`` is not looked at.

        :raises KeyMissingError: when a row has no key.
        :raises KeyStoreError: when the store cannot answer.
        """
        keyed, without = derive(self._store, columns)
        for missing in without.values():
            raise KeyMissingError(missing.reason)
        tacs = np.empty(len(columns), np.uint32)
        for part in keyed:
            tacs[part.rows] = self._tacs(part, columns)
        return tacs.view(np.uint8).reshape(-1, TAC)

    def verify(self, columns: TacColumns) -> NDArray[np.bool_]:
        """Which rows have the right TAC (n). A row without a key has not; see ``without_key``.

        :raises KeyStoreError: when the store cannot answer: then nothing is known about the rows.
        """
        keyed, without = derive(self._store, columns)
        self._without_key |= {group: missing.reason for group, missing in without.items()}
        self._rows_without_key.update({group: one.rows for group, one in without.items()})
        claimed = np.ascontiguousarray(columns.tac).view(np.uint32).reshape(-1)
        right = np.zeros(len(columns), np.bool_)
        for part in keyed:
            right[part.rows] = self._tacs(part, columns) == claimed[part.rows]
        return right

    def _tacs(self, part: Keyed, columns: TacColumns) -> NDArray[np.uint32]:
        """The TACs of ``part.rows``, four bytes as they lie in memory."""
        messages = columns.message.take(part.rows, axis=0)
        return self._bulk.macs(part.suite, part.keys, part.which, messages).view(np.uint32)[:, 0]

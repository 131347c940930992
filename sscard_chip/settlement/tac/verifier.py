# SPDX-License-Identifier: Apache-2.0
"""From columns to verdicts: derive the keys of the cards, compute the TACs, compare."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sscard_chip.security.keystore import KeyMissingError, KeyStore
from sscard_chip.settlement.tac.columns import TAC, TacColumns
from sscard_chip.settlement.tac.keys import Group, KeyGroup, derive, groups
from sscard_chip.settlement.tac.onebyone import macs_one_by_one


class TacVerifier:
    """Verifies batches of medical purchases under the DTKs of a key store.

    It has one owner, a thread or a process. It keeps no key: a store that is asked for the same
    cities batch by batch may remember them (``issuance.stores.WorkingKeys``).
    """

    def __init__(self, store: KeyStore) -> None:
        self._store = store
        self._without_key: set[KeyGroup] = set()

    @property
    def without_key(self) -> frozenset[KeyGroup]:
        """The algorithms, versions and divisions met by :meth:`verify` that have no key."""
        return frozenset(self._without_key)

    def compute(self, columns: TacColumns) -> NDArray[np.uint8]:
        """The TACs (n, 4) that the cards must have answered; ``columns.tac`` is not looked at.

        Raises :class:`~sscard_chip.security.keystore.KeyMissingError` when a row has no key,
        KeyStoreError when the store cannot answer.
        """
        tacs = np.empty((len(columns), TAC), np.uint8)
        for group in groups(columns):
            tacs[group.rows] = self._macs(group, columns)
        return tacs

    def verify(self, columns: TacColumns) -> NDArray[np.bool_]:
        """Which rows have the right TAC (n). A row without a key has not; see ``without_key``.

        Raises :class:`~sscard_chip.security.keystore.KeyStoreError` when the store cannot
        answer: then nothing is known about the rows.
        """
        right = np.zeros(len(columns), np.bool_)
        for group in groups(columns):
            try:
                tacs = self._macs(group, columns)
            except KeyMissingError:
                self._without_key.add(group.name)
                continue
            right[group.rows] = (tacs == columns.tac[group.rows]).all(axis=1)
        return right

    def _macs(self, group: Group, columns: TacColumns) -> NDArray[np.uint8]:
        suite, keys = derive(self._store, group)
        return macs_one_by_one(suite, keys, group.which, columns.message[group.rows])

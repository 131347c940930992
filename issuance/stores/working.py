# SPDX-License-Identifier: Apache-2.0
"""A store that remembers the keys of provinces and cities, for the length of a batch.

A card's key is two encipherments below a root; those of its province and city are the same for
every card of the city. With them at hand a card key costs one block, and an HSM is asked once
for each root and city instead of once for each card.

>>> from issuance.roots import create_roots
>>> with WorkingKeys(create_roots()) as store:
...     keys = [store.diversify("sm4", "IRK", 1, [(b"510000sh", b"510100sx", bytes(8))])
...             for _ in range(3)]
>>> keys[0] == keys[2]
True
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from issuance.roots import Slot, check_request, prepare_chains
from sscard_chip.closing import Closing
from sscard_chip.security.diversify import Chains, Family, diversify_families
from sscard_chip.security.keystore import KeyStore
from sscard_chip.security.suite import SUITES

CAPACITY: Final = 16_384
"""Parent keys that are kept, about 1 KiB each: every root of a hundred cities."""

_KEPT_FACTORS: Final = 2
"""Of the key of a province, and of a city; one with more is a card's."""

Parent = tuple[bytes, ...]
Encipher = Callable[[bytes], bytes]


class WorkingKeys(Closing):
    """A :class:`KeyStore` over another. It has one owner, a thread or a process.

    The parent keys are in this process's memory until :meth:`close`, also when the roots are in
    an HSM. Roots themselves are never asked for.
    """

    def __init__(self, store: KeyStore, *, capacity: int = CAPACITY) -> None:
        self._store = store
        self._capacity = capacity
        self._parents: dict[Slot, dict[Parent, Encipher]] = {}
        self._count = 0

    def diversify(
        self, algorithm: str, name: str, version: int, chains: Sequence[Sequence[bytes]]
    ) -> list[bytes]:
        """See :class:`~sscard_chip.security.keystore.KeyStore`."""
        prepared = prepare_chains("working keys", chains)
        families = prepared.families
        below_a_parent = sum(len(family.indices) for family in families if family.parent)
        if below_a_parent < len(prepared):
            return self._store.diversify(algorithm, name, version, prepared)
        parents = self._known((algorithm, name, version), [f.parent for f in families])

        def encipher(family: Family) -> bytes:
            return parents[family.parent](family.blocks)

        return diversify_families(prepared, b"", encipher)

    def encrypt(
        self, algorithm: str, name: str, version: int, factors: Sequence[bytes], data: bytes
    ) -> bytes:
        """See :class:`~sscard_chip.security.keystore.KeyStore`."""
        if not factors:
            return self._store.encrypt(algorithm, name, version, factors, data)
        check_request("working keys", algorithm, factors, data=data)
        if len(factors) <= _KEPT_FACTORS:
            parent = tuple(factors)
            return self._known((algorithm, name, version), [parent])[parent](data)
        (key,) = self.diversify(algorithm, name, version, [factors])
        return SUITES[algorithm].encryptor(key)(data)

    def mac(
        self,
        algorithm: str,
        name: str,
        version: int,
        factors: Sequence[bytes],
        iv: bytes,
        message: bytes,
    ) -> bytes:
        """See :class:`~sscard_chip.security.keystore.KeyStore`."""
        if not factors:
            return self._store.mac(algorithm, name, version, factors, iv, message)
        check_request("working keys", algorithm, factors, iv=iv)
        (key,) = self.diversify(algorithm, name, version, [factors])
        return SUITES[algorithm].key_mac(key, iv, message)

    def close(self) -> None:
        """Forget the parent keys. The store below stays open."""
        self._parents.clear()
        self._count = 0

    def _known(self, slot: Slot, parents: list[Parent]) -> dict[Parent, Encipher]:
        """The parents of one root; those that are new by one request to the store below."""
        known = self._parents.setdefault(slot, {})
        new = [parent for parent in parents if parent not in known]
        if not new:
            return known
        if self._count + len(new) > self._capacity:
            self.close()
            known, new = self._parents.setdefault(slot, {}), parents
        keys = self._store.diversify(*slot, Chains(new))
        known.update(zip(new, map(SUITES[slot[0]].encryptor, keys), strict=True))
        self._count += len(new)
        return known

    def __repr__(self) -> str:
        return f"<WorkingKeys, {self._count} parent keys of {self._store!r}>"

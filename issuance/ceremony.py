# SPDX-License-Identifier: Apache-2.0
"""A key ceremony (密钥仪式): roots from components, check values, moving keys between stores.

A root that comes from elsewhere arrives in two or three components (密钥分量), each with a person
of its own. The root is their XOR; each component alone says nothing about it. A check value
(校验值, KCV) shows that a component was typed right: the first 3 bytes of a block of zeros
enciphered with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import xor
from typing import Final, Self

from issuance.roots import RootKeys, Slot
from issuance.stores import RootStore, check_value
from issuance.stores.interface import CHECK_VALUE_LENGTH, Done, nobody_counts, refuse_known
from sscard_chip.security.diversify import KEY_LENGTH
from sscard_chip.security.keystore import KeyStore
from sscard_chip.security.suite import SUITES
from sscard_chip.standard.errors import KeyStoreError
from sscard_chip.standard.identifiers import ALGORITHM_3DES

COMPONENTS: Final = (2, 3)

_HEX: Final = re.compile(rf"[0-9A-Fa-f]{{{2 * KEY_LENGTH}}}")
_PARITY: Final = int("FE" * KEY_LENGTH, 16)
_HALF: Final = 8 * KEY_LENGTH // 2


class CeremonyError(KeyStoreError):
    """A component or key that is refused; one line without any part of it."""


@dataclass(frozen=True, slots=True, repr=False)
class Component:
    """One person's part of a key, 16 bytes."""

    value: bytes

    @classmethod
    def parse(cls, text: str) -> Self:
        """32 hex digits, blanks allowed.

        :raises CeremonyError:
        """
        digits = "".join(text.split())
        rule = None if _HEX.fullmatch(digits) else f"must be {2 * KEY_LENGTH} hex digits"
        if rule is None and not int(digits, 16):
            rule = "must not be all zero, it would leave the key to the others"
        del text
        if rule:
            digits = ""
            raise CeremonyError(f"component: {rule}")
        return cls(bytes.fromhex(digits))

    def check_value(self, algorithm: str) -> bytes:
        """3 bytes that the component's letter has too."""
        suite = SUITES[algorithm]
        return suite.encryptor(self.value)(bytes(suite.block))[:CHECK_VALUE_LENGTH]


def combine(slot: Slot, components: Sequence[Component]) -> RootKeys:
    """The root that two or three components make, for a slot.

    :raises CeremonyError: for a key that is none: all zero, or a 3DES key with equal halves, which
        is a single DES key.
    """
    least, most = COMPONENTS
    if not least <= len(components) <= most:
        raise CeremonyError(f"components: must be {least} to {most}")
    key = reduce(xor, (int.from_bytes(component.value) for component in components))
    rule = _weakness(slot[0], key)
    if rule is None:
        return RootKeys({slot: key.to_bytes(KEY_LENGTH)})
    del key
    raise CeremonyError(f"{': '.join(map(str, slot))}: {rule}")


def import_key(
    store: RootStore,
    slot: Slot,
    components: Sequence[Component],
    *,
    expected: bytes | None = None,
    replace: bool = False,
) -> bytes:
    """Put the root of ``components`` into a store and return its check value as the store says it.

    ``expected`` is the check value of the whole key, 3 bytes: another one is refused and nothing is
    stored.

    :raises CeremonyError:
    :raises KeyStoreError:
    """
    keys = combine(slot, components)
    if expected is not None and check_value(keys, slot) != expected:
        raise CeremonyError(f"{': '.join(map(str, slot))}: the check value is not the expected one")
    store.add(keys, replace=replace)
    return compare(keys, store, [slot])[slot]


def copy_keys(
    source: RootStore, target: RootStore, *, done: Done = nobody_counts
) -> dict[Slot, bytes]:
    """Put every key of one store into another; the check values are compared and returned.

    ``done`` is informed how many keys more are in.

    :raises KeyStoreError: ``source`` keeps its roots, or ``target`` has one of the keys already.
    """
    slots = source.slots()
    refuse_known(target.source, target.slots(), slots)
    target.add(RootKeys({slot: source.diversify(*slot, [()])[0] for slot in slots}), done=done)
    return compare(source, target, slots)


def check_values(store: RootStore) -> dict[Slot, bytes]:
    """The check value of every key in a store."""
    return {slot: check_value(store, slot) for slot in store.slots()}


def compare(source: KeyStore, target: KeyStore, slots: Iterable[Slot]) -> dict[Slot, bytes]:
    """The check values of ``slots`` in ``target``.

    :raises CeremonyError: when ``source`` has another key there.
    """
    values = {slot: check_value(target, slot) for slot in slots}
    for slot, value in values.items():
        if check_value(source, slot) != value:
            name = ": ".join(map(str, slot))
            raise CeremonyError(f"{name}: another key is there than was put in")
    return values


def _weakness(algorithm: str, key: int) -> str | None:
    """Why a key is none. Parity bits of DES do not count."""
    if not key:
        return "the components cancel each other, the key would be all zero"
    if algorithm == ALGORITHM_3DES:
        bits = key & _PARITY
        if bits >> _HALF == bits & ((1 << _HALF) - 1):
            return "both halves are equal, the key would be a single DES key"
    return None

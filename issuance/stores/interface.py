# SPDX-License-Identifier: Apache-2.0
"""What the stores have in common beyond serving keys: listing, filling, closing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, Protocol

from issuance.roots import RootKeyError, RootKeys, Slot
from sscard_chip.closing import Closing
from sscard_chip.security.keystore import KeyStore
from sscard_chip.security.suite import SUITES

CHECK_VALUE_LENGTH: Final = 3

Passphrase = str | Callable[[str], str] | None
"""A passphrase or PIN, or who is asked for it; the argument says what for, in few words."""


Done = Callable[[int], None]
"""Gets how many keys more are in."""


def nobody_counts(more: int) -> None:
    """For those who need no progress."""


class RootStore(KeyStore, Closing, Protocol):
    """A place for root keys; closed, it forgets the secrets that opened it.

    Every method may raise KeyStoreError, one line without a key.
    """

    source: str
    """What errors call it: the path of the file, or the token."""

    kind: str
    """``plain``, ``encrypted`` or ``pkcs11``."""

    def slots(self) -> list[Slot]:
        """Suite, name and version of every key, sorted."""

    def add(self, keys: RootKeys, *, replace: bool = False, done: Done = nobody_counts) -> None:
        """Put keys in: into a file all in one step, into a token one after the other.

        A key that is there already is refused unless ``replace``. ``done`` is informed of each key,
        or of all at once.
        """

    def generate(self, slots: Iterable[Slot], *, done: Done = nobody_counts) -> None:
        """Make random keys in place. Those that are there already are refused."""


def check_value(store: KeyStore, slot: Slot) -> bytes:
    """The check value (校验值, KCV) of a root: 3 bytes of zeros enciphered with it.

    It shows two people that they mean the same key and nothing else.
    """
    algorithm, name, version = slot
    zeros = bytes(SUITES[algorithm].block)
    return store.encrypt(algorithm, name, version, (), zeros)[:CHECK_VALUE_LENGTH]


def refuse_known(source: str, known: Iterable[Slot], new: Iterable[Slot]) -> None:
    """See that no key of ``new`` is there already.

    :raises RootKeyError: when a key of ``new`` is there already.
    """
    taken = sorted(set(known) & set(new))
    if taken:
        name = ": ".join(map(str, taken[0]))
        more = f" and {len(taken) - 1} more" if len(taken) > 1 else ""
        raise RootKeyError(f"{source}: {name}{more}: the key is there already")


def answer(passphrase: Passphrase, purpose: str) -> str | None:
    """The passphrase, asked for if need be; None when there is none."""
    return passphrase(purpose) if callable(passphrase) else passphrase

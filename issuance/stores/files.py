# SPDX-License-Identifier: Apache-2.0
"""What the two stores in files share: keys in memory, a file that is replaced whole."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path

from issuance.privatefile import write_private
from issuance.roots import RootKeyError, RootKeys, Slot
from issuance.stores.interface import Done, nobody_counts, refuse_known
from sscard_chip.closing import Closing
from sscard_chip.security.diversify import KEY_LENGTH


class FileStore(Closing, ABC):
    """Root keys that are read from a file once and then live in memory."""

    kind: str

    def __init__(self, path: Path, roots: RootKeys) -> None:
        self._path = path
        self._roots = roots
        self.source = roots.source

    @abstractmethod
    def _content(self) -> bytes:
        """The file for the keys as they are now."""

    def slots(self) -> list[Slot]:
        """Suite, name and version of every key, sorted."""
        return self._roots.slots()

    def diversify(
        self, algorithm: str, name: str, version: int, chains: Sequence[Sequence[bytes]]
    ) -> list[bytes]:
        """See :class:`~sscard_chip.security.keystore.KeyStore`. Gives roots too."""
        return self._roots.diversify(algorithm, name, version, chains)

    def encrypt(
        self, algorithm: str, name: str, version: int, factors: Sequence[bytes], data: bytes
    ) -> bytes:
        """See :class:`~sscard_chip.security.keystore.KeyStore`."""
        return self._roots.encrypt(algorithm, name, version, factors, data)

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
        return self._roots.mac(algorithm, name, version, factors, iv, message)

    def add(self, keys: RootKeys, *, replace: bool = False, done: Done = nobody_counts) -> None:
        """Put keys in; the file is replaced in one step.

        :raises RootKeyError:
        """
        if not replace:
            refuse_known(self.source, self.slots(), keys.slots())
        before = self._roots
        self._roots = before.joined(keys)
        try:
            self.save()
        except BaseException:
            self._roots = before
            raise
        done(len(keys.slots()))

    def generate(self, slots: Iterable[Slot], *, done: Done = nobody_counts) -> None:
        """Make random keys from the operating system's source."""
        self.add(RootKeys({slot: os.urandom(KEY_LENGTH) for slot in slots}), done=done)

    def save(self) -> None:
        """Write the file, mode 0600.

        :raises RootKeyError: when that fails.
        """
        try:
            write_private(self._path, self._content())
            return
        except OSError as error:
            reason = error.strerror or "input/output error"
        raise RootKeyError(f"{self.source}: cannot be written ({reason})")

    def close(self) -> None:
        """Forget the keys."""
        self._roots = RootKeys({}, source=self.source)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.source}, {len(self._roots.slots())} keys>"

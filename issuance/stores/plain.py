# SPDX-License-Identifier: Apache-2.0
"""Root keys in a plain file, for tests and development: whoever reads it has the keys."""

from __future__ import annotations

from pathlib import Path

from issuance.roots import RootKeys
from issuance.stores.files import FileStore


class PlainStore(FileStore):
    """The document of :mod:`issuance.roots` as it is."""

    kind = "plain"

    @classmethod
    def open(cls, path: Path) -> PlainStore:
        """Read a key file.

        :raises RootKeyError:
        """
        return cls(path, RootKeys.load(path))

    @classmethod
    def create(cls, path: Path) -> PlainStore:
        """A store that has no keys and no file yet: adding keys writes it."""
        return cls(path, RootKeys({}, source=str(path)))

    def _content(self) -> bytes:
        return self._roots.document()

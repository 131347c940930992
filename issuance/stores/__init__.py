# SPDX-License-Identifier: Apache-2.0
"""Stores of root keys (根密钥): a plain file, an encrypted file, a hardware module.

All are :class:`~sscard_chip.security.keystore.KeyStore`; :func:`open_store` distinguishes them.

>>> with open_store("roots.json") as store:
...     print(store.slots()[0])
('3des', 'BK', 1)
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from issuance.roots import FORMAT as PLAIN_FORMAT
from issuance.roots import RootKeyError
from issuance.stores.encrypted import FORMAT as ENCRYPTED_FORMAT
from issuance.stores.encrypted import EncryptedStore, new_passphrase
from issuance.stores.files import FileStore
from issuance.stores.interface import Passphrase, RootStore, check_value
from issuance.stores.plain import PlainStore
from issuance.stores.tokenurl import SCHEME, TokenUrl
from issuance.stores.working import WorkingKeys
from sscard_chip.standard.documents import DocumentError, read_json

__all__ = [
    "FILE_KINDS",
    "Passphrase",
    "RootStore",
    "WorkingKeys",
    "check_value",
    "create_file_store",
    "is_token",
    "new_passphrase",
    "open_store",
]

FILE_KINDS: Final = ("plain", "encrypted")
"""What kinds of file a store can be, for ``kind`` of :func:`create_file_store`."""


def is_token(location: str | os.PathLike[str]) -> bool:
    """Whether a location is the address of a token and not a file."""
    return os.fspath(location).startswith(SCHEME)


def open_store(location: str | os.PathLike[str], passphrase: Passphrase = None) -> RootStore:
    """The store at a path, or at ``pkcs11:token=LABEL?module-path=FILE``.

    ``passphrase`` opens an encrypted file or is the PIN of a token: a string, or a function that is
    called with a few words for the prompt when it is needed.

    :raises KeyStoreError: one line.
    """
    if is_token(location):
        from issuance.stores.pkcs11 import Pkcs11Store

        return Pkcs11Store(TokenUrl.parse(os.fspath(location)), passphrase)
    path = Path(location)
    if _format(path) == ENCRYPTED_FORMAT:
        return EncryptedStore.open(path, passphrase)
    return PlainStore.open(path)


def create_file_store(path: Path, kind: str, passphrase: Passphrase = None) -> FileStore:
    """An empty store of a kind from :data:`FILE_KINDS`; the file appears when it is saved.

    :raises KeyStoreError: for a passphrase that is too short.
    """
    return PlainStore.create(path) if kind == "plain" else EncryptedStore.create(path, passphrase)


def _format(path: Path) -> object:
    try:
        document = read_json(path)
    except DocumentError as error:
        raise RootKeyError(str(error)) from None
    found = document.get("format") if isinstance(document, dict) else None
    if isinstance(found, str) and found not in (PLAIN_FORMAT, ENCRYPTED_FORMAT):
        raise RootKeyError(f'{path}: format: must be "{PLAIN_FORMAT}" or "{ENCRYPTED_FORMAT}"')
    return found

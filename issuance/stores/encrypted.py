# SPDX-License-Identifier: Apache-2.0
"""Root keys in a file that a passphrase opens: scrypt, then AES-256-GCM.

::

    {"format": "sscard-encrypted-root-keys/1",
     "kdf": {"name": "scrypt", "salt": 32 HEX, "n": 131072, "r": 8, "p": 1},
     "cipher": {"name": "aes-256-gcm", "nonce": 24 HEX},
     "ciphertext": BASE64}

The plaintext is the document of :mod:`issuance.roots`. Everything but the ciphertext is the
header and authenticated with it (as JSON with sorted names and no blanks), so nobody can change
the cost or the format unseen. Each writing has a fresh nonce. The passphrase is UTF-8 in
normal form C.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final, Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from msgspec.structs import asdict

from issuance.roots import RootKeyError, RootKeys
from issuance.stores.files import FileStore
from issuance.stores.interface import Passphrase, answer
from sscard_chip.standard.documents import (
    NOT_JSON_OBJECT,
    Document,
    DocumentError,
    Model,
    parse_json,
    read_json,
    rule,
)

FORMAT: Final = "sscard-encrypted-root-keys/1"
MIN_PASSPHRASE: Final = 12

_KDF, _CIPHER = "scrypt", "aes-256-gcm"
_KEY, _SALT, _NONCE, _TAG = 32, 16, 12, 16
# A file may ask for 16 MiB to 1 GiB of memory: less would be weak, more would stop the machine.
_N: Final = (2**14, 2**20)
_R: Final = (8, 8)
_P: Final = (1, 4)
_SEALED_RULE: Final = "must be base64 of more than the tag"


def _within(least: int, most: int) -> Callable[[int], str | None]:
    return lambda value: None if least <= value <= most else f"must be from {least} to {most}"


def _n_rule(value: int) -> str | None:
    return _within(*_N)(value) or ("must be a power of two" if value & (value - 1) else None)


class Cost(Model, frozen=True):
    """What a guess costs: 128 * ``n`` * ``r`` bytes of memory, ``p`` times."""

    n: Annotated[int, rule(check=_n_rule)] = 2**17
    r: Annotated[int, rule(check=_within(*_R))] = 8
    p: Annotated[int, rule(check=_within(*_P))] = 1


class Kdf(Cost, frozen=True, kw_only=True):
    """How the key comes from the passphrase."""

    EXACT = True

    name: Annotated[Literal["scrypt"], rule(f'must be "{_KDF}"')]
    salt: Annotated[
        str,
        rule(f"must be {2 * _SALT} lower-case hex digits", pattern=f"[0-9a-f]{{{2 * _SALT}}}"),
    ]


class Cipher(Model, frozen=True):
    """How the document is enciphered."""

    EXACT = True

    name: Annotated[Literal["aes-256-gcm"], rule(f'must be "{_CIPHER}"')]
    nonce: Annotated[
        str,
        rule(f"must be {2 * _NONCE} lower-case hex digits", pattern=f"[0-9a-f]{{{2 * _NONCE}}}"),
    ]


def _sealed_rule(value: str) -> str | None:
    try:
        long_enough = value.isascii() and len(base64.b64decode(value, validate=True)) > _TAG
    except binascii.Error:
        long_enough = False
    return None if long_enough else _SEALED_RULE


class EncryptedKeyFile(Model, frozen=True):
    """Root keys (根密钥) in a file that a passphrase opens."""

    NOT_OBJECT = NOT_JSON_OBJECT
    EXACT = True

    format: Annotated[Literal["sscard-encrypted-root-keys/1"], rule(f'must be "{FORMAT}"')]
    kdf: Kdf
    cipher: Cipher
    ciphertext: Annotated[
        str, rule(_SEALED_RULE, check=_sealed_rule, title="Base64; opens to root keys")
    ]


class _Lock:
    """A derived key with what it was derived from."""

    __slots__ = ("_cipher", "_header")

    def __init__(self, passphrase: str, salt: bytes, cost: Cost) -> None:
        kdf = Scrypt(salt=salt, length=_KEY, n=cost.n, r=cost.r, p=cost.p)
        text = unicodedata.normalize("NFC", passphrase)
        self._cipher = AESGCM(kdf.derive(text.encode("utf-8", "surrogatepass")))
        parameters = {"name": _KDF, "salt": salt.hex(), "n": cost.n, "r": cost.r, "p": cost.p}
        self._header: dict[str, object] = {"format": FORMAT, "kdf": parameters}

    def seal(self, roots: RootKeys) -> bytes:
        nonce = os.urandom(_NONCE)
        header = self._with_nonce(nonce)
        sealed = self._cipher.encrypt(nonce, roots.document(), _canonical(header))
        document = header | {"ciphertext": base64.b64encode(sealed).decode()}
        return (json.dumps(document, indent=1) + "\n").encode()

    def open(self, nonce: bytes, sealed: bytes) -> bytes | None:
        """The plaintext; None when passphrase, header or ciphertext is not the right one."""
        try:
            return self._cipher.decrypt(nonce, sealed, _canonical(self._with_nonce(nonce)))
        except InvalidTag:
            return None

    def _with_nonce(self, nonce: bytes) -> dict[str, object]:
        return self._header | {"cipher": {"name": _CIPHER, "nonce": nonce.hex()}}


class EncryptedStore(FileStore):
    """Root keys in an encrypted file. The passphrase is not kept, the key it gave is."""

    kind = "encrypted"

    def __init__(self, path: Path, roots: RootKeys, lock: _Lock) -> None:
        super().__init__(path, roots)
        self._lock = lock

    @classmethod
    def open(cls, path: Path, passphrase: Passphrase) -> EncryptedStore:
        """Read a file.

        :raises RootKeyError: wrong passphrase, damage, another format.
        """
        source = str(path)
        try:
            read = Document(source, read_json(path))
            envelope = read.to(EncryptedKeyFile, separator=": ")
        except DocumentError as error:
            raise RootKeyError(str(error)) from None
        text = answer(passphrase, f"Passphrase of {source}")
        if not text:
            raise RootKeyError(f"{source}: is encrypted and needs its passphrase")
        lock = _Lock(text, bytes.fromhex(envelope.kdf.salt), envelope.kdf)
        sealed = base64.b64decode(envelope.ciphertext)
        document = lock.open(bytes.fromhex(envelope.cipher.nonce), sealed)
        if document is None:
            raise RootKeyError(f"{source}: the passphrase is wrong or the file is damaged")
        return cls(
            path,
            RootKeys.from_document(parse_json(document), source=source, may_be_empty=True),
            lock,
        )

    @classmethod
    def create(
        cls, path: Path, passphrase: Passphrase, *, cost: Cost | None = None
    ) -> EncryptedStore:
        """A store that has no keys and no file yet: adding keys, or ``save``, writes it.

        :raises RootKeyError: for a passphrase that is too short.
        """
        chosen = cost or Cost()
        Document(str(path), asdict(chosen)).check(Cost, separator=": ")
        lock = _Lock(new_passphrase(path, passphrase), os.urandom(_SALT), chosen)
        return cls(path, RootKeys({}, source=str(path)), lock)

    def _content(self) -> bytes:
        return self._lock.seal(self._roots)


def new_passphrase(path: Path, passphrase: Passphrase) -> str:
    """A passphrase for a new file, asked for if need be.

    :raises RootKeyError:
    """
    text = answer(passphrase, f"New passphrase of {path}") or ""
    if len(text) >= MIN_PASSPHRASE:
        return text
    del text
    raise RootKeyError(f"{path}: a new passphrase must have {MIN_PASSPHRASE} characters or more")


def _canonical(header: dict[str, object]) -> bytes:
    return json.dumps(header, sort_keys=True, separators=(",", ":")).encode()

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
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from issuance.jsonfile import JsonFileError, parse_json, read_json
from issuance.roots import RootKeyError, RootKeys
from issuance.stores.files import FileStore
from issuance.stores.interface import Passphrase, answer

FORMAT: Final = "sscard-encrypted-root-keys/1"
MIN_PASSPHRASE: Final = 12

_KDF, _CIPHER = "scrypt", "aes-256-gcm"
_KEY, _SALT, _NONCE, _TAG = 32, 16, 12, 16
# A file may ask for 16 MiB to 1 GiB of memory: less would be weak, more would stop the machine.
_N: Final = (2**14, 2**20)
_R: Final = (8, 8)
_P: Final = (1, 4)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a guess costs: 128 * ``n`` * ``r`` bytes of memory, ``p`` times."""

    n: int = 2**17
    r: int = 8
    p: int = 1

    def rule(self) -> str | None:
        """The broken rule, None when there is none."""
        for name, value, (least, most) in (("n", self.n, _N), ("r", self.r, _R), ("p", self.p, _P)):
            if not least <= value <= most:
                return f"kdf: {name}: must be from {least} to {most}"
        return "kdf: n: must be a power of two" if self.n & (self.n - 1) else None


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
        """Read a file. Raises :class:`RootKeyError`: wrong passphrase, damage, another format."""
        source = str(path)
        fault = ""
        try:
            salt, cost, nonce, sealed = _parse(read_json(path))
        except (JsonFileError, _EnvelopeError) as error:
            fault = str(error)
        if fault:  # raised here, so that no cause hangs on the error
            raise RootKeyError(f"{source}: {fault}")
        text = answer(passphrase, f"Passphrase of {source}")
        if not text:
            raise RootKeyError(f"{source}: is encrypted and needs its passphrase")
        lock = _Lock(text, salt, cost)
        document = lock.open(nonce, sealed)
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

        Raises :class:`RootKeyError` for a passphrase that is too short.
        """
        chosen = cost or Cost()
        rule = chosen.rule()
        if rule:
            raise ValueError(rule)
        lock = _Lock(new_passphrase(path, passphrase), os.urandom(_SALT), chosen)
        return cls(path, RootKeys({}, source=str(path)), lock)

    def _content(self) -> bytes:
        return self._lock.seal(self._roots)


def new_passphrase(path: Path, passphrase: Passphrase) -> str:
    """A passphrase for a new file, asked for if need be. Raises :class:`RootKeyError`."""
    text = answer(passphrase, f"New passphrase of {path}") or ""
    if len(text) >= MIN_PASSPHRASE:
        return text
    del text
    raise RootKeyError(f"{path}: a new passphrase must have {MIN_PASSPHRASE} characters or more")


class _EnvelopeError(ValueError):
    """The broken rule of an envelope."""


def _parse(document: object) -> tuple[bytes, Cost, bytes, bytes]:
    """Salt, cost, nonce and ciphertext of an envelope."""
    if not isinstance(document, dict):
        raise _EnvelopeError("must be a JSON object")
    if document.get("format") != FORMAT:
        raise _EnvelopeError(f'format: must be "{FORMAT}"')
    _members(document, "", {"format", "kdf", "cipher", "ciphertext"})
    kdf = _members(document["kdf"], "kdf: ", {"name", "salt", "n", "r", "p"})
    cipher = _members(document["cipher"], "cipher: ", {"name", "nonce"})
    if kdf["name"] != _KDF:
        raise _EnvelopeError(f'kdf: name: must be "{_KDF}"')
    if cipher["name"] != _CIPHER:
        raise _EnvelopeError(f'cipher: name: must be "{_CIPHER}"')
    cost = Cost(*(_integer(kdf[name], f"kdf: {name}") for name in ("n", "r", "p")))
    rule = cost.rule()
    if rule:
        raise _EnvelopeError(rule)
    return (
        _hex(kdf["salt"], "kdf: salt", _SALT),
        cost,
        _hex(cipher["nonce"], "cipher: nonce", _NONCE),
        _base64(document["ciphertext"]),
    )


def _members(value: object, where: str, names: set[str]) -> dict[str, object]:
    if not isinstance(value, dict) or value.keys() != names:
        raise _EnvelopeError(f"{where}must be an object of {', '.join(sorted(names))}")
    return value


def _integer(value: object, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _EnvelopeError(f"{where}: must be a whole number")
    return value


def _hex(value: object, where: str, length: int) -> bytes:
    if not isinstance(value, str) or not re.fullmatch(f"[0-9a-f]{{{2 * length}}}", value):
        raise _EnvelopeError(f"{where}: must be {2 * length} lower-case hex digits")
    return bytes.fromhex(value)


def _base64(value: object) -> bytes:
    sealed = b""
    if isinstance(value, str) and value.isascii():
        try:
            sealed = base64.b64decode(value, validate=True)
        except binascii.Error:
            sealed = b""
    if len(sealed) <= _TAG:
        raise _EnvelopeError("ciphertext: must be base64 of more than the tag")
    return sealed


def _canonical(header: dict[str, object]) -> bytes:
    return json.dumps(header, sort_keys=True, separators=(",", ":")).encode()

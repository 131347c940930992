# SPDX-License-Identifier: Apache-2.0
"""The key file of a service, and what is enciphered, found and proven with it.

``sscard-service-keys/1`` is a JSON file with one key of 32 bytes, readable by its owner only, and
the certificate that papers are signed with. All other keys are derived from the first
(HKDF-SHA-256): for wrapping the persons' own keys, for digests that find an identity number, for
the chains of the audit. Enciphered is with AES-256-GCM; what a text belongs to is bound to it, so
that no row is moved to another person unseen.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets as random
from typing import Annotated, Any, Final, Literal

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from issuance.privatefile import write_private
from sscard_chip.standard.documents import Document, DocumentError, rule
from sscard_chip.standard.errors import KeyStoreError
from sscard_service.fields import PrivateModel
from sscard_service.store.authority import (
    PaperAuthority,
    check_authority,
    new_test_authority,
)

FORMAT: Final = "sscard-service-keys/1"
KEY_LENGTH: Final = 32
_NONCE: Final = 12


class ServiceKeyError(KeyStoreError):
    """A key file that cannot be used, or a text that is not of this key; no value is shown."""


class ServiceKeyDocumentError(DocumentError):
    """A key file that is not as it must be: field and rule."""


class ServiceKeyFile(PrivateModel, frozen=True):
    """The key file of a service."""

    WHAT = "a key file of card services"

    format: Annotated[Literal["sscard-service-keys/1"], rule(f'must be "{FORMAT}"')]
    key: Annotated[str, rule("must be 64 hex digits", pattern="[0-9A-Fa-f]{64}")]
    papers: PaperAuthority | None = None


class ServiceKeys:
    """The keys of a service."""

    def __init__(self, master: bytes, papers: PaperAuthority | None = None) -> None:
        """``master`` is 32 bytes, ``papers`` what papers are signed with."""
        if len(master) != KEY_LENGTH:
            raise ServiceKeyError(f"the key of a service is {KEY_LENGTH} bytes")
        self._wrapping = AESGCM(_derive(master, b"wrapping"))
        self._index = _derive(master, b"index")
        self.audit = _derive(master, b"audit")
        """Key of the audit's chains, 32 bytes."""
        self.papers = papers
        """What papers are signed with; None: this service makes none."""

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> ServiceKeys:
        """The keys in a file.

        :raises ServiceKeyDocumentError: it is no key file.
        :raises PaperAuthorityError: the certificate for papers in it cannot be used.
        :raises OSError: it cannot be read.
        """
        found = Document.load(path, ServiceKeyDocumentError).to(ServiceKeyFile)
        if found.papers is not None:
            check_authority(found.papers)
        return cls(bytes.fromhex(found.key), found.papers)

    def digest(self, kind: str, text: str) -> bytes:
        """The digest (16 bytes) by which ``text`` of a ``kind`` is found; without the key nobody
        can try all identity numbers."""
        return hmac.digest(self._index, f"{kind}\0{text}".encode(), "sha256")[:16]

    def seal(self, purpose: str, content: bytes) -> bytes:
        """``content`` enciphered, for this ``purpose`` alone."""
        return _seal(self._wrapping, purpose, content)

    def open(self, purpose: str, sealed: bytes) -> bytes:
        """What :meth:`seal` has enciphered.

        :raises ServiceKeyError: under another key or for another purpose, or it was changed.
        """
        return _open(self._wrapping, purpose, sealed)

    def new_person_key(self, person: int) -> tuple[PersonKey, bytes]:
        """A key of a new person, and the same wrapped."""
        key = random.token_bytes(KEY_LENGTH)
        return PersonKey(key), self.seal(f"person:{person}", key)

    def person_key(self, person: int, wrapped: bytes) -> PersonKey:
        """The key of a person.

        :raises ServiceKeyError: it is another person's or of another key file.
        """
        return PersonKey(self.open(f"person:{person}", wrapped))


class PersonKey:
    """The key of one person; whoever erases a person deletes it."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, purpose: str, value: Any) -> bytes:
        """A JSON value or bytes enciphered, for this ``purpose`` alone."""
        content = value if isinstance(value, bytes) else _written(value)
        return _seal(self._cipher, purpose, content)

    def open_bytes(self, purpose: str, sealed: bytes) -> bytes:
        """The bytes that :meth:`seal` has enciphered.

        :raises ServiceKeyError:
        """
        return _open(self._cipher, purpose, sealed)

    def open(self, purpose: str, sealed: bytes) -> Any:
        """The JSON value that :meth:`seal` has enciphered.

        :raises ServiceKeyError:
        """
        return json.loads(_open(self._cipher, purpose, sealed))


def create_key_file(path: str | os.PathLike[str]) -> ServiceKeys:
    """Write a new random key file, readable by its owner only, and return its keys.

    :raises ServiceKeyError: there is a file already: what is enciphered with it would be lost.
    :raises OSError: it cannot be written.
    """
    if os.path.lexists(path):
        raise ServiceKeyError(f"{os.fspath(path)}: exists already")
    master, papers = random.token_bytes(KEY_LENGTH), new_test_authority()
    write_private(path, _key_file(master.hex().upper(), papers))
    return ServiceKeys(master, papers)


def change_authority(path: str | os.PathLike[str], papers: PaperAuthority) -> None:
    """Put another certificate for papers into a key file; its keys stay.

    :raises ServiceKeyDocumentError: it is no key file.
    :raises PaperAuthorityError: certificate and key are not a pair.
    :raises OSError: it cannot be read or written.
    """
    check_authority(papers)
    found = Document.load(path, ServiceKeyDocumentError).to(ServiceKeyFile)
    write_private(path, _key_file(found.key, papers))


def _key_file(key: str, papers: PaperAuthority) -> bytes:
    return _written({"format": FORMAT, "key": key, "papers": msgspec.to_builtins(papers)}) + b"\n"


def token_digest(token: str) -> bytes:
    """The digest (32 bytes) under which a token of 256 random bits is kept."""
    return hashlib.sha256(token.encode()).digest()


def _written(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def _derive(master: bytes, purpose: bytes) -> bytes:
    return HKDF(SHA256(), KEY_LENGTH, None, b"sscard-service/1 " + purpose).derive(master)


def _seal(cipher: AESGCM, purpose: str, content: bytes) -> bytes:
    nonce = random.token_bytes(_NONCE)
    return nonce + cipher.encrypt(nonce, content, purpose.encode())


def _open(cipher: AESGCM, purpose: str, sealed: bytes) -> bytes:
    try:
        return cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], purpose.encode())
    except (InvalidTag, ValueError):
        pass
    raise ServiceKeyError("service: what is enciphered here is not of this key file, or changed")

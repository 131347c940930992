# SPDX-License-Identifier: Apache-2.0
"""A bank's certificates under a test authority of our own, in one private file.

::

    {"format": "sscard-bank-authority/1",
     "rsa": {"index": "F1", "identifier": "623999", "expiry": "1236", "serial": "000001",
             "authority": HEX, "issuer": HEX, "certificate": {"90": HEX, "92": HEX, "9F32": HEX}},
     "sm2": {...}}

``authority`` and ``issuer`` are private keys, so that one file is enough to issue cards that test
terminals take. No scheme knows the authority: nothing made with it is money.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from issuance.jsonfile import JsonFileError, read_json
from issuance.privatefile import write_private
from sscard_chip.security.oda.model import OdaError, Scheme, Validity
from sscard_chip.security.oda.schemes import SCHEMES
from sscard_chip.standard.errors import InputError
from sscard_chip.standard.identifiers import BANK_RID
from sscard_chip.terminal.bank.terminal import Authority

FORMAT: Final = "sscard-bank-authority/1"
INDEXES: Final = {"rsa": 0xF1, "sm2": 0xF2}
"""Key indexes (8F) of the test authority, above those that schemes use [L]."""
RSA_BITS: Final = (1984, 1408)
"""Sizes of the authority's and the issuer's key."""
CARD_BITS: Final = 1152
_FIRST_SERIAL: Final = bytes.fromhex("000001")
_FIELDS: Final = {
    "index", "identifier", "expiry", "serial", "authority", "issuer", "certificate",
}  # fmt: skip
_HEX: Final = re.compile("([0-9A-Fa-f]{2})+")


class AuthorityError(InputError):
    """A file of certificates that is not right; one line without key bytes."""


@dataclass(frozen=True, slots=True, repr=False)
class IssuerKeys:
    """An issuer's key in one scheme, with its certificate and the authority's key."""

    scheme: Scheme[Any, Any]
    index: int
    identifier: str
    validity: Validity
    authority: Any
    issuer: Any
    certificate: Mapping[int, bytes]

    @classmethod
    def create(cls, name: str, identifier: str, expiry: str) -> IssuerKeys:
        """New keys and the certificate. Raises OdaError."""
        scheme, validity = SCHEMES[name], Validity(expiry, _FIRST_SERIAL)
        authority, issuer = (scheme.generate(bits) for bits in RSA_BITS)
        certificate = scheme.certify_issuer(authority, scheme.public(issuer), identifier, validity)
        return cls(scheme, INDEXES[name], identifier, validity, authority, issuer, certificate)

    def document(self) -> dict[str, object]:
        """As it stands in the file."""
        encode = self.scheme.encode_private
        return {
            "index": f"{self.index:02X}",
            "identifier": self.identifier,
            "expiry": self.validity.expiry,
            "serial": self.validity.serial.hex().upper(),
            "authority": encode(self.authority).hex().upper(),
            "issuer": encode(self.issuer).hex().upper(),
            "certificate": {f"{t:02X}": v.hex().upper() for t, v in self.certificate.items()},
        }

    @classmethod
    def from_document(cls, name: str, document: object) -> IssuerKeys:
        """From what :meth:`document` gives. Raises ValueError with a rule."""
        if not isinstance(document, dict) or document.keys() != _FIELDS:
            raise AuthorityError(f"must be an object of {', '.join(sorted(_FIELDS))}")
        certificate = document["certificate"]
        if not isinstance(certificate, dict):
            raise AuthorityError("certificate must be an object of tags")
        index = _bytes(document["index"], "index")
        if len(index) != 1:
            raise AuthorityError("index must be one byte")
        scheme = SCHEMES[name]
        validity = Validity(str(document["expiry"]), _bytes(document["serial"], "serial"))
        keys = cls(
            scheme,
            index[0],
            str(document["identifier"]),
            validity,
            scheme.decode_private(_bytes(document["authority"], "authority")),
            scheme.decode_private(_bytes(document["issuer"], "issuer")),
            {int.from_bytes(_bytes(t, "tag")): _bytes(v, t) for t, v in certificate.items()},
        )
        # The certificate must be this issuer's, or terminals would refuse every card.
        month = validity.expiry[2:] + validity.expiry[:2]
        authority = scheme.public(keys.authority)
        found = scheme.recover_issuer(authority, keys.certificate, keys.identifier, month)
        if found != scheme.public(keys.issuer):
            raise AuthorityError("the certificate is of another issuer's key")
        return keys


class BankAuthority:
    """The keys and certificates of one bank, by scheme (``"rsa"``, ``"sm2"``)."""

    __slots__ = ("keys", "source")

    def __init__(self, keys: Mapping[str, IssuerKeys], *, source: str = "authority") -> None:
        self.keys = dict(keys)
        self.source = source

    @classmethod
    def create(
        cls, identifier: str, expiry: str, schemes: Iterable[str] = tuple(SCHEMES)
    ) -> BankAuthority:
        """New keys of ``schemes``. ``identifier``: 3 to 8 digits with which the bank's PANs
        begin; ``expiry`` MMYY. Raises OdaError, and Sm2Error for SM2 without the extra.
        """
        return cls({name: IssuerKeys.create(name, identifier, expiry) for name in schemes})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> BankAuthority:
        """Read a file. Raises :class:`AuthorityError`."""
        source, fault = os.fspath(path), ""
        try:
            document = read_json(Path(path))
        except JsonFileError as error:
            fault = str(error)
        if fault:  # raised here, so that no cause hangs on the error
            raise AuthorityError(f"{source}: {fault}")
        return cls.from_document(document, source=source)

    @classmethod
    def from_document(cls, document: object, *, source: str) -> BankAuthority:
        """From the document of a file. Raises :class:`AuthorityError`."""
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise AuthorityError(f'{source}: format: must be "{FORMAT}"')
        keys = {}
        for name, part in document.items():
            if name == "format":
                continue
            if name not in SCHEMES:
                raise AuthorityError(f"{source}: a scheme must be one of {', '.join(SCHEMES)}")
            fault = ""
            try:
                keys[name] = IssuerKeys.from_document(name, part)
            except (AuthorityError, OdaError) as error:
                fault = str(error)
            if fault:
                raise AuthorityError(f"{source}: {name}: {fault}")
        if not keys:
            raise AuthorityError(f"{source}: holds no keys")
        return cls(keys, source=source)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the file, readable by its owner alone, whole or not at all. Raises OSError."""
        document = {"format": FORMAT} | {n: keys.document() for n, keys in self.keys.items()}
        write_private(path, (json.dumps(document, indent=1) + "\n").encode())

    def of_scheme(self, name: str) -> IssuerKeys:
        """The keys of a scheme. Raises :class:`AuthorityError` when the file has none."""
        keys = self.keys.get(name)
        if keys is None:
            raise AuthorityError(f"{self.source}: {name}: the keys are needed and missing")
        return keys

    def for_terminals(self) -> dict[tuple[bytes, int], Authority]:
        """The public keys of the authority as a terminal profile wants them."""
        return {
            (BANK_RID, keys.index): Authority(keys.scheme, keys.scheme.public(keys.authority))
            for keys in self.keys.values()
        }

    def __repr__(self) -> str:
        return f"<BankAuthority, {', '.join(self.keys)}>"


def _bytes(value: object, what: str) -> bytes:
    if not isinstance(value, str) or not _HEX.fullmatch(value):
        raise AuthorityError(f"{what} must be hexadecimal, two digits a byte")
    return bytes.fromhex(value)

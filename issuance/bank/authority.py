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
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from issuance.privatefile import write_private
from sscard_chip.security.oda.model import OdaError, Scheme, Validity
from sscard_chip.security.oda.schemes import SCHEMES
from sscard_chip.standard.documents import Document, DocumentError, Model, read_json, rule
from sscard_chip.standard.identifiers import BANK_RID
from sscard_chip.terminal.bank.terminal import Authority

FORMAT: Final = "sscard-bank-authority/1"
INDEXES: Final = {"rsa": 0xF1, "sm2": 0xF2}
"""Key indexes (8F) of the test authority, above those that schemes use [L]."""
RSA_BITS: Final = (1984, 1408)
"""Sizes of the authority's and the issuer's key."""
CARD_BITS: Final = 1152
_FIRST_SERIAL: Final = bytes.fromhex("000001")


class AuthorityError(DocumentError):
    """A file of certificates that is not right; one line without key bytes."""


Hex = Annotated[str, rule("must be hexadecimal, two digits a byte", pattern="(?:[0-9A-Fa-f]{2})+")]


class IssuerFile(Model, frozen=True):
    """An issuer's keys and certificate in one scheme."""

    EXACT = True

    index: Annotated[Hex, rule(check=lambda text: None if len(text) == 2 else "must be one byte")]
    identifier: str
    expiry: Annotated[str, rule(title="MMYY")]
    serial: Hex
    authority: Annotated[Hex, rule(title="Private key of the authority")]
    issuer: Annotated[Hex, rule(title="Private key of the issuer")]
    certificate: Annotated[dict[Hex, Hex], rule(title="By tag: 90, 92, 9F32")]


class AuthorityFile(Model, frozen=True):
    """A bank's certificates under a test authority of our own."""

    NOT_OBJECT = f'format: must be "{FORMAT}"'
    UNKNOWN = f"a scheme must be one of {', '.join(SCHEMES)}"

    format: Annotated[Literal["sscard-bank-authority/1"], rule(f'must be "{FORMAT}"')]
    rsa: IssuerFile | None = None
    sm2: IssuerFile | None = None


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
        """New keys and the certificate.

        :raises OdaError:
        """
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
    def from_document(cls, name: str, document: IssuerFile) -> IssuerKeys:
        """From what :meth:`document` gives.

        :raises OdaError: with a rule.
        """
        scheme = SCHEMES[name]
        keys = cls(
            scheme,
            int(document.index, 16),
            document.identifier,
            Validity(document.expiry, bytes.fromhex(document.serial)),
            scheme.decode_private(bytes.fromhex(document.authority)),
            scheme.decode_private(bytes.fromhex(document.issuer)),
            {int(tag, 16): bytes.fromhex(value) for tag, value in document.certificate.items()},
        )
        # The certificate must be this issuer's, or terminals would refuse every card.
        month = document.expiry[2:] + document.expiry[:2]
        authority = scheme.public(keys.authority)
        found = scheme.recover_issuer(authority, keys.certificate, keys.identifier, month)
        if found != scheme.public(keys.issuer):
            raise OdaError("the certificate is of another issuer's key")
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
        """New keys of ``schemes``. ``identifier``: 3 to 8 digits with which the bank's PANs begin;
        ``expiry`` MMYY.

        :raises OdaError:
        :raises Sm2Error: for SM2 without the extra.
        """
        return cls({name: IssuerKeys.create(name, identifier, expiry) for name in schemes})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> BankAuthority:
        """Read a file.

        :raises AuthorityError:
        """
        return cls.from_document(read_json(path, AuthorityError), source=os.fspath(path))

    @classmethod
    def from_document(cls, document: object, *, source: str) -> BankAuthority:
        """From the document of a file.

        :raises AuthorityError:
        """
        given = Document(source, document, AuthorityError).to(AuthorityFile, separator=": ")
        keys = {}
        for name, part in (("rsa", given.rsa), ("sm2", given.sm2)):
            fault = ""
            try:
                if part is not None:
                    keys[name] = IssuerKeys.from_document(name, part)
            except OdaError as error:
                fault = str(error)
            if fault:  # raised here, so that no cause hangs on the error
                raise AuthorityError(source, name, fault)
        if not keys:
            raise AuthorityError(source, "", "holds no keys")
        return cls(keys, source=source)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the file, readable by its owner only, whole or not at all.

        :raises OSError:
        """
        document = {"format": FORMAT} | {n: keys.document() for n, keys in self.keys.items()}
        write_private(path, (json.dumps(document, indent=1) + "\n").encode())

    def of_scheme(self, name: str) -> IssuerKeys:
        """The keys of a scheme.

        :raises AuthorityError: when the file has none.
        """
        keys = self.keys.get(name)
        if keys is None:
            raise AuthorityError(self.source, name, "the keys are needed and missing")
        return keys

    def for_terminals(self) -> dict[tuple[bytes, int], Authority]:
        """The public keys of the authority as a terminal profile wants them."""
        return {
            (BANK_RID, keys.index): Authority(keys.scheme, keys.scheme.public(keys.authority))
            for keys in self.keys.values()
        }

    def __repr__(self) -> str:
        return f"<BankAuthority, {', '.join(self.keys)}>"

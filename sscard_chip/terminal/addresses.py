# SPDX-License-Identifier: Apache-2.0
"""Addresses by which the HSM functions of the terminal interface name keys (密钥地址).

Nine are published (LD/T 33, annex B); the rest is a table of the issuer's, and a file of it
replaces what is here: ``{"format": "sscard-key-addresses/1", "addresses": {"004C": "RKSSSE",
"0199": "DPK/2"}}``, a key's name and behind the stroke its version, 1 unless said.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from sscard_chip.profile.psam_keys import KEYS
from sscard_chip.standard.documents import Broken, Document, DocumentError, Model, rule
from sscard_chip.standard.keys import DPK, PUK, RKSSSE, STKSSSE, UKSSSE

FORMAT: Final = "sscard-key-addresses/1"

PUBLISHED: Final[Mapping[str, tuple[str, int]]] = {
    "004C": (RKSSSE, 1),
    "004F": ("RK1DF01", 1),
    "0064": ("RK1DF02", 1),
    "0090": (PUK, 1),
    "0094": (UKSSSE, 1),
    "0173": (STKSSSE, 1),
    "017F": (DPK, 1),
    "0199": (DPK, 2),
    "019C": (DPK, 3),
}

_KEY: Final = re.compile(r"([A-Z][A-Z0-9]{1,31})(?:/([1-9]))?")
_ROW_RULE: Final = "a row must be 4 capital hex digits and NAME or NAME/VERSION"


class KeyAddressError(DocumentError):
    """A table that cannot be read, or a key or address that it lacks; one line."""


class AddressFile(Model, frozen=True):
    """Addresses of keys (密钥地址) in the HSM functions of the terminal interface."""

    NOT_OBJECT = f"format: must be {FORMAT}"

    format: Annotated[Literal["sscard-key-addresses/1"], rule(f"must be {FORMAT}")]
    addresses: (
        Annotated[
            dict[
                Annotated[str, rule(_ROW_RULE, pattern="[0-9A-F]{4}", instead="")],
                Annotated[str, rule(_ROW_RULE, pattern=_KEY.pattern)],
            ],
            rule("must be an object", title="A key's name, and behind a stroke its version"),
        ]
        | None
    ) = None

    @classmethod
    def check_together(cls, good: Mapping[str, Any], context: Any) -> Iterator[Broken]:
        """The table is there."""
        if "addresses" in good and good["addresses"] is None:
            yield ("addresses",), "must be an object"


def _own() -> dict[str, tuple[str, int]]:
    """Addresses of keys for which none is published: F, version less 1, PSAM identifier [L].

    The numbering is ours. UK1DF01, identifier 42 on a PSAM, is F042 in version 1.
    """
    published = set(PUBLISHED.values())
    return {
        f"F{version - 1}{row.identifier:02X}": (row.root, version)
        for row in KEYS
        for version in range(1, row.versions + 1)
        if (row.root, version) not in published
    }


class KeyAddresses:
    """Addresses and the keys behind them.

    >>> KeyAddresses().key("0199")
    ('DPK', 2)
    >>> KeyAddresses().address("UK1DF01")
    'F042'
    """

    def __init__(self, addresses: Mapping[str, tuple[str, int]] | None = None) -> None:
        """``addresses`` come before the published ones and ours, by address of 4 hex digits."""
        self._keys = {**_own(), **PUBLISHED, **(addresses or {})}
        self._addresses = {key: address for address, key in self._keys.items()}

    @classmethod
    def load(cls, path: str | Path) -> KeyAddresses:
        """Read a table.

        :raises KeyAddressError:
        """
        given = Document.load(path, KeyAddressError).to(AddressFile)
        keys = {address: _KEY.fullmatch(name) for address, name in (given.addresses or {}).items()}
        return cls({address: (key[1], int(key[2] or 1)) for address, key in keys.items() if key})

    def key(self, address: str) -> tuple[str, int]:
        """Name and version of the key at an address.

        :raises KeyAddressError:
        """
        found = self._keys.get(address)
        if found is None:
            raise KeyAddressError("key address", "", "there is no key at this address")
        return found

    def address(self, root: str, version: int = 1) -> str:
        """The address of a key.

        :raises KeyAddressError:
        """
        found = self._addresses.get((root, version))
        if found is None:
            raise KeyAddressError("key address", "", f"none is known of {root}, version {version}")
        return found

# SPDX-License-Identifier: Apache-2.0
"""The address of a token: a PKCS#11 URI (RFC 7512) with the attributes that are needed here.

>>> TokenUrl.parse("pkcs11:token=issuer%201?module-path=/usr/lib/softhsm/libsofthsm2.so")
TokenUrl(token='issuer 1', module='/usr/lib/softhsm/libsofthsm2.so', serial=None)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import unquote

from issuance.roots import RootKeyError

SCHEME: Final = "pkcs11:"

_PATH: Final = ("token", "serial")
_QUERY: Final = ("module-path",)
_PINS: Final = ("pin-value", "pin-source")


@dataclass(frozen=True, slots=True)
class TokenUrl:
    """A token by its label, and by its serial number where labels are not unique."""

    token: str
    module: str
    serial: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``pkcs11:token=LABEL[;serial=NUMBER]?module-path=FILE``; %XX as in any URI.

        :raises RootKeyError: also for a PIN, which other users would see in the list of processes.
        """
        path, _, query = text.removeprefix(SCHEME).partition("?")
        values = _attributes(path, ";", _PATH) | _attributes(query, "&", _QUERY)
        for name in ("token", "module-path"):
            if not values.get(name):
                raise RootKeyError(
                    f"{SCHEME} {name} is missing, as in pkcs11:token=LABEL?module-path=FILE"
                )
        return cls(values["token"], values["module-path"], values.get("serial"))


def _attributes(text: str, separator: str, known: tuple[str, ...]) -> dict[str, str]:
    values: dict[str, str] = {}
    for part in filter(None, text.split(separator)):
        name, equals, value = part.partition("=")
        if name in _PINS:
            raise RootKeyError(f"{SCHEME} {name}: a PIN does not belong into an address")
        if name not in known or not equals:
            raise RootKeyError(f"{SCHEME} only {', '.join(known)} may stand here")
        if name in values:
            raise RootKeyError(f"{SCHEME} {name} stands twice")
        values[name] = unquote(value)
    return values

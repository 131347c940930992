# SPDX-License-Identifier: Apache-2.0
"""What goes between terminal and issuer: a request for authorisation and its answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

APPROVED: Final = b"00"
NOT_SUFFICIENT: Final = b"51"
SUSPECTED_FRAUD: Final = b"59"
UNABLE_ONLINE: Final = b"Z3"
"""Authorisation response codes (8A). The last is the terminal's own: the issuer was not reached."""

CRYPTOGRAM_TAGS: Final = (0x9F02, 0x9F03, 0x9F1A, 0x95, 0x5F2A, 0x9A, 0x9C, 0x9F37)
"""The terminal's part of the input of a cryptogram of version 01, in its order."""


@dataclass(frozen=True, slots=True)
class AuthorisationRequest:
    """Field 55 and what goes with it.

    ``data`` are the values by tag that the issuer needs: the terminal's part of the cryptogram
    (9F02 9F03 9F1A 95 5F2A 9A 9C 9F37), 82, 9F36, 9F10, 9F26, 9F27.
    """

    pan: str = field(repr=False)
    sequence: str
    data: Mapping[int, bytes] = field(repr=False)


@dataclass(frozen=True, slots=True)
class AuthorisationResponse:
    """``response_code`` is 8A; ``issuer_data`` 91, empty when the issuer sends none; ``scripts``
    templates 71 and 72, whole."""

    response_code: bytes
    issuer_data: bytes = b""
    scripts: tuple[bytes, ...] = ()


class Issuer(Protocol):
    """Whoever authorises: the host of this package, or a test's own."""

    def authorise(self, request: AuthorisationRequest) -> AuthorisationResponse | None:
        """The answer; None when the issuer cannot be reached."""

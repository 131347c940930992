# SPDX-License-Identifier: Apache-2.0
"""The two schemes by name."""

from __future__ import annotations

from typing import Any, Final

from sscard_chip.security.oda.model import Scheme
from sscard_chip.security.oda.rsa import RsaScheme
from sscard_chip.security.oda.sm import Sm2Scheme

# The keys of a scheme go from one of its steps to another and nowhere else, so that whoever
# takes a scheme by its name need not know their type.
SCHEMES: Final[dict[str, Scheme[Any, Any]]] = {
    scheme.name: scheme for scheme in (RsaScheme(), Sm2Scheme())
}

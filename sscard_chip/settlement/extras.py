# SPDX-License-Identifier: Apache-2.0
"""What settlement needs beyond the core install: the extra ``settlement``."""

from __future__ import annotations

from sscard_chip.standard.errors import ExtraMissingError


def missing(error: ImportError) -> ExtraMissingError:
    """The one-line error for a package of the extra that could not be imported."""
    package = (error.name or "a package").partition(".")[0]
    return ExtraMissingError("settlement", package, "settlement")

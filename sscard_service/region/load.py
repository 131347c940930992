# SPDX-License-Identifier: Apache-2.0
"""A region's document from a file, or the one that ships."""

from __future__ import annotations

import os
from importlib.resources import files
from typing import Final

from sscard_chip.standard.documents import Document, DocumentError
from sscard_service.region.model import ServiceRegion

DEFAULT: Final = "default.toml"
"""The region that ships: 虚构市, an invented city."""


class ServiceRegionError(DocumentError):
    """A region's document that cannot be used: lines, fields and rules in one line."""


def default_text() -> str:
    """The document that ships."""
    return files(__package__).joinpath(DEFAULT).read_text("utf-8")


def load_region(path: str | os.PathLike[str] | None = None) -> ServiceRegion:
    """The region in a TOML file; without one the region that ships.

    :raises ServiceRegionError: one line with all fields that break a rule.
    :raises OSError: the file cannot be read.
    """
    if path is None:
        document = Document.toml(default_text().encode(), DEFAULT, ServiceRegionError)
    else:
        document = Document.load(path, ServiceRegionError)
    return document.to(ServiceRegion, separator=".")

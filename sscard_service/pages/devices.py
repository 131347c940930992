# SPDX-License-Identifier: Apache-2.0
"""Camera, scanner and printer of a kiosk, simulated by files.

The camera's picture and what lies on the scanner are read when they are taken, so a program that
writes a file plays the device. The printer is a folder: whatever prints it takes the files out.
"""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sscard_chip.standard.errors import SscardError
from sscard_chip.standard.inputfile import open_regular
from sscard_service.errors import Code, ServiceRefusedError
from sscard_service.photo import checked_photo, checked_scan
from sscard_service.region import ServiceRegion

_MOST_SCAN: Final = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class KioskDevices:
    """What a kiosk has: ``printer`` a folder, ``camera`` and ``scanner`` a file each."""

    printer: Path | None = None
    camera: Path | None = None
    scanner: Path | None = None

    def has(self, kind: str) -> bool:
        """Whether a ``photo`` or a ``scan`` can be taken."""
        return self._file(kind) is not None

    def take(self, kind: str, region: ServiceRegion) -> str:
        """Take a ``photo`` or a ``scan``, checked, as Base64.

        :raises ServiceRefusedError: FORMAT with the rule that it breaks; DOCUMENTS: there is
            nothing to be taken.
        """
        path, most = self._file(kind), _MOST_SCAN
        if kind == "photo":
            most = region.photo.most_bytes
        try:
            if path is None:
                raise OSError
            with open_regular(path) as stream:
                content = stream.read(most + 1)
        except (OSError, SscardError):
            raise ServiceRefusedError(Code.DOCUMENTS, field=kind) from None
        text = base64.b64encode(content).decode()
        if kind == "photo":
            return base64.b64encode(checked_photo(region.photo, text)).decode()
        checked_scan(kind, text, _MOST_SCAN)
        return text

    def print(self, pdf: str) -> Path:
        """Put a paper, Base64, where the printer takes it: whole, or not at all.

        :raises OSError: the printer does not take it.
        """
        if self.printer is None:
            raise FileNotFoundError("no printer")
        path = self.printer / f"{secrets.token_hex(8)}.pdf"
        part = path.with_suffix(".part")
        try:
            part.write_bytes(base64.b64decode(pdf))
            return part.replace(path)
        except OSError:
            part.unlink(missing_ok=True)
            raise

    def take_back(self, path: Path) -> bool:
        """Remove a paper that the printer has not taken; whether it was there."""
        try:
            path.unlink()
        except OSError:
            return False
        return True

    def _file(self, kind: str) -> Path | None:
        return self.camera if kind == "photo" else self.scanner

# SPDX-License-Identifier: Apache-2.0
"""Looking for root keys where none may be."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from traceback import TracebackException

from issuance.roots import RootKeys


class Search:
    """Root keys in every form in which they might show. A repr of this shows none."""

    def __init__(self, roots: RootKeys) -> None:
        self._forms: dict[bytes, str] = {}
        for slot in roots.slots():
            (key,) = roots.diversify(*slot, [()])
            spaced = key.hex(" ")
            texts = (key.hex(), key.hex().upper(), spaced, spaced.upper(), repr(key)[2:-1])
            forms = [text.encode() for text in texts] + [base64.b64encode(key)[:20]]
            for form in (key, key[::-1], key[:8], key[8:], *forms):
                self._forms[form] = f"{slot} as {len(form)} bytes"

    def in_bytes(self, content: bytes) -> list[str]:
        return [what for form, what in self._forms.items() if form in content]

    def in_text(self, text: str) -> list[str]:
        return self.in_bytes(text.encode("utf-8", "backslashreplace"))

    def in_files(self, folder: Path) -> list[str]:
        files = [path for path in folder.rglob("*") if path.is_file()]
        assert files
        return [f"{path}: {what}" for path in files for what in self.in_bytes(path.read_bytes())]

    def in_error(self, error: BaseException) -> list[str]:
        """In everything a log or a debugger's report would have of an error."""
        found = []
        for one in _family(error):
            trace = TracebackException.from_exception(one, capture_locals=True)
            found += self.in_text("".join(trace.format()))
            found += self.in_text(f"{one} {one!r} {vars(one)} {one.args}")
        return found


def _family(error: BaseException | None) -> Iterator[BaseException]:
    """An error with its causes, also the suppressed ones."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__

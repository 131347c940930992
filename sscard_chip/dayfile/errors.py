# SPDX-License-Identifier: Apache-2.0
"""What a file between till and centre can have wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sscard_chip.standard.documents import MAX_FINDINGS
from sscard_chip.standard.errors import InputError


class DayFileError(InputError):
    """A day file, hotlist or journal that is not as it must be; one line: file, row, rule."""


class RowFindings:
    """What is wrong with the rows of a file, all of it in one error; the first are listed.

    ::

        findings = RowFindings(source)
        for number, line in enumerate(lines, 2):
            with findings.row(number):
                parse(line)
        findings.check()
    """

    def __init__(self, source: str, kind: type[InputError] = DayFileError) -> None:
        """``kind`` is the error of a row and of the file."""
        self._source = source
        self._kind = kind
        self._texts: list[str] = []
        self._count = 0

    @contextmanager
    def row(self, number: int) -> Iterator[None]:
        """In the block an error is kept, with the number of the row in front of it."""
        try:
            yield
        except self._kind as error:
            self.add(number, str(error))

    def add(self, number: int, rule: str) -> None:
        """A broken rule of a row."""
        self._count += 1
        if self._count <= MAX_FINDINGS:
            self._texts.append(f"row {number}: {rule}")

    def check(self) -> None:
        """Raise what has been found.

        :raises InputError: an error of the kind; one line.
        """
        if not self._count:
            return
        more = self._count - len(self._texts)
        texts = [*self._texts, f"and {more} more"] if more else self._texts
        raise self._kind(f"{self._source}: {'; '.join(texts)}")

# SPDX-License-Identifier: Apache-2.0
"""What a file between till and centre can have wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sscard_chip.standard.errors import InputError


class DayFileError(InputError):
    """A day file, hotlist or journal that is not as it must be; one line: file, row, rule."""


@contextmanager
def at_row(source: str, number: int, kind: type[InputError] = DayFileError) -> Iterator[None]:
    """In the block an error of a ``kind`` gets file and row in front of it."""
    try:
        yield
    except kind as error:
        raise kind(f"{source}: row {number}: {error}") from None

# SPDX-License-Identifier: Apache-2.0
"""Tables of others with a header line (CSV, UTF-8), read by the names of their columns."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from sscard_chip.standard.errors import InputError


def table_rows(
    path: str | os.PathLike[str], columns: Sequence[str], fault: type[InputError], what: str
) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows with their numbers; the header is row 1. Other columns than these are let through.

    :param fault: raised, with one line, for a table that is no ``what``.
    :raises OSError: it cannot be read.
    """
    source = os.fspath(path)
    number = 1
    with Path(path).open(encoding="utf-8-sig", newline="") as stream:
        rows = csv.DictReader(stream, restval="")
        try:
            missing = [one for one in columns if one not in (rows.fieldnames or ())]
            if missing:
                raise fault(f"{source}: row 1: is no {what}, it has no column {missing[0]}")
            for number, row in enumerate(rows, 2):
                yield number, {one: row[one] for one in columns}
        except UnicodeDecodeError:
            raise fault(f"{source}: row {number}: is no {what}, it is not UTF-8") from None
        except csv.Error as error:
            raise fault(f"{source}: row {number}: is no {what}, {error}") from None

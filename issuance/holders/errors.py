# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a list of holders as a whole."""

from __future__ import annotations

from sscard_chip.standard.errors import InputError


class HolderListError(InputError):
    """A table or mapping file that cannot be used: one line, file, place and rule, no value."""

    def __init__(self, source: str, place: str, rule: str) -> None:
        super().__init__(source, place, rule)

    def __str__(self) -> str:
        return ": ".join(str(part) for part in self.args if part)

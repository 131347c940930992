# SPDX-License-Identifier: Apache-2.0
"""A text of the pages in Chinese and English."""

from __future__ import annotations

from typing import Final, NamedTuple


class PageText(NamedTuple):
    """The same said in both languages."""

    chinese: str
    english: str

    def of(self, language: str) -> str:
        """In ``zh`` or ``en``."""
        return self.english if language == "en" else self.chinese


LANGUAGES: Final = ("zh", "en")

# SPDX-License-Identifier: Apache-2.0
"""Which item of SSSE is filled with what: one table for cards, batches, plans and return files.

The values are fields of a :class:`~issuance.holder.Holder`, or are worked out for the card:
``identification`` (卡识别码), ``version`` (规范版本), ``initialiser`` (初始化机构编号), and the
name in two parts, ``name_start`` and ``name_rest``.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from sscard_chip.profile.model import Item, Profile
from sscard_chip.standard.identifiers import HOLDER_FILE, ISSUER_FILE


class Fill(NamedTuple):
    """File, tag and value. ``early`` items are written before FREEZE MF (step 9 of D10).

    ``unique`` values, letters and digits only, differ from card to card; of the others a batch
    has few.
    """

    file: int
    tag: int
    value: str
    early: bool = False
    unique: bool = False

    def place(self, profile: Profile) -> tuple[tuple[int, int, int], Item] | None:
        """Directory, file and number of the record with the item; None where a card has none."""
        file = profile.environment.file(self.file)
        numbers = file.record_numbers(self.tag)
        if not numbers:
            return None
        return (profile.environment.fid, self.file, numbers[0]), file.items[numbers[0] - 1]


FILLS: Final = (
    Fill(ISSUER_FILE, 0x01, "identification", early=True),
    Fill(ISSUER_FILE, 0x02, "card_class"),
    Fill(ISSUER_FILE, 0x03, "version", early=True),
    Fill(ISSUER_FILE, 0x04, "initialiser", early=True),
    Fill(ISSUER_FILE, 0x05, "issue_date"),
    Fill(ISSUER_FILE, 0x06, "expiry_date"),
    Fill(ISSUER_FILE, 0x07, "card_number", unique=True),
    Fill(HOLDER_FILE, 0x08, "social_security_number", unique=True),
    Fill(HOLDER_FILE, 0x09, "name_start"),
    Fill(HOLDER_FILE, 0x0A, "sex"),
    Fill(HOLDER_FILE, 0x0B, "nation"),
    Fill(HOLDER_FILE, 0x0C, "birthplace"),
    Fill(HOLDER_FILE, 0x0D, "birth_date"),
    Fill(HOLDER_FILE, 0x4E, "name_rest"),  # came with generation 2
)
FILL_OF: Final = {fill.value: fill for fill in FILLS}
EARLY_TAGS: Final = frozenset(fill.tag for fill in FILLS if fill.early)

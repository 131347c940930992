# SPDX-License-Identifier: Apache-2.0
"""Taking the bank part off a card again: when its account changes, the keys must go with it."""

from __future__ import annotations

from sscard_chip.filesystem.layout import APPLICATION_TYPE, ApplicationType, DirectoryHeader, scan
from sscard_chip.filesystem.structure import erase, remove_directories
from sscard_chip.memory import Memory


def bank_directories(memory: Memory) -> dict[int, DirectoryHeader]:
    """The directories of the bank application by their offset: PSE, PPSE, each ADF."""
    return {
        found.offset: found.header
        for found in scan(memory)
        if isinstance(found.header, DirectoryHeader)
        and found.header.app_type & APPLICATION_TYPE == ApplicationType.BANK
    }


def remove_bank(memory: Memory) -> bool:
    """Take away every directory of the bank application and erase what was in them. Commits.

    Whether there was one. The purse and the social security part stay as they are.
    """
    offsets = set(bank_directories(memory))
    if offsets:
        erase(memory, remove_directories(memory, offsets))
    return bool(offsets)

# SPDX-License-Identifier: Apache-2.0
"""Taking the bank part off a card again: when its account changes, the keys must go with it."""

from __future__ import annotations

from typing import Final

from sscard_chip.filesystem.layout import APPLICATION_TYPE, ApplicationType, DirectoryHeader, scan
from sscard_chip.filesystem.structure import erase, remove_directories
from sscard_chip.memory import Memory
from sscard_chip.standard.identifiers import PPSE_NAME

_OF_THE_ACCOUNT: Final = (ApplicationType.BANK, ApplicationType.PURSE)


def bank_directories(memory: Memory) -> dict[int, DirectoryHeader]:
    """The directories of the bank application by their offset: PSE and each ADF. PPSE is not
    counted: a transport application has it too."""
    found = _directories(memory, ApplicationType.BANK)
    return {offset: header for offset, header in found.items() if not _is_ppse(header)}


def _is_ppse(header: DirectoryHeader) -> bool:
    return header.name == PPSE_NAME


def _directories(memory: Memory, *types: ApplicationType) -> dict[int, DirectoryHeader]:
    return {
        found.offset: found.header
        for found in scan(memory)
        if isinstance(found.header, DirectoryHeader)
        and found.header.app_type & APPLICATION_TYPE in types
    }


def remove_bank(memory: Memory) -> bool:
    """Take away every directory of the bank account and erase what was in them. Commits.

    Whether there was one. Deposit and purse go too: their keys and money are the account's. The
    social security part stays as it is, and so does a transport application with PPSE.
    """
    keeps_ppse = bool(_directories(memory, ApplicationType.TRANSIT))
    found = _directories(memory, *_OF_THE_ACCOUNT)
    offsets = {at for at, header in found.items() if not (keeps_ppse and _is_ppse(header))}
    if offsets:
        erase(memory, remove_directories(memory, offsets))
    return bool(offsets)

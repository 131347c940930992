# SPDX-License-Identifier: Apache-2.0
"""Names of root keys, from the profiles of all generations: the one list is theirs."""

from __future__ import annotations

from typing import Final

from sscard_chip.profile.model import Directory

MF_MASTER: Final = "MKMF"


def short_name(directory: Directory) -> str:
    """How people call a directory: SSSE, DF01, DF02..."""
    return "SSSE" if directory.fid >> 8 != 0xDF else f"DF{directory.fid & 0xFF:02X}"


def master_name(directory: Directory) -> str:
    """Root of a directory's master key (主控密钥): MKSSSE, MKDF01..."""
    return f"MK{short_name(directory)}"


def root_names() -> dict[str, int]:
    """Every root key that a card of any generation may need, with its number of versions."""
    from sscard_chip.profile import all_directories

    names = {MF_MASTER: 1}
    for directory in all_directories():
        names[master_name(directory)] = 1
        for key in directory.keys:
            names[key.root] = max(names.get(key.root, 0), key.versions)
    return names

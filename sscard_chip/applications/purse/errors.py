# SPDX-License-Identifier: Apache-2.0
"""What a wrong MAC costs: the policy of error counters, in one place [M]."""

from __future__ import annotations

from sscard_chip.filesystem.tree import Directory
from sscard_chip.security.keys import KeyRecord
from sscard_chip.standard.status import StatusError


def refuse_mac(directory: Directory, key: KeyRecord, sw: int) -> StatusError:
    """The error of a wrong MAC under ``key``, with one try less of a key that has tries.

    Whoever spends the last one has locked the application for good: from then on it answers
    9303. A right MAC gives all tries back. Card operating systems differ in how many tries there
    are and in what comes after them; the profile says how many (0: none are counted).
    """
    if key.retry_limit and not key.stage_failure():
        directory.stage_block()
    return StatusError(sw, keep_writes=True)

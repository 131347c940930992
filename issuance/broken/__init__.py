# SPDX-License-Identifier: Apache-2.0
"""Cards that are broken in one way each, for whoever tests terminals.

A broken card is an issued card with one thing wrong: a locked PIN, a wrong check character, a
counter at its end. Everything else is as it should be, so that what a program does wrong with it
has one cause. :data:`BROKEN` lists them by name, with what a terminal should do.

>>> from issuance.broken import BROKEN, break_card
>>> memory = break_card(memory, "pin-locked")
>>> BROKEN["pin-locked"].terminal
'Say that the PIN is locked and where it is unlocked; never ask for it again.'
"""

from __future__ import annotations

from issuance.broken.catalogue import BROKEN, break_card
from issuance.broken.edit import BrokenCard, CardNotBreakableError

__all__ = ["BROKEN", "BrokenCard", "CardNotBreakableError", "break_card"]

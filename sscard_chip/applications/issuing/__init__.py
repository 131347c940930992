# SPDX-License-Identifier: Apache-2.0
"""The blank phase of a card: structure and keys by commands (personalisation page, section 2).

The codings are those of one family of card operating systems [M]; what its papers leave open is
said where it is decided, with [L].
"""

from __future__ import annotations

from typing import Final

from sscard_chip.apdu.dispatch import ALWAYS, FROM_THE_START, Instruction
from sscard_chip.applications.issuing.creation import create_file
from sscard_chip.applications.issuing.keys import write_key
from sscard_chip.applications.issuing.lifecycle import clear_df, freeze_mf, get_info

_CLAUSE = "D10; MCOS"

ISSUING: Final = (
    Instruction("CREATE FILE", 0x80, 0xE0, create_file, _CLAUSE, states=FROM_THE_START),
    Instruction("WRITE KEY", 0x80, 0xD4, write_key, _CLAUSE),
    Instruction("WRITE KEY", 0x84, 0xD4, write_key, _CLAUSE),
    Instruction("CLEAR DF", 0xBF, 0xCE, clear_df, _CLAUSE),
    Instruction("FREEZE MF", 0xBF, 0xFE, freeze_mf, _CLAUSE),
    Instruction("GET INFO", 0xBF, 0xC8, get_info, _CLAUSE, when_blocked=True, states=ALWAYS),
)
"""Instructions of every social security card; a PSAM has its own."""

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
from sscard_chip.standard import commands

ISSUING: Final = (
    Instruction(commands.CREATE_FILE, create_file, states=FROM_THE_START),
    Instruction(commands.WRITE_KEY, write_key),
    Instruction(commands.WRITE_KEY.secured(), write_key),
    Instruction(commands.CLEAR_DF, clear_df),
    Instruction(commands.FREEZE_MF, freeze_mf),
    Instruction(commands.GET_INFO, get_info, when_blocked=True, states=ALWAYS),
)
"""Instructions of every social security card; a PSAM has its own."""

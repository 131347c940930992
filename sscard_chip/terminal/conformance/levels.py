# SPDX-License-Identifier: Apache-2.0
"""What a command may do to a card, and so from which level on it may be sent.

The level of a case is a promise; here it is kept. Every command of a run passes
:func:`level_of`, and one above the level of its case is not sent.
"""

from __future__ import annotations

from enum import IntEnum, unique
from typing import Final, Literal

from sscard_chip.standard import commands

LevelName = Literal["read", "session", "write", "destructive"]


@unique
class Level(IntEnum):
    """How far a run may go, each level with those before it.

    ``READ`` changes nothing and proves nothing to the card. ``SESSION`` gives the right PIN and
    right proofs of keys, and begins transactions. ``WRITE`` writes what it puts back afterwards,
    and debits amounts of 0. ``DESTRUCTIVE`` gives wrong PINs and proofs, moves money, locks and
    blocks.
    """

    READ = 1
    SESSION = 2
    WRITE = 3
    DESTRUCTIVE = 4

    @property
    def word(self) -> LevelName:
        """The level in small letters, as the command line has it."""
        return _WORDS[self]


_WORDS: Final[dict[Level, LevelName]] = {
    Level.READ: "read",
    Level.SESSION: "session",
    Level.WRITE: "write",
    Level.DESTRUCTIVE: "destructive",
}
LEVELS: Final[dict[str, Level]] = {word: level for level, word in _WORDS.items()}
"""Levels by the word that the command line has."""

_BY_INS: Final = {
    commands.UPDATE_RECORD.ins: Level.WRITE,
    commands.UPDATE_BINARY.ins: Level.WRITE,
    commands.APPEND_RECORD.ins: Level.WRITE,
    commands.CHANGE_OR_RELOAD_PIN.ins: Level.WRITE,
    commands.DEBIT_FOR_PURCHASE.ins: Level.WRITE,
    commands.CREDIT_FOR_LOAD.ins: Level.WRITE,
    commands.PURSE_DEBIT_FOR_PURCHASE.ins: Level.WRITE,
    commands.PURSE_CREDIT_FOR_LOAD.ins: Level.WRITE,
    commands.UPDATE_OVERDRAW_LIMIT.ins: Level.WRITE,
    commands.PIN_CHANGE_UNBLOCK.ins: Level.DESTRUCTIVE,
    commands.APPLICATION_BLOCK.ins: Level.DESTRUCTIVE,
    commands.CARD_BLOCK.ins: Level.DESTRUCTIVE,
    commands.CREATE_FILE.ins: Level.DESTRUCTIVE,
    commands.WRITE_KEY.ins: Level.DESTRUCTIVE,
    commands.CLEAR_DF.ins: Level.DESTRUCTIVE,
    commands.FREEZE_MF.ins: Level.DESTRUCTIVE,
    commands.INITIALIZE.ins: Level.SESSION,
    commands.GENERATE_KEY_PAIR.ins: Level.DESTRUCTIVE,
    commands.IMPORT_KEY.ins: Level.DESTRUCTIVE,
    commands.OPEN_ENVELOPE.ins: Level.SESSION,
    commands.SET_SESSION_KEY.ins: Level.SESSION,
}


def level_of(apdu: bytes) -> Level:
    """The level from which on a command may be sent, whatever its class.

    VERIFY without data asks for the state and is of the level ``READ``; with data, and EXTERNAL
    AUTHENTICATE with data, ``SESSION``: whether it is right is the case's concern.

    >>> level_of(bytes.fromhex("0020000000")), level_of(bytes.fromhex("00DC010405"))
    (<Level.READ: 1>, <Level.WRITE: 3>)
    """
    if len(apdu) < 4:
        return Level.READ
    ins = apdu[1]
    if ins in (commands.VERIFY.ins, commands.EXTERNAL_AUTHENTICATE.ins):
        return Level.SESSION if len(apdu) > 5 else Level.READ
    if ins == commands.STARTING_DAY.ins:
        return Level.WRITE if len(apdu) > 5 else Level.READ
    return _BY_INS.get(ins, Level.READ)

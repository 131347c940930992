# SPDX-License-Identifier: Apache-2.0
"""APPLICATION BLOCK and CARD BLOCK (LD/T 32.5), both for good."""

from __future__ import annotations

from typing import Final

from sscard_chip.apdu.command import Command
from sscard_chip.apdu.session import Session
from sscard_chip.filesystem.layout import STATE_AT, LifeCycle
from sscard_chip.standard.identifiers import DF03, DF04
from sscard_chip.standard.keys import BK_KID, LK_KID, LOCAL_KEY
from sscard_chip.standard.status import StatusError, StatusWord

_BK_LEVEL: Final = 1 << BK_KID
_LK_LEVEL: Final = 1 << (LK_KID & ~LOCAL_KEY)
_WITH_LK: Final = (DF03, DF04)
"""Only these ADFs have a key that authorises their block [M]; in others kid 83 is a UK."""


def block_application(session: Session, command: Command) -> bytes:
    """APPLICATION BLOCK 84 1E 00 01 with MAC 4: the current ADF answers 9303 from now on.

    Needs the right of LK and a fresh challenge, MAC under STK of the ADF. Failures lock
    nothing. 6985 outside an ADF, 6982, 6984, 6988.
    """
    command.require(0, 1, 4)
    if not session.df.is_adf:
        raise StatusError(StatusWord.CONDITIONS_NOT_SATISFIED)
    if session.df.fid not in _WITH_LK or not session.status.local_levels & _LK_LEVEL:
        raise StatusError(StatusWord.SECURITY_STATUS_NOT_SATISFIED)
    session.open_secure_message(command, session.df)
    session.df.stage_block()
    return b""


def block_card(session: Session, command: Command) -> bytes:
    """CARD BLOCK 84 16 00 00 with MAC 4: every later command answers 6A81.

    Needs the right of BK (kid 05) and a fresh challenge, MAC under STK of the environment.
    """
    command.require(0, 0, 4)
    if not session.status.global_levels & _BK_LEVEL:
        raise StatusError(StatusWord.SECURITY_STATUS_NOT_SATISFIED)
    session.open_secure_message(command, session.df.environment)
    session.memory.write(STATE_AT, bytes((LifeCycle.BLOCKED,)))
    return b""

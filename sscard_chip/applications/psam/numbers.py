# SPDX-License-Identifier: Apache-2.0
"""What every purchase of a PSAM takes from its files: 终端机编号 and 终端交易序号."""

from __future__ import annotations

from dataclasses import dataclass

from sscard_chip.apdu.session import Session
from sscard_chip.filesystem.files import TransparentFile
from sscard_chip.filesystem.tree import Directory
from sscard_chip.standard.amounts import MAX_NUMBER
from sscard_chip.standard.identifiers import PSAM_NUMBER, PSAM_TERMINAL
from sscard_chip.standard.status import StatusError, StatusWord


@dataclass(frozen=True, slots=True)
class PsamPurchase:
    """What CREDIT SAM has to compare; the next command drops it."""

    mac2: bytes


def next_number(session: Session) -> tuple[TransparentFile, bytes]:
    """The file of 终端交易序号 and the number in it, 4 bytes; 6985 at FFFFFFFF [L]."""
    file = _file(session.df, PSAM_NUMBER)
    number = file.read(0, 4)
    if int.from_bytes(number) == MAX_NUMBER:
        raise StatusError(StatusWord.CONDITIONS_NOT_SATISFIED)
    return file, number


def stage_next(file: TransparentFile, number: bytes) -> None:
    """The number is stored one higher in the commit that lets the answer out."""
    file.stage_update(0, (int.from_bytes(number) + 1).to_bytes(4))


def terminal_of(session: Session) -> bytes:
    """终端机编号 of the current environment, 6 bytes."""
    return _file(session.df.environment, PSAM_TERMINAL).read(0, 6)


def _file(directory: Directory, fid: int) -> TransparentFile:
    """A transparent file that every PSAM has; 6A82 in an image that lacks it."""
    file = directory.files.get(fid)
    if not isinstance(file, TransparentFile):
        raise StatusError(StatusWord.FILE_NOT_FOUND)
    return file

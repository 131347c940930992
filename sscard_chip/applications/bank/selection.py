# SPDX-License-Identifier: Apache-2.0
"""SELECT in the bank application, the FCIs, and the directories PSE and PPSE (JR/T 0025; EMV
book 1, sections 11.3 and 12; payment page B1).

PSE and PPSE list what the card has: every directory of a payment application that brings an
entry file (for PPSE also a contactless FCI) and is not dormant. A transport application stands
in PPSE alone and last: one reader takes the first entry for the bank card, another the last one
for the transport card. So an application that is
activated or leaves shows at once, and 6A82 answers for both where nothing is to be listed.

A terminal that selects PPSE is taken to be a contactless one, until the card is reset, PSE or
another application is selected [L]: that is how each of the two begins, and so the answers do not
depend on the cable.
"""

from __future__ import annotations

from typing import Final

from sscard_chip.apdu.command import Command
from sscard_chip.apdu.selection import enter_found
from sscard_chip.apdu.session import Session
from sscard_chip.applications.bank.application import (
    CONTACTLESS_FCI_FID,
    FCI_FID,
    BankApplication,
)
from sscard_chip.filesystem.files import TransparentFile
from sscard_chip.filesystem.layout import ApplicationState, ApplicationType
from sscard_chip.filesystem.tlv import tlv
from sscard_chip.filesystem.tree import Directory
from sscard_chip.standard.identifiers import MF, TRANSIT_LABEL
from sscard_chip.standard.status import StatusError, StatusWord

PSE, PPSE, ADF = 0x01, 0x02, 0x00
"""What a directory is: the low four bits of ``app_type``."""
ENTRY_FID: Final = 0xEF9D
"""A directory's line in PSE and PPSE: what stands in its template 61 [L]."""

_KIND: Final = 0x0F
_BY_FID, _BY_NAME = 0x00, 0x04
_FIRST, _NEXT = 0x00, 0x02
_FCI, _NAME, _PROPRIETARY, _ISSUER_DATA, _ENTRY = 0x6F, 0x84, 0xA5, 0xBF0C, 0x61
_AID: Final = 0x4F
_TRANSIT_ENTRY: Final = tlv(0x50, TRANSIT_LABEL.encode()) + tlv(0x87, b"\x02")


def select(session: Session, command: Command) -> bytes:
    """SELECT 00 A4 04 00 or 02 (next) with a name of 5 to 16 bytes or its beginning.

    Also the MF (00 A4 00 00, with 3F00 or nothing), which leaves the bank application. 6A86,
    6700, 6A82; 6283 with the FCI of an application that the issuer has blocked.
    """
    p1, p2, data = command.p1, command.p2, command.data
    if p1 == _BY_FID and not p2:
        if data not in (b"", MF.to_bytes(2)):
            raise StatusError(StatusWord.FILE_NOT_FOUND)
        return enter_found(session, session.files.mf)
    if p1 != _BY_NAME or p2 not in (_FIRST, _NEXT):
        raise StatusError(StatusWord.INCORRECT_P1_P2)
    if not 5 <= len(data) <= 16:
        raise StatusError(StatusWord.WRONG_LENGTH)
    after = session.df if p2 == _NEXT else None
    return enter_found(session, session.files.find_name(data, after))


def enter(session: Session, directory: Directory) -> bytes:
    """Make a directory of the bank application current and answer its FCI.

    Any open transaction ends. 6A82 for PSE and PPSE without entries, 9303 when it is blocked
    for good.
    """
    if directory.blocked:
        raise StatusError(StatusWord.APPLICATION_BLOCKED)
    kind = directory.header.app_type & _KIND
    if kind in (PSE, PPSE):
        listed = entries(session, contactless=kind == PPSE)
        if not listed:
            raise StatusError(StatusWord.FILE_NOT_FOUND)
        session.select_directory(directory)
        session.contactless = kind == PPSE
        proprietary = _issuer_data(listed) if kind == PPSE else _content(directory, FCI_FID)
    else:
        session.select_directory(directory)
        application = BankApplication.of(directory)
        proprietary = application.fci(contactless=session.contactless)
    session.transaction = None
    fci = tlv(_FCI, tlv(_NAME, directory.name) + tlv(_PROPRIETARY, proprietary))
    if directory.state == ApplicationState.SUSPENDED:
        raise StatusError(StatusWord.SELECTED_FILE_INVALIDATED, body=fci)
    return fci


def entries(session: Session, *, contactless: bool) -> list[bytes]:
    """The templates 61 of what PSE lists, or PPSE, in the order of creation, a transport
    application behind all others."""
    working = [d for d in session.files.directories if d.state != ApplicationState.DORMANT]
    found = [
        tlv(_ENTRY, _content(directory, ENTRY_FID))
        for directory in working
        if directory.application_type
        and ENTRY_FID in directory.files
        and (not contactless or CONTACTLESS_FCI_FID in directory.files)
    ]
    if contactless:
        found += [
            tlv(_ENTRY, tlv(_AID, directory.name) + _TRANSIT_ENTRY)
            for directory in working
            if directory.application_type == ApplicationType.TRANSIT
            and not directory.is_second_name
        ]
    return found


def is_pse(directory: Directory) -> bool:
    """Whether a directory of the bank application is PSE."""
    return directory.header.app_type & _KIND == PSE


def _issuer_data(listed: list[bytes]) -> bytes:
    return tlv(_ISSUER_DATA, b"".join(listed))


def _content(directory: Directory, fid: int) -> bytes:
    file = directory.files.get(fid)
    return file.read(0, file.size) if isinstance(file, TransparentFile) else b""

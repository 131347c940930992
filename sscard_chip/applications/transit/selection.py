# SPDX-License-Identifier: Apache-2.0
"""How the transport application is entered: without contacts, unless the card says otherwise."""

from __future__ import annotations

from typing import Final

from sscard_chip.apdu.session import Session
from sscard_chip.applications.purse import enter_purse
from sscard_chip.filesystem.tree import Directory
from sscard_chip.standard.status import StatusError, StatusWord

ON_CONTACTS: Final = 0x01
"""Of ``app_type``: a terminal with contacts finds the application too."""


def on_contacts(directory: Directory) -> bool:
    """Whether a terminal with contacts finds the application."""
    return bool(directory.header.app_type & ON_CONTACTS)


def enter(session: Session, directory: Directory) -> bytes:
    """Make the application current and answer its FCI, as the purse does.

    On contacts 6A82 unless :data:`ON_CONTACTS` is set [L].
    """
    if session.contacts and not on_contacts(directory):
        raise StatusError(StatusWord.FILE_NOT_FOUND)
    return enter_purse(session, directory)

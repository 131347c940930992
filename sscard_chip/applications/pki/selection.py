# SPDX-License-Identifier: Apache-2.0
"""How the certificate application is entered, and what it keeps between commands."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from sscard_chip.apdu.session import Session
from sscard_chip.filesystem.tlv import encode_template, tlv
from sscard_chip.filesystem.tree import Directory
from sscard_chip.standard.status import StatusError, StatusWord

_FCI, _NAME, _DISCRETIONARY, _VERSION = 0x6F, 0x84, 0x73, 0x92
_VERSION_3: Final = b"30"


@dataclass(frozen=True, slots=True)
class PkiState:
    """What a session of the application holds: a session key of 16 bytes, and the FID of the
    public key that the next EXPORT PUBLIC KEY gives. Both are empty without."""

    session_key: bytes = field(default=b"", repr=False)
    export: int = 0


def state_of(session: Session) -> PkiState:
    """The state of the session."""
    state = session.transaction
    return state if isinstance(state, PkiState) else PkiState()


def keep(session: Session, *, session_key: bytes | None = None, export: int = 0) -> None:
    """Set the state: a session key stays until another one comes, an export until it is asked."""
    state = replace(state_of(session), export=export)
    session.transaction = state if session_key is None else replace(state, session_key=session_key)


def enter(session: Session, directory: Directory) -> bytes:
    """Make a directory current and answer its FCI.

    The environment: 6F {84 name, 73 {92 "30"}}; the application: 6F {84 name}. 9303 when it is
    blocked for good. Another directory ends the session key.
    """
    if directory.blocked:
        raise StatusError(StatusWord.APPLICATION_BLOCKED)
    if directory is not session.df:
        session.transaction = None
    session.select_directory(directory)
    if directory.is_adf:
        return directory.fci
    version = encode_template(_DISCRETIONARY, [(_VERSION, _VERSION_3)])
    return tlv(_FCI, tlv(_NAME, directory.name) + version)

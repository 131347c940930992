# SPDX-License-Identifier: Apache-2.0
"""Commands of the certificate application (证书应用) of generation 3."""

from __future__ import annotations

from typing import Final

from sscard_chip.standard import commands
from sscard_chip.standard.identifiers import (
    ENCRYPTION_PRIVATE_KEY,
    ENCRYPTION_PUBLIC_KEY,
    SIGNATURE_PRIVATE_KEY,
    SIGNATURE_PUBLIC_KEY,
)
from sscard_chip.trace.entry import TraceEntry, data, table
from sscard_chip.trace.layouts import secret
from sscard_chip.trace.selection import Selection, TracedCommand

_HOLDERS: Final = {0x81: "user 用户", 0x00: "administrator 管理员"}
_KEYS: Final = {
    SIGNATURE_PUBLIC_KEY: "签名公钥",
    SIGNATURE_PRIVATE_KEY: "签名私钥",
    ENCRYPTION_PUBLIC_KEY: "加密公钥",
    ENCRYPTION_PRIVATE_KEY: "加密私钥",
}
_NAMES_OF_FILES: Final = (0xC0, 0xC2)
_NAME_LENGTH: Final = 2


def _pin(selection: Selection, command: TracedCommand, unsafe: bool) -> str:
    whose = _HOLDERS.get(command.p2, f"P2 {command.p2:02X}")
    return f"{whose}, {secret(command.data, unsafe)}" if command.data else whose


def _files(selection: Selection, command: TracedCommand, unsafe: bool) -> str:
    """The files that a command names at its beginning; the rest is a key, or nothing."""
    found, at, whole = [], 0, command.data
    while whole[at : at + 1] and whole[at] in _NAMES_OF_FILES and whole[at + 1 : at + 2] == b"\x02":
        fid = int.from_bytes(whole[at + 2 : at + 2 + _NAME_LENGTH])
        found.append(f"{fid:04X} {_KEYS.get(fid, '')}".rstrip())
        at += 2 + _NAME_LENGTH
    if whole[at:]:
        found.append(secret(whole[at:], unsafe))
    return ", ".join(found)


PKI_ENTRIES: Final = table(
    TraceEntry(commands.PKI_DIGEST, data),
    TraceEntry(commands.PKI_VERIFY, _pin),
    TraceEntry(commands.PKI_CHANGE_PIN, _pin),
    TraceEntry(commands.GENERATE_KEY_PAIR, _files),
    TraceEntry(commands.EXPORT_PUBLIC_KEY, _files),
    TraceEntry(commands.OPEN_ENVELOPE, _files),
    TraceEntry(commands.SET_SESSION_KEY, data),
    TraceEntry(commands.IMPORT_PUBLIC_KEY, _files),
    TraceEntry(commands.IMPORT_PRIVATE_KEY, _files),
    TraceEntry(commands.COMPUTE_SIGNATURE, data),
)

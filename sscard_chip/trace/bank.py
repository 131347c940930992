# SPDX-License-Identifier: Apache-2.0
"""Commands of the bank application (PBOC 借贷记, 电子现金) in words.

Shown are kinds, counters and codes; PINs, track 2, amounts, cryptograms and whatever a terminal
sent stand as their length.
"""

from __future__ import annotations

from typing import Final

from sscard_chip.applications.bank.data import BY_TAG
from sscard_chip.filesystem import tlv
from sscard_chip.standard import commands
from sscard_chip.standard.messages import security
from sscard_chip.trace.entry import SECURED, TraceEntry, data, fields, table
from sscard_chip.trace.layouts import secret
from sscard_chip.trace.selection import Selection, TracedCommand, df_name

_KINDS: Final = {0x00: "AAC 拒绝", 0x40: "TC 批准", 0x80: "ARQC 联机"}
_KIND_BITS: Final = 0xC0
_NUMBERS: Final = frozenset((0x9F36, 0x9F13, 0x9F17))
"""GET DATA answers that are counters."""
_OBJECTS: Final = {0x9F17: "PIN tries", 0x9F4F: "log format", 0x9F5D: "available offline amount"}
_PIN_CHANGES: Final = {
    0x00: "unblock 解锁",
    0x01: "new PIN, knowing the old 修改",
    0x02: "new PIN 重置",
}
_MAC: Final = 4
_GENERATED: Final = 11
_LOG_SFI: Final = 11


def _options(selection: Selection, command: TracedCommand, unsafe: bool) -> str:
    body = command.data[2:]
    return f"PDOL data {secret(body, unsafe)}" if body else "no PDOL data"


def _options_answer(body: bytes, unsafe: bool) -> str:
    objects = _parsed(body)
    if 0x80 in objects and len(objects[0x80]) >= 2:
        value = objects[0x80]
        return f"AIP {value[:2].hex().upper()}, AFL {value[2:].hex().upper()}"
    inner = _parsed(objects.get(0x77, b""))
    if not inner:
        return secret(body, unsafe)
    parts = []
    issuer_data = inner.get(0x9F10, b"")
    if len(issuer_data) > 4:
        parts.append(_KINDS.get(issuer_data[4] << 2 & _KIND_BITS, "unknown kind"))
    if len(inner.get(0x9F36, b"")) == 2:
        parts.append(f"ATC {int.from_bytes(inner[0x9F36])}")
    tags = " ".join(f"{tag:02X}" for tag in inner)
    return ", ".join((*parts, f"tags {tags}"))


def _parsed(body: bytes) -> dict[int, bytes]:
    try:
        return dict(tlv.parse_objects(body))
    except ValueError:
        return {}


def _generate(selection: Selection, command: TracedCommand, unsafe: bool) -> str:
    kind = _KINDS.get(command.p1, f"P1 {command.p1:02X}")
    return f"{kind}, CDOL data {secret(command.data, unsafe)}"


def _generate_answer(body: bytes, unsafe: bool) -> str:
    value = _parsed(body).get(0x80, b"")
    if len(value) < _GENERATED:
        return secret(body, unsafe)
    kind = _KINDS.get(value[0] & _KIND_BITS, "unknown kind")
    return f"{kind}, ATC {int.from_bytes(value[1:3])}, cryptogram {secret(value[3:11], unsafe)}"


def _object(command: TracedCommand) -> str:
    tag = command.p1 << 8 | command.p2
    name = BY_TAG[tag].name if tag in BY_TAG else _OBJECTS.get(tag, "")
    return f"{tag:02X} {name}".rstrip()


def _get_data(selection: Selection, command: TracedCommand, unsafe: bool) -> str:
    return _object(command)


def _get_data_answer(body: bytes, unsafe: bool) -> str:
    shown = [
        f"{tag:02X} {int.from_bytes(value) if tag in _NUMBERS else secret(value, unsafe)}"
        for tag, value in _parsed(body).items()
    ]
    return ", ".join(shown) or secret(body, unsafe)


def _put_data(selection: Selection, command: TracedCommand, unsafe: bool) -> str:
    return f"{_object(command)}, {_secured(command.data, unsafe)}"


def _secured(content: bytes, unsafe: bool) -> str:
    value, mac = content[:-_MAC], content[-_MAC:]
    return f"{secret(value, unsafe)}, MAC {secret(mac, unsafe)}"


def _record(selection: Selection, command: TracedCommand, unsafe: bool) -> str:
    sfi = command.p2 >> 3
    place = "log 交易明细" if sfi == _LOG_SFI else f"SFI {sfi:02X}"
    detail = f", {_secured(command.data, unsafe)}" if command.data else ""
    return f"{place}, record {command.p1}{detail}"


def _verify(selection: Selection, command: TracedCommand, unsafe: bool) -> str:
    how = {0x80: "plain 明文", 0x88: "enciphered 密文"}.get(command.p2, f"P2 {command.p2:02X}")
    return f"{how}, PIN block {secret(command.data, unsafe)}"


def _issuer(selection: Selection, command: TracedCommand, unsafe: bool) -> str:
    arpc, code = command.data[:8], command.data[8:]
    shown = code.decode("ascii", "replace")
    readable = len(code) == 2 and shown.isalnum()
    return (
        f"ARPC {secret(arpc, unsafe)}, response code {shown if readable else secret(code, unsafe)}"
    )


def _pin_change(selection: Selection, command: TracedCommand, unsafe: bool) -> str:
    what = _PIN_CHANGES.get(command.p2, f"P2 {command.p2:02X}")
    return f"{what}, {_secured(command.data, unsafe)}"


def _activate(selection: Selection, command: TracedCommand, unsafe: bool) -> str:
    aid, mac = command.data[:-_MAC], command.data[-_MAC:]
    return f"AID {df_name(aid)}, MAC {secret(mac, unsafe)}"


ACTIVATION_ENTRIES: Final = table(
    TraceEntry(commands.ACTIVATE_APPLICATION, _activate),
)
"""What is sent outside the bank application."""

BANK_ENTRIES: Final = table(
    TraceEntry(commands.READ_RECORD, _record),
    TraceEntry(commands.GET_PROCESSING_OPTIONS, _options, _options_answer),
    TraceEntry(commands.GENERATE_AC, _generate, _generate_answer),
    TraceEntry(commands.GET_DATA, _get_data, _get_data_answer),
    TraceEntry(commands.EXTERNAL_AUTHENTICATE, _issuer),
    TraceEntry(commands.INTERNAL_AUTHENTICATE, data),
    TraceEntry(commands.VERIFY, _verify),
    TraceEntry(commands.APPLICATION_BLOCK, fields(security.MAC)),
    TraceEntry(commands.APPLICATION_UNBLOCK, fields(security.MAC)),
    TraceEntry(commands.CARD_BLOCK, fields(security.MAC)),
    TraceEntry(commands.DEACTIVATE_APPLICATION, fields(security.MAC)),
    TraceEntry(commands.PIN_CHANGE_UNBLOCK, _pin_change),
    TraceEntry(commands.PUT_DATA, _put_data, note=SECURED),
    TraceEntry(commands.UPDATE_RECORD.secured(), _record, note=SECURED),
)
"""By CLA and INS, while the bank application is selected."""

# SPDX-License-Identifier: Apache-2.0
"""What a strict terminal reads of the bank application with contacts (JR/T 0025.4 and 0025.5)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any, Final

from sscard_chip.filesystem.tlv import parse_dol
from sscard_chip.profile.model import Confidence
from sscard_chip.standard import commands
from sscard_chip.standard.identifiers import BANK_RID, PSE_NAME, SSSE_NAME
from sscard_chip.terminal.bank.selection import candidates
from sscard_chip.terminal.bank.terminal import AIDS, BankPurchase, TerminalProfile
from sscard_chip.terminal.bank.tlv import find_object, open_template, primitives, tlv, tlvs
from sscard_chip.terminal.bank.transaction import TerminalTransaction
from sscard_chip.terminal.conformance.banking.build import BankChapter
from sscard_chip.terminal.conformance.banking.trial import NOON, BankTrial
from sscard_chip.terminal.conformance.case import BOTH, CONTACT, Case
from sscard_chip.terminal.conformance.levels import Level
from sscard_chip.terminal.conformance.verdict import NotApplicableError

_CONTACT: Final = frozenset({CONTACT})
_SELECT: Final = BankChapter("SELECT", "JR/T 0025.5, application selection", "pboc-reading",
                             _CONTACT)  # fmt: skip
_READ: Final = BankChapter("READ", "JR/T 0025.5, reading application data", "pboc-reading",
                           _CONTACT)  # fmt: skip
_DATA: Final = BankChapter("DATA", "JR/T 0025.5, GET DATA", "pboc-reading", BOTH)
_SESSION: Final[dict[str, Any]] = {"level": Level.SESSION}
_M: Final = {"confidence": Confidence.MEDIUM}
_MANDATORY: Final = (0x5A, 0x5F24, 0x8C, 0x8D)


def cases() -> Iterator[Case]:
    """All of this module."""
    yield from (*_SELECT(), *_READ(), *_DATA())


# --- selection -----------------------------------------------------------------------------------


def _pse(trial: BankTrial) -> bytes:
    reply = trial.send(commands.SELECT, 0x04, 0x00, PSE_NAME, 0)
    if reply.sw == 0x6A82:
        raise NotApplicableError("the card has no PSE")
    return trial.expect(reply, "9000").data


@_SELECT.case(1, "PSE: its FCI has its name and an SFI from 1 to 10")
def _(trial: BankTrial) -> None:
    fci = _pse(trial)
    body = trial.strict(lambda: open_template(0x6F, fci, "PSE"))
    trial.equal(find_object(body, 0x84, "PSE"), PSE_NAME, "tag 84")
    sfi = find_object(body, 0x88, "PSE") or b""
    trial.check(len(sfi) == 1 and 1 <= sfi[0] <= 10, "tag 88, an SFI from 1 to 10", "another")


@_SELECT.case(2, "The directory: records 70 with 61, each with AID and label, then 6A83")
def _(trial: BankTrial) -> None:
    sfi = find_object(_pse(trial), 0x88, "PSE") or b"\x01"
    for number in range(1, 17):
        reply = trial.whole(bytes((0x00, 0xB2, number, sfi[0] << 3 | 4, 0x00)))
        if reply.sw != 0x9000:
            trial.refused(reply, "6A83")
            trial.check(number > 1, "a record at least", "none")
            return
        body = trial.strict(lambda data=reply.data: open_template(0x70, data, "directory"))
        for tag, entry in tlvs(body, "directory"):
            trial.equal(tag, 0x61, "tag in a directory record")
            values = dict(tlvs(entry, "directory"))
            trial.check(5 <= len(values.get(0x4F, b"")) <= 16, "4F of 5 to 16 bytes", "another")
            label = values.get(0x50, b"")
            trial.check(
                0 < len(label) <= 16 and label.isascii() and label.decode().isprintable(),
                "50 of 1 to 16 printable characters", "another",
            )  # fmt: skip
    trial.check(False, "an end of the directory", "none")


@_SELECT.case(3, "Every application of the directory is selected; its FCI is its own")
def _(trial: BankTrial) -> None:
    found = trial.strict(lambda: candidates(trial.client, AIDS, contactless=False))
    for one in found:
        reply = trial.expect(trial.send(commands.SELECT, 0x04, 0x00, one.aid, 0), "9000")
        body = trial.strict(lambda data=reply.data: open_template(0x6F, data, "FCI"))
        name = find_object(body, 0x84, "FCI") or b""
        trial.check(name.startswith(one.aid), "tag 84 that begins with the AID", "another")
        trial.check(find_object(body, 0xA5, "FCI") is not None, "tag A5", "none")
        label = find_object(body, 0x50, "FCI") or b""
        trial.check(0 < len(label) <= 16 and label.isascii(), "tag 50, a label", "another")


@_SELECT.case(4, "An unknown AID: 6A82, and the application stays current")
def _(trial: BankTrial) -> None:
    trial.select()
    trial.refused(trial.send(commands.SELECT, 0x04, 0x00, BANK_RID + b"\xff\xff", 0), "6A82")
    trial.expect(trial.get_data(0x9F36), "9000")


@_SELECT.case(5, "The beginning of its AID selects it; the next one is another or 6A82")
def _(trial: BankTrial) -> None:
    reply = trial.expect(trial.send(commands.SELECT, 0x04, 0x00, BANK_RID, 0), "9000")
    first = find_object(reply.data, 0x84, "FCI")
    trial.check((first or b"").startswith(BANK_RID), "an AID of PBOC", "another")
    reply = trial.send(commands.SELECT, 0x04, 0x02, BANK_RID, 0)
    trial.expect(reply, "9000", "6A82")
    if reply.sw == 0x9000:
        trial.check(find_object(reply.data, 0x84, "FCI") != first, "another AID", "the same")


@_SELECT.case(6, "The social security application stays out of sight, and comes back", **_M)
def _(trial: BankTrial) -> None:
    trial.select()
    for apdu in ("B026000104", "00B2012C00", "00A4020002EF05", "00A4000002DF04"):
        reply = trial.whole(apdu)
        trial.check(reply.sw != 0x9000, f"a refusal of {apdu[:8]}", "9000")
    trial.expect(trial.send(commands.SELECT, 0x04, 0x00, SSSE_NAME, 0), "9000")
    trial.expect(trial.whole("00B2072C00"), "9000")


@_SELECT.case(7, "A PIN of the social security part opens nothing here", **_M)
def _(trial: BankTrial) -> None:
    trial.given(trial.send(commands.SELECT, 0x04, 0x00, SSSE_NAME, 0), "SELECT of SSSE")
    trial.select()
    reply = trial.get_data(0x9F17)
    trial.expect(reply, "9000", "6A88", "6A81")


# --- records -------------------------------------------------------------------------------------


@_READ.case(1, "GPO gives AIP and AFL; the AFL's records are there, each one template 70",
            **_SESSION)  # fmt: skip
def _(trial: BankTrial) -> None:
    transaction = trial.begin()
    trial.equal(len(transaction.value(0x82)), 2, "bytes of the AIP")
    trial.check(len(transaction.value(0x94)) >= 4, "an AFL", "none")


@_READ.case(2, "No data object comes twice, and what a terminal needs is there", **_SESSION)
def _(trial: BankTrial) -> None:
    transaction = trial.begin()
    for tag in _MANDATORY:
        trial.check(tag in transaction.data, f"tag {tag:02X} in a record", "none")


@_READ.case(3, "5A and 57 are of one account, whose last digit is right", **_SESSION)
def _(trial: BankTrial) -> None:
    transaction = trial.begin()
    trial.strict(transaction.check_account)
    digits = transaction.pan
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 * (value > 9)
    trial.check(total % 10 == 0, "a right check digit of 5A", "another")


def _day(value: bytes) -> date:
    text = value.hex()
    return date(2000 + int(text[:2]), int(text[2:4]), int(text[4:6]))


@_READ.case(4, "5F24 and 5F25 are days, the first day before the last", **_SESSION)
def _(trial: BankTrial) -> None:
    data = trial.begin().data
    last = _day(data[0x5F24])
    if 0x5F25 in data:
        trial.check(_day(data[0x5F25]) <= last, "5F25 before 5F24", "behind it")
    if 0x57 in data:
        track = data[0x57].hex().upper().partition("D")[2]
        trial.check(track[:4] == data[0x5F24].hex()[:4], "the last month of 5F24 in 57", "another")


@_READ.case(5, "CDOL1 asks for amount, country, TVR, currency, date, kind and random", **_SESSION)
def _(trial: BankTrial) -> None:
    asked = dict(parse_dol(trial.begin().value(0x8C)))
    for tag, length in ((0x9F02, 6), (0x9F1A, 2), (0x95, 5), (0x5F2A, 2), (0x9A, 3), (0x9C, 1),
                        (0x9F37, 4)):  # fmt: skip
        trial.equal(asked.get(tag), length, f"length of {tag:02X} in CDOL1")


@_READ.case(6, "CDOL2 asks for the issuer's answer 8A first", **_SESSION)
def _(trial: BankTrial) -> None:
    asked = list(parse_dol(trial.begin().value(0x8D)))
    trial.equal(asked[0], (0x8A, 2), "first entry of CDOL2")


@_READ.case(7, "Behind the records of the AFL: 6A83; an unknown file: 6A82", **_SESSION)
def _(trial: BankTrial) -> None:
    trial.begin()
    trial.refused(trial.whole("00B2FE0C00"), "6A83", "6A82")
    trial.refused(trial.whole("00B201EC00"), "6A82", "6A83")


@_READ.case(8, "The AIP says issuer authentication and cardholder verification as they are there",
            **_SESSION)  # fmt: skip
def _(trial: BankTrial) -> None:
    transaction = trial.begin()
    if transaction.value(0x82)[0] & 0x10:
        rules = transaction.data.get(0x8E, b"")
        trial.check(len(rules) >= 10 and len(rules) % 2 == 0, "8E, a list of methods", "none")


@_READ.case(9, "A second GPO without a new SELECT: 6985", **_SESSION)
def _(trial: BankTrial) -> None:
    transaction = trial.begin()
    asked = transaction.asked(transaction.selected.pdol, "PDOL")
    reply = trial.send(commands.GET_PROCESSING_OPTIONS, data=tlv(0x83, asked), le=0)
    trial.refused(reply, "6985")


@_READ.case(10, "GPO with data of another length than the PDOL: refused", **_SESSION)
def _(trial: BankTrial) -> None:
    purchase = BankPurchase(1000, NOON)
    selected = trial.select()
    transaction = TerminalTransaction(trial.client, TerminalProfile(), purchase, selected)
    asked = transaction.asked(transaction.selected.pdol, "PDOL") + b"\0"
    reply = trial.send(commands.GET_PROCESSING_OPTIONS, data=tlv(0x83, asked), le=0)
    trial.refused(reply, "6700", "6A80", "6985")


@_READ.case(11, "Records read twice are the same, and after a reset", **_SESSION)
def _(trial: BankTrial) -> None:
    first = trial.begin()
    values = {tag: first.data[tag] for tag in (0x57, 0x5A, 0x8C, 0x8D) if tag in first.data}
    trial.reset(cold=True)
    again = trial.begin()
    for tag, value in values.items():
        trial.same(again.value(tag), value, f"tag {tag:02X}")


@_READ.case(12, "GENERATE AC before GPO: 6985", level=Level.WRITE)
def _(trial: BankTrial) -> None:
    trial.select()
    reply = trial.send(commands.GENERATE_AC, 0x80, 0x00, bytes(43), 0)
    trial.refused(reply, "6985", "6700", "6982")


# --- GET DATA ------------------------------------------------------------------------------------


@_DATA.case(1, "ATC and last online ATC, two bytes each as data objects")
def _(trial: BankTrial) -> None:
    trial.select()
    for tag in (0x9F36, 0x9F13):
        reply = trial.expect(trial.get_data(tag), "9000")
        trial.equal(reply.data[:3], tag.to_bytes(2) + b"\x02", f"head of {tag:04X}")
        trial.equal(len(reply.data), 5, f"bytes of {tag:04X}")


@_DATA.case(2, "What is not there: 6A88")
def _(trial: BankTrial) -> None:
    trial.select()
    for tag in (0x9F01, 0x9F7E, 0x0042):
        trial.refused(trial.get_data(tag), "6A88", "6A81")


@_DATA.case(3, "Nothing secret is given: 5A, 57 and keys are no matter of GET DATA")
def _(trial: BankTrial) -> None:
    trial.select()
    for tag in (0x005A, 0x0057, 0x5F20, 0x9F62):
        trial.refused(trial.get_data(tag), "6A88", "6A81", "6D00")


@_DATA.case(4, "The log: its format and file agree with its records", **_M)
def _(trial: BankTrial) -> None:
    selected = trial.send(commands.SELECT, 0x04, 0x00, trial.subject.aid, 0)
    place = find_object(trial.expect(selected, "9000").data, 0x9F4D, "FCI")
    if place is None:
        raise NotApplicableError("the card has no log")
    form = trial.expect(trial.get_data(0x9F4F), "9000").data
    listed = primitives(form, "9F4F")
    length = sum(size for _, size in parse_dol(listed[0][1]))
    reply = trial.whole(bytes((0x00, 0xB2, 0x01, place[0] << 3 | 4, 0x00)))
    trial.expect(reply, "9000", "6A83")
    if reply.sw == 0x9000:
        trial.equal(len(reply.data), length, "bytes of a log record")


@_DATA.case(5, "Every transaction takes one ATC, also after a power-off", **_SESSION)
def _(trial: BankTrial) -> None:
    trial.select()
    atc = trial.number_of(0x9F36)
    for place in range(1, 4):
        trial.begin()
        trial.equal(trial.number_of(0x9F36), atc + place, "ATC after GPO")
    trial.reset(cold=True)
    trial.select()
    trial.equal(trial.number_of(0x9F36), atc + 3, "ATC after power-off")

# SPDX-License-Identifier: Apache-2.0
"""The bank application in detail: what is told in two places agrees, the log tells the purchase,
parameters and classes count (JR/T 0025)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from sscard_chip.filesystem.tlv import parse_dol
from sscard_chip.profile.model import Confidence
from sscard_chip.standard import commands
from sscard_chip.standard.identifiers import PPSE_NAME, PSE_NAME
from sscard_chip.terminal.bank.results import PaymentOutcome
from sscard_chip.terminal.bank.scripts import ECASH_BALANCE
from sscard_chip.terminal.bank.tlv import find_object, primitives, tlv, tlvs
from sscard_chip.terminal.conformance.banking.build import BankChapter
from sscard_chip.terminal.conformance.banking.paying import after_arqc, balance_script
from sscard_chip.terminal.conformance.banking.trial import BankTrial
from sscard_chip.terminal.conformance.case import BOTH, CONTACT, CONTACTLESS, Case, Need
from sscard_chip.terminal.conformance.levels import Level
from sscard_chip.terminal.conformance.verdict import NotApplicableError

_CONTACT: Final = frozenset({CONTACT})
_READ: Final = BankChapter(
    "READ", "JR/T 0025.5, reading application data", "pboc-reading", _CONTACT
)
_DATA: Final = BankChapter("DATA", "JR/T 0025.5, GET DATA", "pboc-reading", BOTH)
_SELECT: Final = BankChapter(
    "SELECT", "JR/T 0025.5, application selection", "pboc-reading", _CONTACT
)
_PAY: Final = BankChapter("PAY", "JR/T 0025.5, transaction", "pboc-transaction", _CONTACT)
_SCRIPT: Final = BankChapter("SCRIPT", "JR/T 0025.5, issuer scripts", "pboc-transaction", _CONTACT)
_FIELD: Final = BankChapter("QPBOC", "JR/T 0025.12, qPBOC", "pboc-contactless",
                            frozenset({CONTACTLESS}))  # fmt: skip
_M: Final = {"confidence": Confidence.MEDIUM}
_SESSION: Final[dict[str, Any]] = {"level": Level.SESSION}
_KEYS: Final[dict[str, Any]] = {"level": Level.WRITE, "needs": frozenset({Need.KEYS})}
_CHINA: Final = b"\x01\x56"
_FIXED: Final = {0x9A: 3, 0x9F21: 3, 0x9F02: 6, 0x9F03: 6, 0x9F1A: 2, 0x5F2A: 2, 0x9C: 1, 0x9F36: 2}
"""Bytes of the objects of a log record whose length is never another."""
_NEEDED: Final = {0x5F25: 3, 0x5F28: 2, 0x5F34: 1, 0x9F07: 2, 0x9F08: 2, 0x9F0D: 5, 0x9F0E: 5,
                  0x9F0F: 5}  # fmt: skip
_IN_FIELD: Final = {0x82: 2, 0x9F36: 2, 0x9F26: 8, 0x5F34: 1, 0x9F6C: 2}
_WRONG_P: Final = (0x01, 0x02, 0x08, 0x20, 0x80, 0xFF)
_CLASSES: Final = (0x04, 0x10, 0x20, 0x84, 0xA0, 0xB0)
_WRONG_CLASS: Final = ("6E00", "6D00", "6881", "6882", "6987", "6988")


def cases() -> Iterator[Case]:
    """All of this module."""
    yield from (*_SELECT(), *_READ(), *_DATA(), *_PAY(), *_SCRIPT(), *_FIELD())


def _fci(trial: BankTrial) -> bytes:
    reply = trial.send(commands.SELECT, 0x04, 0x00, trial.subject.aid, 0)
    return trial.expect(reply, "9000").data


def _same_label(trial: BankTrial, entries: list[dict[int, bytes]]) -> None:
    for entry in entries:
        reply = trial.given(trial.send(commands.SELECT, 0x04, 0x00, entry[0x4F], 0), "SELECT")
        label = find_object(reply.data, 0x50, "FCI")
        if label is not None and 0x50 in entry:
            trial.check(entry[0x50] == label, "one label in directory and FCI", "two")


@_SELECT.case(8, "The label in the directory is that of the application", **_M)
def _(trial: BankTrial) -> None:
    reply = trial.send(commands.SELECT, 0x04, 0x00, PSE_NAME, 0)
    if reply.sw == 0x6A82:
        raise NotApplicableError("the card has no PSE")
    sfi = find_object(reply.data, 0x88, "PSE") or b"\x01"
    record = trial.given(trial.whole(bytes((0x00, 0xB2, 0x01, sfi[0] << 3 | 4, 0x00)))).data
    body = find_object(record, 0x70, "directory") or b""
    _same_label(trial, [dict(tlvs(one, "directory")) for tag, one in tlvs(body, "directory")])


@_READ.case(
    13, "What terminals of this country ask for is there, with its length", **_SESSION, **_M
)
def _(trial: BankTrial) -> None:
    data = trial.begin().data
    for tag, length in _NEEDED.items():
        trial.check(tag in data, f"{tag:04X} in a record", "none")
        trial.equal(len(data[tag]), length, f"bytes of {tag:04X}")
    trial.equal(data[0x5F28], _CHINA, "country of the issuer in 5F28")


@_READ.case(14, "Where the AIP promises it, 8E has a method of cardholder verification", **_SESSION)
def _(trial: BankTrial) -> None:
    transaction = trial.begin()
    if not transaction.value(0x82)[0] & 0x10:
        raise NotApplicableError("the AIP promises none")
    rules = transaction.data.get(0x8E, b"")[8:]
    methods = [rules[at : at + 2] for at in range(0, len(rules), 2)]
    trial.check(any(any(one) for one in methods), "a method in 8E", "none")


@_READ.case(
    15, "Without a promise of the AIP no record is signed", **_SESSION, confidence=Confidence.LOW
)
def _(trial: BankTrial) -> None:
    transaction = trial.begin()
    if transaction.value(0x82)[0] & 0x60:
        raise NotApplicableError("the AIP promises offline data authentication")
    locator = transaction.value(0x94)
    trial.equal(locator[3::4].strip(b"\0"), b"", "signed records that the AFL names:")


def _parameters(
    number: int, name: str, ready: Callable[[BankTrial], bytes], *, p2: bool, level: Level
) -> None:
    @_READ.case(number, f"{name}: other P1 and P2, and other classes, are refused", level=level)
    def _(trial: BankTrial) -> None:
        apdu = ready(trial)
        for value in _WRONG_P:
            for at in (2, 3) if not p2 else (3,):
                wrong = apdu[:at] + bytes((value,)) + apdu[at + 1 :]
                trial.refused(trial.whole(wrong), "6A86", "6985", "6A81", what=f"to {value:02X}")
        for value in _CLASSES:
            trial.refused(trial.whole(bytes((value,)) + apdu[1:]), *_WRONG_CLASS,
                          what=f"to class {value:02X}")  # fmt: skip


def _options(trial: BankTrial) -> bytes:
    transaction = trial.begin()
    asked = transaction.asked(transaction.selected.pdol, "PDOL")
    trial.select()
    return commands.GET_PROCESSING_OPTIONS.apdu(data=tlv(0x83, asked))


def _generate(trial: BankTrial) -> bytes:
    transaction = trial.begin()
    return commands.GENERATE_AC.apdu(0x80, 0x00, transaction.asked(transaction.value(0x8C), "CDOL"))


_parameters(16, "GET PROCESSING OPTIONS", _options, p2=False, level=Level.SESSION)
_parameters(17, "GENERATE AC", _generate, p2=True, level=Level.WRITE)


@_READ.case(18, "READ RECORD and GET DATA are known under their own class alone", **_SESSION)
def _(trial: BankTrial) -> None:
    trial.begin()
    for value in (0x80, *_CLASSES):
        trial.refused(trial.whole(bytes((value, 0xB2, 0x01, 0x0C, 0x00))), *_WRONG_CLASS)
    for value in (0x00, *_CLASSES):
        trial.refused(trial.whole(bytes((value, 0xCA, 0x9F, 0x36, 0x00))), *_WRONG_CLASS)


# --- the log -------------------------------------------------------------------------------------


def _log(trial: BankTrial) -> tuple[int, int]:
    """SFI and number of records of the log.

    :raises NotApplicableError: the card has none.
    """
    place = find_object(_fci(trial), 0x9F4D, "FCI")
    if place is None or len(place) != 2:
        raise NotApplicableError("the card has no log")
    return place[0], place[1]


def _form(trial: BankTrial) -> list[tuple[int, int]]:
    form = trial.expect(trial.get_data(0x9F4F), "9000").data
    return list(parse_dol(primitives(form, "9F4F")[0][1]))


def _entry(trial: BankTrial, sfi: int, number: int) -> dict[int, bytes]:
    """A record of the log by the log's own format."""
    reply = trial.expect(trial.whole(bytes((0x00, 0xB2, number, sfi << 3 | 4, 0x00))), "9000")
    found, at = {}, 0
    for tag, length in _form(trial):
        found[tag] = reply.data[at : at + length]
        at += length
    trial.equal(len(reply.data), at, "bytes of a log record")
    return found


@_DATA.case(6, "9F4F: every object with its length, and what a statement needs")
def _(trial: BankTrial) -> None:
    _log(trial)
    form = dict(_form(trial))
    for tag in (0x9A, 0x9F02, 0x5F2A, 0x9F36):
        trial.check(tag in form, f"{tag:02X} in 9F4F", "none")
    for tag, length in form.items():
        trial.equal(length, _FIXED.get(tag, length), f"bytes of {tag:02X} in 9F4F")


@_DATA.case(7, "9F4D of the FCI and of GET DATA are one, an SFI from 11 to 30", **_M)
def _(trial: BankTrial) -> None:
    sfi, count = _log(trial)
    trial.check(11 <= sfi <= 30, "an SFI from 0B to 1E", f"{sfi:02X}")
    trial.check(count > 0, "a number of records", "none")
    reply = trial.get_data(0x9F4D)
    if reply.sw == 0x9000:
        trial.equal(reply.data[3:], bytes((sfi, count)), "9F4D of GET DATA")
    trial.refused(trial.whole(bytes((0x00, 0xB2, count + 1, sfi << 3 | 4, 0x00))), "6A83")


def _shown(trial: BankTrial, found: dict[int, bytes], outcome: PaymentOutcome) -> None:
    for tag in (0x9A, 0x9F02, 0x9F03, 0x9F1A, 0x5F2A, 0x9C, 0x9F36):
        if tag in found and tag in outcome.data:
            trial.same(found[tag], outcome.data[tag], f"{tag:02X} in the log")


@_PAY.case(9, "The log tells what was paid, when and by which ATC, the newest first", **_KEYS)
def _(trial: BankTrial) -> None:
    sfi, _count = _log(trial)
    paid = []
    for amount in (1234, 567):
        trial.reset(cold=True)
        paid.append(trial.pay(trial.host(), amount, force_online=True))
    trial.reset(cold=True)
    trial.select()
    for number, outcome in enumerate(reversed(paid), 1):
        _shown(trial, _entry(trial, sfi, number), outcome)


@_PAY.case(10, "The log goes round: as many records as 9F4D says, the oldest gone", **_KEYS, **_M)
def _(trial: BankTrial) -> None:
    sfi, count = _log(trial)
    if count > 30 or 0x9F02 not in dict(_form(trial)):
        raise NotApplicableError("the log is long, or has no amounts")
    for amount in range(1, count + 2):
        trial.reset(cold=True)
        trial.pay(trial.host(), amount, force_online=True)
    trial.reset(cold=True)
    trial.select()
    shown = [int(_entry(trial, sfi, n)[0x9F02].hex()) for n in range(1, count + 1)]
    trial.equal(shown, list(range(count + 1, 1, -1)), "amounts in the log")
    trial.refused(trial.whole(bytes((0x00, 0xB2, count + 1, sfi << 3 | 4, 0x00))), "6A83")


# --- scripts -------------------------------------------------------------------------------------


@_SCRIPT.case(6, "A balance above 9F77 is refused, and nothing is changed", **_KEYS,
              confidence=Confidence.LOW)  # fmt: skip
def _(trial: BankTrial) -> None:
    transaction = after_arqc(trial)
    before, limit = trial.get_data(ECASH_BALANCE), trial.get_data(0x9F77)
    if before.sw != 0x9000 or limit.sw != 0x9000:
        raise NotApplicableError("the card has no electronic cash")
    apdu = balance_script(trial, transaction, int(limit.data[3:].hex()) + 1)
    trial.refused(trial.whole(apdu), "6A80", "6985", "6A84")
    trial.same(trial.expect(trial.get_data(ECASH_BALANCE), "9000").data, before.data, "9F79")


@_SCRIPT.case(7, "The same script again is refused: its MAC is of one command", **_KEYS, **_M)
def _(trial: BankTrial) -> None:
    transaction = after_arqc(trial)
    reply = trial.get_data(ECASH_BALANCE)
    if reply.sw != 0x9000:
        raise NotApplicableError("the card has no electronic cash")
    apdu = balance_script(trial, transaction, int(reply.data[3:].hex()))
    trial.given(trial.whole(apdu), "PUT DATA")
    trial.refused(trial.whole(apdu), "6988", "6982", "6985")


# --- without contacts ----------------------------------------------------------------------------


@_FIELD.case(11, "The label in PPSE is that of the application", **_M)
def _(trial: BankTrial) -> None:
    reply = trial.expect(trial.send(commands.SELECT, 0x04, 0x00, PPSE_NAME, 0), "9000")
    listed = find_object(reply.data, 0xBF0C, "PPSE") or b""
    _same_label(
        trial, [dict(tlvs(one, "PPSE")) for tag, one in tlvs(listed, "PPSE") if tag == 0x61]
    )


@_FIELD.case(12, "The answer to GPO has what a terminal of qPBOC needs", **_SESSION, **_M)
def _(trial: BankTrial) -> None:
    transaction = trial.begin()
    for tag, length in _IN_FIELD.items():
        trial.check(tag in transaction.data, f"{tag:02X} in the answer", "none")
        trial.equal(len(transaction.data[tag]), length, f"bytes of {tag:02X}")
    issuer_data = transaction.data.get(0x9F10, b"")
    trial.check(len(issuer_data) > 7 and issuer_data[0] == len(issuer_data[:8]) - 1,
                "9F10 that begins with 07", "another")  # fmt: skip
    trial.check(0x57 in transaction.data, "57 in the answer", "none")

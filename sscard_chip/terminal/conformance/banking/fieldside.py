# SPDX-License-Identifier: Apache-2.0
"""The bank application without contacts: PPSE and qPBOC (JR/T 0025.12)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from sscard_chip.filesystem.tlv import parse_dol
from sscard_chip.standard import commands
from sscard_chip.standard.identifiers import PPSE_NAME
from sscard_chip.terminal.bank.data import NOT_SUFFICIENT
from sscard_chip.terminal.bank.results import Decision
from sscard_chip.terminal.bank.scripts import ECASH_BALANCE
from sscard_chip.terminal.bank.tlv import find_object, open_template, tlvs
from sscard_chip.terminal.conformance.banking.build import BankChapter
from sscard_chip.terminal.conformance.banking.trial import BankTrial, RecordingHost
from sscard_chip.terminal.conformance.case import CONTACTLESS, Case, Need
from sscard_chip.terminal.conformance.levels import Level
from sscard_chip.terminal.conformance.verdict import NotApplicableError

_FIELD: Final = BankChapter("QPBOC", "JR/T 0025.12, qPBOC", "pboc-contactless",
                            frozenset({CONTACTLESS}))  # fmt: skip
_KEYS: Final[dict[str, Any]] = {"level": Level.WRITE, "needs": frozenset({Need.KEYS})}
_WRITE: Final[dict[str, Any]] = {"level": Level.WRITE}
_PRIORITY: Final = 0x0F


def cases() -> Iterator[Case]:
    """All of this module."""
    return _FIELD()


def _entries(trial: BankTrial) -> list[dict[int, bytes]]:
    reply = trial.expect(trial.send(commands.SELECT, 0x04, 0x00, PPSE_NAME, 0), "9000")
    body = trial.strict(lambda: open_template(0x6F, reply.data, "PPSE"))
    trial.equal(find_object(body, 0x84, "PPSE"), PPSE_NAME, "tag 84")
    found = find_object(body, 0xBF0C, "PPSE")
    trial.check(found is not None, "tag BF0C", "none")
    return [dict(tlvs(entry, "PPSE")) for tag, entry in tlvs(found or b"", "PPSE") if tag == 0x61]


@_FIELD.case(1, "PPSE: its name, and an entry with AID and label for each application")
def _(trial: BankTrial) -> None:
    entries = _entries(trial)
    trial.check(bool(entries), "an entry", "none")
    for entry in entries:
        trial.check(5 <= len(entry.get(0x4F, b"")) <= 16, "4F of 5 to 16 bytes", "another")
        trial.check(0 < len(entry.get(0x50, b"")) <= 16, "50, a label", "none")


@_FIELD.case(2, "PPSE names applications by their priority, the first one first")
def _(trial: BankTrial) -> None:
    order = [entry.get(0x87, b"\x0f")[-1] & _PRIORITY or _PRIORITY for entry in _entries(trial)]
    trial.check(order == sorted(order), "rising priorities", "others")


@_FIELD.case(3, "Every application of PPSE is selected")
def _(trial: BankTrial) -> None:
    for entry in _entries(trial):
        reply = trial.send(commands.SELECT, 0x04, 0x00, entry[0x4F], 0)
        trial.expect(reply, "9000")
        name = find_object(reply.data, 0x84, "FCI") or b""
        trial.check(name.startswith(entry[0x4F]), "tag 84 that begins with the AID", "another")


@_FIELD.case(4, "The PDOL asks for 9F66, 9F02 and 9F37")
def _(trial: BankTrial) -> None:
    asked = dict(parse_dol(trial.select().pdol))
    for tag, length in ((0x9F66, 4), (0x9F02, 6), (0x9F37, 4)):
        trial.equal(asked.get(tag), length, f"length of {tag:04X} in the PDOL")


@_FIELD.case(5, "A purchase on-line: the host finds the cryptogram right", **_KEYS)
def _(trial: BankTrial) -> None:
    for amount in (1, 1000, 99_999_999):
        host = RecordingHost(trial.host())
        outcome = trial.pay(host, amount, force_online=True)
        trial.equal(len(host.requests), 1, "requests to the host")
        trial.equal(outcome.decision.value, Decision.APPROVED_ONLINE.value, "decision")
        trial.reset(cold=True)


@_FIELD.case(6, "The ATC rises by one each time", **_KEYS)
def _(trial: BankTrial) -> None:
    found = []
    for _ in range(3):
        found.append(trial.pay(trial.host(), force_online=True).atc)
        trial.reset(cold=True)
    trial.equal(found, list(range(found[0], found[0] + 3)), "ATC")


@_FIELD.case(7, "A purchase that the issuer declines changes no balance", **_KEYS)
def _(trial: BankTrial) -> None:
    before = _balance(trial)
    outcome = trial.pay(trial.host(NOT_SUFFICIENT), force_online=True)
    trial.equal(outcome.decision.value, Decision.DECLINED_ONLINE.value, "decision")
    trial.check(_balance(trial) == before, "9F79 as it was", "another balance")


def _balance(trial: BankTrial) -> int:
    trial.select()
    reply = trial.get_data(ECASH_BALANCE)
    if reply.sw != 0x9000:
        raise NotApplicableError("the card has no electronic cash")
    return int(reply.data[3:].hex())


@_FIELD.case(8, "Electronic cash pays off-line, and is less by exactly that", **_WRITE)
def _(trial: BankTrial) -> None:
    before = _balance(trial)
    if not before:
        raise NotApplicableError("the electronic cash is empty")
    trial.reset(cold=True)
    outcome = trial.pay(None, 1)
    if outcome.decision is not Decision.APPROVED_OFFLINE:
        raise NotApplicableError("the card does not pay off-line")
    trial.reset(cold=True)
    trial.check(_balance(trial) == before - 1, "9F79 less by 1 fen", "another balance")


@_FIELD.case(9, "More than the electronic cash is not paid off-line", **_WRITE)
def _(trial: BankTrial) -> None:
    before = _balance(trial)
    trial.reset(cold=True)
    outcome = trial.pay(None, before + 1)
    trial.check(not outcome.decision.approved, "no approval off-line", "an approval")
    trial.reset(cold=True)
    trial.check(_balance(trial) == before, "9F79 as it was", "another balance")


@_FIELD.case(10, "PPSE is no matter of the contacts: PSE is not found here, or another",
             level=Level.READ)  # fmt: skip
def _(trial: BankTrial) -> None:
    trial.select()
    trial.refused(trial.send(commands.SELECT, 0x04, 0x00, b"3PAY.SYS.DDF01", 0), "6A82")

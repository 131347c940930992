# SPDX-License-Identifier: Apache-2.0
"""A card for the terminal that answers as it is told."""

from __future__ import annotations

from collections.abc import Mapping

from sscard_chip.terminal.bank.selection import Selected
from sscard_chip.terminal.bank.terminal import AIDS, BankPurchase, TerminalProfile
from sscard_chip.terminal.bank.tlv import tlv
from sscard_chip.terminal.bank.transaction import TerminalTransaction
from sscard_chip.terminal.client import ApduClient
from tests.bank.bank import NOON

DEBIT = AIDS[0]
PSE = b"1PAY.SYS.DDF01"
PPSE = b"2PAY.SYS.DDF01"
SELECT = "00A40400"


class FakeCard:
    """Answers by the beginning of a command; 6A82 for the rest."""

    atr = bytes.fromhex("3B00")

    def __init__(self, answers: Mapping[str, bytes]) -> None:
        self.answers = {bytes.fromhex(head): answer for head, answer in answers.items()}
        self.commands: list[bytes] = []

    def power_on(self) -> bytes:
        return self.atr

    reset = power_on

    def power_off(self) -> None:
        pass

    def transmit(self, apdu: bytes) -> bytes:
        self.commands.append(apdu)
        for head in sorted(self.answers, key=len, reverse=True):
            if apdu.startswith(head):
                return self.answers[head]
        return b"\x6a\x82"


def ok(data: bytes = b"") -> bytes:
    return data + b"\x90\x00"


def by_name(name: bytes) -> str:
    return f"{SELECT}{len(name):02X}{name.hex()}"


def fci(name: bytes = DEBIT, pdol: bytes = b"") -> bytes:
    a5 = tlv(0x50, b"PBOC DEBIT") + (tlv(0x9F38, pdol) if pdol else b"")
    return ok(tlv(0x6F, tlv(0x84, name) + tlv(0xA5, a5)))


def entry(aid: bytes, priority: int | None = 1, label: bytes = b"X") -> bytes:
    rest = b"" if priority is None else tlv(0x87, bytes((priority,)))
    return tlv(0x61, tlv(0x4F, aid) + tlv(0x50, label) + rest)


def pse(*records: bytes) -> dict[str, bytes]:
    answers = {by_name(PSE): ok(tlv(0x6F, tlv(0x84, PSE) + tlv(0xA5, tlv(0x88, b"\x01"))))}
    for number, record in enumerate(records, 1):
        answers[f"00B2{number:02X}0C"] = ok(record)
    answers["00B2"] = b"\x6a\x83"
    return answers


def client(answers: Mapping[str, bytes]) -> ApduClient:
    return ApduClient(FakeCard(answers))


def transaction(answers: Mapping[str, bytes] | None = None, **data: bytes) -> TerminalTransaction:
    selected = Selected(DEBIT, "PBOC DEBIT", b"")
    made = TerminalTransaction(
        client(answers or {}), TerminalProfile(), BankPurchase(1000, NOON), selected
    )
    made.data |= {int(tag[1:], 16): value for tag, value in data.items()}
    return made

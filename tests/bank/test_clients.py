# SPDX-License-Identifier: Apache-2.0
"""What programs of others send to the bank application, byte by byte (payment page B5).

A phone that reads cards without contacts, a program that does not build the PDOL's data, and one
that sends the PDOL itself.
"""

from __future__ import annotations

import pytest

from sscard_chip.filesystem import tlv
from sscard_chip.profile.bank.model import CASH_PDOL, PDOL
from sscard_chip.reader.interface import ContactInterface, ContactlessInterface
from tests.bank.bank import PAN, issue
from tests.bench.bank import DEBIT, select_command

NO_DATA = "80A8000002830000"


@pytest.mark.parametrize(
    ("fen", "left", "tags"),
    [
        (1_234, 3_766, "82 9F36 57 9F10 9F26 94 5F34 9F6C 9F5D"),
        (5_001, 5_000, "82 9F36 57 9F10 9F26 9F63 5F34 9F6C 9F50 5F20"),
    ],
)
def test_a_phone_reads_the_card(fen: int, left: int, tags: str) -> None:
    """PPSE, the first entry, GPO with the data of its PDOL, track 2, counters, log."""
    reader = ContactlessInterface(issue(ecash={"balance_fen": 5_000}))
    reader.power_on()

    def ok(command: str) -> bytes:
        answer = reader.transmit(bytes.fromhex(command))
        assert answer[-2:] == b"\x90\x00", answer.hex()
        return answer[:-2]

    ppse = ok("00A404000E325041592E5359532E444446303100")
    aid = tlv.find_primitive(ppse, 0x4F)
    assert aid == DEBIT
    fci = ok(f"00A4040008{aid.hex()}00")
    assert tlv.find_primitive(fci, 0x9F38) == PDOL
    options = ok(
        "80A80000238321" "26000000" f"{fen:012d}" "000000000000" "0156" "0000000000" "0156"
        "261128" "00" "12345678" "00"
    )  # fmt: skip
    ((template, _),) = tlv.parse_objects(options)
    objects = tlv.flatten(options)
    assert template == 0x77
    assert [f"{tag:X}" for tag, _ in objects] == tags.split()
    assert dict(objects)[0x57].hex().startswith(f"{PAN}d")
    assert int(dict(objects)[0x9F10][10:15].hex()) == left
    assert ok("80CA9F3600").hex() == "9f36020001"
    assert ok("80CA9F1700").hex() == "9f170100"
    form = tlv.parse_dol(ok("80CA9F4F00")[3:])
    log = reader.transmit(bytes.fromhex("00B2015C00"))
    if left == 5_000:
        assert log == b"\x6a\x83"
        return
    assert tlv.split_dol(form, log[:-2])[0x9F02].hex() == f"{fen:012d}"
    assert reader.transmit(bytes.fromhex("00B2025C00")) == b"\x6a\x83"


@pytest.mark.parametrize(
    "command", [NO_DATA, "80A800001C83" + (PDOL + CASH_PDOL).hex() + "00"], ids=["no data", "PDOL"]
)
def test_a_program_that_does_not_know_the_pdol(command: str) -> None:
    """With the switch it is told so and may go on reading; without it gets what it wants."""
    answers = {}
    for pdol in (False, True):
        reader = ContactInterface(issue(pdol=pdol))
        reader.power_on()
        reader.transmit(select_command(DEBIT))
        answers[pdol] = reader.transmit(bytes.fromhex(command))
        assert reader.transmit(bytes.fromhex("80CA9F3605"))[-2:] == b"\x90\x00"
        assert reader.transmit(bytes.fromhex("00B2010C00"))[:1] == b"\x6c"
    assert answers[True] == b"\x6a\x80"
    assert answers[False][:1] == (b"\x61" if command == NO_DATA else b"\x6a")

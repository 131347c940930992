# SPDX-License-Identifier: Apache-2.0
"""The bank application behind the contacts (T=0) and in the field: the same as the card itself."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sscard_chip.filesystem import tlv
from sscard_chip.profile.bank import records
from sscard_chip.profile.bank.model import CDOL2
from sscard_chip.reader import ContactInterface, ContactlessInterface
from sscard_chip.standard.commands import READ_RECORD
from tests.bank.test_signatures import COMMAND, signing
from tests.bench.bank import CASH, CONTENTS, DEBIT, PPSE, PSE, TC, BankBench, amount, select_command

Transmit = Callable[[bytes], bytes]


def contact(bench: BankBench) -> Transmit:
    """A reader that speaks T=0: no Le behind data, GET RESPONSE after 61, again after 6C."""
    interface = ContactInterface(bench.card)
    interface.power_on()

    def transmit(apdu: bytes) -> bytes:
        answer = interface.transmit(apdu)
        if answer[-2] == 0x6C:
            answer = interface.transmit(apdu[:4] + answer[-1:])
        body = b""
        while answer[-2] == 0x61:
            answer = interface.transmit(b"\x00\xc0\x00\x00" + answer[-1:])
            body, answer = body + answer[:-2], answer[-2:] if answer[-2] != 0x61 else answer
        return body + answer

    return transmit


def contactless(bench: BankBench) -> Transmit:
    interface = ContactlessInterface(bench.card)
    interface.power_on()
    return interface.transmit


INTERFACES = {"contact": contact, "contactless": contactless}


@pytest.fixture(params=INTERFACES)
def bench(request: pytest.FixtureRequest) -> BankBench:
    found = BankBench(cash=CASH)
    found.transmit = INTERFACES[request.param](found)
    return found


def test_an_online_transaction_with_a_script(bench: BankBench) -> None:
    bench.select(PSE)
    assert bench.ok("00B2010C00")[:1] == b"\x70"
    bench.select()
    afl = bench.initiate()[4:]
    for at in range(0, len(afl), 4):
        for number in range(afl[at + 1], afl[at + 2] + 1):
            place = afl[at] >> 3, number
            there = records(bench.contents)[place]
            assert bench.ok(READ_RECORD.apdu(number, afl[at] | 4, le=0)) == there
    assert bench.verify() == 0x9000
    bench.generate(0x80)
    assert bench.sw(bench.answer_command()) == 0x9000
    assert bench.generate(TC, dol=CDOL2).kind == TC
    assert bench.script("04DA9F79", amount(77_000)) == 0x9000
    assert tlv.find_primitive(bench.ok("80CA9F7900"), 0x9F79) == amount(77_000)
    assert len(bench.log()) == 1


def test_a_purchase_with_electronic_cash(bench: BankBench) -> None:
    found = bench.contactless()
    assert found[0x9F5D] == amount(48_766)
    assert found[0x94].hex() == "1008080018020200"
    assert len(bench.log()) == 1


def test_refusals(bench: BankBench) -> None:
    bench.select()
    for command, sw in {
        "00B2092C00": 0x6A82, "00B2095C00": 0x6A83, "80CA9F7F00": 0x6A88, "80AE800000": 0x6985,
        "0020008800": 0x6A88, "0070000001": 0x6D00,
    }.items():  # fmt: skip
        assert bench.sw(command) == sw
    assert bench.sw(select_command(b"A0000000")) == 0x6A82


@pytest.mark.parametrize("name", INTERFACES)
def test_a_blocked_application(name: str) -> None:
    """6283 comes with its FCI: over T=0 behind 61xx."""
    bench = BankBench()
    bench.transmit = INTERFACES[name](bench)
    fci = bench.select()
    bench.complete()
    assert bench.script("841E0000") == 0x9000
    assert bench.send(select_command(DEBIT)) == (fci, 0x6283)


@pytest.mark.parametrize("name", INTERFACES)
def test_a_long_signature(name: str) -> None:
    """251 bytes and the status word."""
    bench = BankBench(signing("rsa", 1984)[0])
    bench.transmit = INTERFACES[name](bench)
    bench.select()
    bench.initiate()
    assert len(bench.ok(COMMAND + b"\x00")) == 251


def test_a_reset_forgets_what_the_terminal_is(bench: BankBench) -> None:
    bench.select(PPSE)
    bench.card.reset()
    assert tlv.find_primitive(bench.select(), 0x9F38) is None
    assert CONTENTS.pdol is False

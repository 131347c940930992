# SPDX-License-Identifier: Apache-2.0
"""VERIFY with a plain PIN: the block, the tries, and what the cryptogram tells of it."""

from __future__ import annotations

import pytest

from sscard_chip.applications.bank.data import DEFAULT_ACTION
from tests.bench.bank import AAC, ARQC, DEBIT, PIN, BankBench, select_command


@pytest.mark.parametrize("pin", ["1234", "12345", "123456", "12345678901", "123456789012"])
def test_pins_of_every_length(pin: str) -> None:
    bench = BankBench(pin=pin)
    bench.select()
    assert bench.verify(pin) == 0x9000
    assert bench.verify(pin[:-1] + "0" if pin[-1] != "0" else pin[:-1] + "1") == 0x63C2


def test_tries_are_counted_and_come_back() -> None:
    bench = BankBench()
    bench.select()
    assert bench.verify("0000") == 0x63C2
    assert bench.verify("0000") == 0x63C1
    assert bench.ok("80CA9F1700").hex() == "9f170101"
    assert bench.verify() == 0x9000
    assert bench.ok("80CA9F1700").hex() == "9f170103"
    for left in (2, 1, 0):
        assert bench.verify("0000") == 0x63C0 | left
    assert bench.verify() == 0x6983
    bench.card.reset()
    bench.select()
    assert bench.verify() == 0x6983
    assert bench.ok("80CA9F1700").hex() == "9f170100"


@pytest.mark.parametrize(
    ("block", "sw"),
    [
        ("2548270FFFFFFFFF", 0x9000),
        ("1548270FFFFFFFFF", 0x6A80),  # another format
        ("0548270FFFFFFFFF", 0x6A80),
        ("234827FFFFFFFFFF", 0x6A80),  # three digits
        ("2D4827012345678F", 0x6A80),
        ("25A8270FFFFFFFFF", 0x6A80),
        ("2548270FFFFFFFF0", 0x6A80),
        ("2548270000000000", 0x6A80),
        ("2648270FFFFFFFFF", 0x6A80),
        ("0000000000000000", 0x6A80),
        ("FFFFFFFFFFFFFFFF", 0x6A80),
    ],
)
def test_pin_blocks(block: str, sw: int) -> None:
    assert PIN == "48270"
    bench = BankBench()
    bench.select()
    assert bench.sw("0020008008" + block) == sw
    assert bench.ok("80CA9F1700").hex() == "9f170103"  # a block that is none costs no try


@pytest.mark.parametrize(
    ("command", "sw"),
    [
        ("0020000008248270FFFFFFFFFF", 0x6A86),
        ("0020008108248270FFFFFFFFFF", 0x6A86),
        ("0020018008248270FFFFFFFFFF", 0x6A86),
        ("0020008800", 0x6A88),
        ("0020008808248270FFFFFFFFFF", 0x6A88),
        ("00200080", 0x6700),
        ("002000800724827 0FFFFFFFF".replace(" ", ""), 0x6700),
        ("00200080092482700FFFFFFFFFFF", 0x6700),
    ],
)
def test_parameters_and_lengths(command: str, sw: int) -> None:
    bench = BankBench()
    bench.select()
    assert bench.sw(command) == sw
    assert bench.verify() == 0x9000


def test_no_pin_is_set() -> None:
    bench = BankBench(pin=None)
    bench.select()
    assert bench.verify() == 0x6984


@pytest.mark.parametrize(
    ("pins", "cvr"),
    [([], 0x01), ([PIN], 0x040000), (["0000"], 0x060000), (["0000", PIN], 0x040000)],
)
def test_the_cryptogram_tells(pins: list[str], cvr: int) -> None:
    bench = BankBench()
    bench.set_counters(last_online_atc=1)
    bench.set_value(0x9F58, b"\x09")
    bench.set_value(0x9F54, bytes.fromhex("000000999999"))
    bench.select()
    bench.initiate()
    for pin in pins:
        bench.verify(pin)
    assert int.from_bytes(bench.generate(ARQC).cvr[1:]) == 0xA00000 | cvr


def test_the_cryptogram_tells_of_a_pin_that_is_blocked() -> None:
    bench = BankBench()
    bench.select()
    for _ in range(3):
        bench.verify("0000")
    bench.select()
    bench.initiate()
    assert bench.verify() == 0x6983
    assert int.from_bytes(bench.generate(ARQC).cvr[1:]) & 0x064001 == 0x064000


def test_a_new_transaction_forgets_the_pin() -> None:
    bench = BankBench()
    bench.select()
    bench.initiate()
    assert bench.verify() == 0x9000
    bench.select()
    bench.initiate()
    assert bench.generate(ARQC).cvr[3] & 0x01


def test_the_last_wrong_pin_may_block_the_application() -> None:
    bench = BankBench()
    bench.set_value(DEFAULT_ACTION, bytes.fromhex("C3B8"))
    bench.select()
    bench.initiate()
    for left in (2, 1, 0):
        assert bench.verify("0000") == 0x63C0 | left
    found = bench.generate(ARQC)
    assert found.kind == AAC
    assert int.from_bytes(found.cvr[1:]) & 0x064200 == 0x064200
    assert bench.send(select_command(DEBIT)).sw == 0x6283


def test_challenges() -> None:
    bench = BankBench()
    bench.select()
    assert len(bench.ok("0084000000")) == 8
    assert bench.ok("0084000008") != bench.ok("0084000008")
    for command, sw in {
        "0084000004": 0x6700, "0084000010": 0x6700, "00840000": 0x6700, "0084010008": 0x6A86,
        "0084000101AA": 0x6A86,
    }.items():  # fmt: skip
        assert bench.sw(command) == sw

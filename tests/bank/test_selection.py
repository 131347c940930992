# SPDX-License-Identifier: Apache-2.0
"""SELECT in the bank application, PSE and PPSE, and the wall to the social security part."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sscard_chip.card import Card
from sscard_chip.filesystem import tlv
from sscard_chip.filesystem.layout import ApplicationState
from sscard_chip.profile.bank import BankError, Variant, add_bank
from sscard_chip.profile.bank.model import PDOL
from sscard_chip.standard.commands import SELECT
from tests.bench.bank import (
    CASH,
    CONTENTS,
    DEBIT,
    PPSE,
    PSE,
    BankBench,
    new_memory,
    select_command,
)
from tests.bench.issued import SELECT_SSSE, Bench

CREDIT = replace(CONTENTS, variant=Variant.CREDIT)


def test_pse_and_its_directory() -> None:
    bench = BankBench()
    fci = bench.select(PSE)
    assert fci.hex().upper() == ("6F1E840E" + PSE.hex().upper() + "A50C8801015F2D027A689F110101")
    assert bench.ok("00B2010C00").hex().upper() == (
        "701B61194F08A000000333010101500A50424F43204445424954870101"
    )
    assert bench.sw("00B2020C00") == 0x6A83
    assert bench.sw("00B2000C00") == 0x6A83
    assert bench.sw("00B2011400") == 0x6A82


def test_ppse() -> None:
    assert BankBench().select(PPSE).hex().upper() == (
        "6F30840E" + PPSE.hex().upper() + "A51EBF0C1B61194F08A000000333010101"
        "500A50424F43204445424954870101"
    )


def test_a_card_without_contactless_interface_has_no_ppse() -> None:
    bench = BankBench(generation=2)
    assert bench.sw(select_command(PPSE)) == 0x6A82
    assert bench.select(PSE)


def test_contact_fci_has_no_pdol() -> None:
    assert BankBench().select().hex().upper() == (
        "6F288408A000000333010101A51C500A50424F432044454249548701015F2D027A68BF0C059F4D020B0A"
    )


def test_contactless_fci_is_that_of_a_published_card() -> None:
    bench = BankBench()
    bench.select(PPSE)
    published = (
        "6F438408A000000333010101A537500A50424F432044454249548701019F3818"
        + PDOL.hex().upper()
        + "5F2D027A68BF0C059F4D020B0A"
    )
    assert bench.select().hex().upper() == published


def test_pse_reset_and_another_application_make_the_terminal_a_contact_one_again() -> None:
    bench = BankBench()
    bench.select(PPSE)
    bench.select(PSE)
    assert tlv.find_primitive(bench.select(), 0x9F38) is None
    bench.select(PPSE)
    bench.card.reset()
    assert tlv.find_primitive(bench.select(), 0x9F38) is None
    bench.select(PPSE)
    bench.ok(SELECT_SSSE)
    assert tlv.find_primitive(bench.select(), 0x9F38) is None


def test_pdol_of_contact_terminals_is_a_switch() -> None:
    assert tlv.find_primitive(BankBench(pdol=True).select(), 0x9F38) == PDOL
    with_cash = BankBench(pdol=True, cash=CASH).select()
    assert tlv.find_primitive(with_cash, 0x9F38) == PDOL + bytes.fromhex("9F7A01")


@pytest.mark.parametrize("variant", Variant)
def test_variants(variant: Variant) -> None:
    bench = BankBench(variant=variant)
    fci = bench.select(variant.aid)
    assert tlv.find_primitive(fci, 0x84) == variant.aid
    assert tlv.find_primitive(fci, 0x50) == variant.label.encode()


def test_partial_names_and_the_next_occurrence() -> None:
    bench = BankBench(memory=new_memory(3, CONTENTS, CREDIT))
    rid = DEBIT[:5]
    assert tlv.find_primitive(bench.select(rid), 0x84) == DEBIT
    assert tlv.find_primitive(bench.ok(select_command(rid, 2)), 0x84) == CREDIT.variant.aid
    assert bench.sw(select_command(rid, 2)) == 0x6A82
    assert tlv.find_primitive(bench.select(DEBIT[:7]), 0x84) == DEBIT
    bench.select(PSE)
    assert len(bench.ok("00B2010C00")) == len(bench.ok("00B2020C00")) - 1
    assert bench.sw("00B2030C00") == 0x6A83


@pytest.mark.parametrize(
    ("command", "sw"),
    [
        ("00A4040004A0000003", 0x6700),
        ("00A4040011" + "A0" * 17, 0x6700),
        ("00A4040008A000000333010109", 0x6A82),
        ("00A4010008A000000333010101", 0x6A86),
        ("00A4040108A000000333010101", 0x6A86),
        ("00A4040308A000000333010101", 0x6A86),
        ("00A4000002DF01", 0x6A82),
        ("00A4000002B101", 0x6A82),
        ("00A4020002EF01", 0x6A86),
        ("00A40300", 0x6A86),
        ("00A40001023F00", 0x6A86),
    ],
)
def test_refused_selections_change_nothing(command: str, sw: int) -> None:
    bench = BankBench()
    bench.select()
    bench.initiate()
    assert bench.sw(command) == sw
    assert bench.sw("80A8000002830000") == 0x6985  # still in the transaction


def test_a_blocked_application_answers_its_fci_with_6283() -> None:
    bench = BankBench()
    fci = bench.select()
    bench.directory.stage_state(ApplicationState.SUSPENDED)
    bench.memory.commit()
    bench.card.reset()
    answer = bench.send(select_command(DEBIT))
    assert (answer.body, answer.sw) == (fci, 0x6283)
    assert bench.ok("80CA9F3600")


@pytest.mark.parametrize("name", [PSE, PPSE, DEBIT])
@pytest.mark.parametrize("generation", [1, 2, 3])
def test_no_bank_part(generation: int, name: bytes) -> None:
    bench = Bench(generation)
    bench.ok(SELECT_SSSE)
    assert bench.sw(select_command(name)) == 0x6A82
    assert bench.ok("00B2012C00")  # the selection before is still there


def test_a_dormant_application_is_nowhere() -> None:
    bench = BankBench(dormant=True)
    for name in (PSE, PPSE, DEBIT, DEBIT[:5]):
        assert bench.sw(select_command(name)) == 0x6A82
    both = BankBench(memory=new_memory(3, replace(CONTENTS, dormant=True), CREDIT))
    both.select(PSE)
    assert CREDIT.variant.aid in both.ok("00B2010C00")
    assert both.sw("00B2020C00") == 0x6A83
    assert DEBIT not in both.select(PPSE)
    assert tlv.find_primitive(both.select(DEBIT[:5]), 0x84) == CREDIT.variant.aid


def test_an_application_comes_once() -> None:
    memory = new_memory()
    with pytest.raises(BankError, match="already"):
        add_bank(memory, CONTENTS)


# --- the firewall ---------------------------------------------------------------------------------


def linked() -> tuple[Bench, BankBench]:
    """A card of a holder with a bank application: both benches drive the same card."""
    holder = Bench(2)
    add_bank(holder.memory, CONTENTS)
    bank = BankBench(memory=holder.memory)
    holder.card = bank.card
    return holder, bank


def test_nothing_proven_passes_the_wall() -> None:
    holder, bank = linked()
    holder.enter(0xDF01)
    assert holder.sw("0020000003123456") == 0x9000
    assert holder.authenticate(0x88) == 0x9000
    bank.select()
    holder.enter(0xDF01)
    session = bank.card._session
    assert session is not None
    assert session.status.verified_pin == 0
    assert not session.status.local_levels
    assert not session.status.global_levels


def test_the_bank_pin_is_no_pin_of_the_social_security_part_and_the_other_way_round() -> None:
    holder, bank = linked()
    bank.select()
    assert bank.verify() == 0x9000
    for _ in range(3):
        bank.verify("1234")
    assert bank.verify() == 0x6983
    holder.enter(0xDF01)
    assert holder.sw("0020000000") == 0x63C6
    for _ in range(6):
        holder.sw("0020000003999999")
    assert holder.sw("0020000003123456") == 0x6983
    bank.select()
    assert bank.send("80CA9F1700").body == bytes.fromhex("9F170100")


def test_commands_of_one_part_are_unknown_in_the_other() -> None:
    holder, bank = linked()
    bank.select()
    for command in ("00B0000004", "00D6000001AA", "B026000104", "BFC800000F", "80E0000000"):
        assert bank.sw(command) in (0x6D00, 0x6E00)
    bank.ok(SELECT_SSSE)
    for payment in (bytes.fromhex("80CA9F3600"), bank.generate_command(0x80)):
        assert holder.sw(payment) in (0x6D00, 0x6E00)


def test_files_are_not_reached_across_the_wall() -> None:
    holder, bank = linked()
    for start in ("00A40000023F00", SELECT_SSSE):
        holder.ok(start)
        for fid in (0xB001, 0xB002, 0xB101):
            for p1 in (0, 1, 2):
                command = SELECT.apdu(p1, data=fid.to_bytes(2))
                assert holder.sw(command) == 0x6A82
    bank.select()
    assert bank.sw("00A4000002DDF1") == 0x6A82
    assert bank.ok("00A40000023F00")[:1] == b"\x6f"
    assert holder.ok(SELECT_SSSE)


def test_the_social_security_part_is_the_same_bytes_with_and_without_bank() -> None:
    holder, _ = linked()
    alone = Bench(2)
    head = bytes(alone.memory.cells)[8:].rstrip(b"\0")
    assert bytes(holder.memory.cells)[8 : 8 + len(head)] == head


def test_a_saved_card_keeps_its_bank_part() -> None:
    bench = BankBench()
    bench.select()
    bench.initiate()
    again = Card(bench.card.image())
    again.power_on()
    assert again.transmit(select_command(DEBIT))[-2:] == b"\x90\x00"
    assert again.transmit(bytes.fromhex("80CA9F3600")) == bytes.fromhex("9F360200019000")

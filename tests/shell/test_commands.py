# SPDX-License-Identifier: Apache-2.0
"""What the named commands send and what their answers look like, on cards of all generations."""

from __future__ import annotations

import pytest

from sscard_chip.profile import SettlementMode
from sscard_chip.reader.faulty import ExchangeFault, FaultAt, FaultyConnection
from sscard_chip.terminal.connection import connect_card
from sscard_chip.terminal.shell import Shell
from tests.bench.issued import GENERATIONS, PIN, Bench, roots
from tests.bench.shell import ShellBench

# --- the card is recognised ---------------------------------------------------------------------


@pytest.mark.parametrize(("generation", "suite"), [(1, "3des"), (2, "3des"), (3, "sm4")])
def test_start_tells_what_card_it_is(generation: int, suite: str) -> None:
    bench = ShellBench(generation)
    assert bench.started[0] == f"ATR {bench.bench.card.atr.hex().upper()}"
    assert bench.started[1].strip() == f"generation {generation}, {suite}, city 510100"
    assert bench.watch.resets == 1
    assert bench.fail("read EF05 7 =") == "! expected 9000, got 6A82 file or application not found"


def test_start_without_identification_sends_nothing() -> None:
    bench = ShellBench()
    assert Shell(bench.watch).start(identify=False).lines == bench.started[:1]
    assert bench.watch.sent == []


def test_the_same_card_is_not_asked_again_after_a_reset() -> None:
    bench = ShellBench(3)
    assert bench.sent("select SSSE", "reset") == []
    assert bench.shell.prompt == "MF"


# --- reading ------------------------------------------------------------------------------------


@pytest.mark.parametrize("generation", GENERATIONS)
def test_items_are_decoded(generation: int) -> None:
    bench = ShellBench(generation)
    version = bench.run("select SSSE", "read EF05 tag 03 =")
    assert version[-1] == f"  03 规范版本 version of the specification: {generation}.00"
    if generation == 3:
        bench.run("read EF06 姓名 =6982", "ea 0A =9000")
    assert bench.run("read EF06 姓名 =9000")[-1] == "  09 姓名 name: 林知夏"
    assert bench.run("read 性别")[-1].endswith(" sex: 1 (男)")
    number = {1: 3, 2: 4, 3: 4}[generation]  # 姓名扩展 came with generation 2
    assert bench.run(f"read {number}")[-1].endswith(" sex: 1 (男)")


@pytest.mark.parametrize("generation", GENERATIONS)
def test_read_all_stops_at_the_end(generation: int) -> None:
    bench = ShellBench(generation)
    lines = bench.run("select SSSE", "read all EF05 =9000")
    decoded = [line for line in lines if line.startswith("  ")]
    assert [line.split()[0] for line in decoded] == ["01", "02", "03", "04", "05", "06", "07"]
    assert bench.run("read EF05 =9000") == lines
    assert bench.run("select EF05", "read =9000")[-1] == "< 6A83  record not found"


def test_items_whose_meaning_depends_on_the_generation() -> None:
    old = ShellBench(1).run("select SSSE/DF01", "verify 123456 =9000", "read EF0A tag 37")
    new = ShellBench(2).run("select SSSE/DF01", "verify 123456 =9000", "read EF0A tag 37")
    assert "缴费基数" in old[-1]
    assert "国籍" in new[-1]


@pytest.mark.parametrize(
    ("line", "apdu"),
    [
        ("read 7", "00B2070400"),
        ("read EF05 7", "00B2072C00"),
        ("read tag 08", "00B2080000"),
        ("read EF06 tag 08", "00B2083000"),
        ("read EF06 姓名", "00B2093000"),
        ("read 持卡人基本信息 姓名", "00B2093000"),
        ("read holder name", "00B2093000"),
        ("read EF06 'date of birth'", "00B20D3000"),
        ("read 姓名", "00B2093000"),
        ("read 卡号", "00B2070000"),
        ("read EF1E 1", "00B201F400"),
        ("read EF08 bytes 5 16", "00B0880510"),
    ],
)
def test_read_sends(line: str, apdu: str) -> None:
    assert ShellBench().sent("select SSSE/EF05", line)[0] == apdu


def test_transparent_files_are_read_in_pieces() -> None:
    bench = ShellBench(1)
    lines = bench.run("select SSSE", "read EF07 =9000")
    assert [line for line in lines if line.startswith(">")] == [
        "> 00B0870000  READ BINARY 读二进制文件: EF07 指纹, offset 0, Le 256",
        "> 00B0010000  READ BINARY 读二进制文件: EF07 指纹, offset 256, Le 256",
        "> 00B0020000  READ BINARY 读二进制文件: EF07 指纹, offset 512, Le 256",
        "> 00B0030000  READ BINARY 读二进制文件: EF07 指纹, offset 768, Le 256",
    ]
    assert bench.sent("read EF07 bytes 300 10") == ["00A4020002EF07", "00B0012C0A"]


def test_a_template_shows_its_parts() -> None:
    bench = ShellBench()
    bench.run("select SSSE/DF01", "ea UK6DF01 =", "verify 123456 =")
    bench.run("update EF15 2 57=110; 58=081200; 59=四川大学 =9000")
    lines = bench.run("read EF15 2")
    assert lines[-4] == "  40 学位信息 academic degree"
    assert [line.split()[0] for line in lines[-3:]] == ["57", "58", "59"]
    assert lines[-1].endswith("四川大学")


def test_cyclic_records_show_their_fields() -> None:
    bench = ShellBench()
    bench.run("select SSSE/DF02", "ea UK3DF02 =", "verify 123456 =")
    bench.run('update EF07 append 2010600 20200101 20211231 "某 单位" =9000')
    lines = bench.run("read EF07 1 =")
    assert lines[-1] == "  单位名称 name of the employer: 某 单位"
    assert lines[-4].endswith(": 2010600")


# --- writing ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "apdu"),
    [
        ("update EF06 姓名 Li Hua", "00DC093020091E4C6920487561" + "00" * 24),
        ("update EF06 tag 0A 2", "00DC0A30030A0132"),
        ("update EF06 4 2", "00DC0434030A0132"),
        ("update EF06 4 hex:0A01 39", "00DC0434030A0139"),
        ("update EF08 bytes 2 0102 03", "00D6880203010203"),
        ("update EF0C 1 hex:EA0141", "00DC016403EA0141"),
    ],
)
def test_update_sends(line: str, apdu: str) -> None:
    assert ShellBench().sent("select SSSE", line) == [apdu]


def test_what_is_written_is_read_again() -> None:
    bench = ShellBench(3)
    bench.run("select SSSE", "ea UKSSSE =", "ea RKSSSE =", "update EF06 民族 05 =9000")
    assert bench.run("read EF06 民族")[-1].endswith("05 (维吾尔族)")


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("update EF06 性别 12", "at most 1 bytes"),
        ("update EF06 99 1", "no item stands in record 99"),
        ("update EF0C 1 abc", "not a known file here"),
        ("update EF08 bytes 0 xyz", "hexadecimal"),
        ("update EF06 身高 180", "is not the name of an item"),
    ],
)
def test_values_that_do_not_fit_are_refused(line: str, part: str) -> None:
    bench = ShellBench()
    bench.run("select SSSE")
    bench.watch.sent.clear()
    assert part in bench.fail(line)
    assert bench.watch.sent == []


# --- rights -------------------------------------------------------------------------------------


@pytest.mark.parametrize("generation", GENERATIONS)
def test_external_authentication_by_number_and_by_name(generation: int) -> None:
    bench = ShellBench(generation)
    bench.run("select SSSE", "ea 04 =9000", "ea UKSSSE 2 =9000", "ea PUK =9000")
    bench.run("select DF04", "read EF05 1 =6982", "verify 123456 =9000", "read EF05 1 =9000")
    bench.run("ea 85 =9000", "ea uk1df04 3 =9000")


def test_external_authentication_sends_the_version_only_when_it_is_named() -> None:
    bench = ShellBench()
    assert bench.sent("select SSSE", "ea 04")[1].startswith("0082000410")
    sent = bench.sent("ea 04 1")[1]
    assert sent.startswith("0082000411")
    assert sent.endswith("01")


def test_internal_authentication_is_checked() -> None:
    bench = ShellBench(3)
    assert bench.run("select SSSE", "ia =9000")[-1] == "  IRK: the card is genuine"
    false = ShellBench(2, secrets={"IRK": bytes(16)})
    assert false.run("select SSSE", "ia =9000")[-1] == "  IRK: the card is NOT genuine"
    without = ShellBench(2, with_keys=False)
    assert "genuine" not in without.run("select SSSE", "ia =9000")[-1]


def test_keys_are_asked_for() -> None:
    bench = ShellBench(with_keys=False)
    bench.run("select SSSE")
    assert "--keys" in bench.fail("ea 04")
    keyed = ShellBench()
    keyed.run("select SSSE")
    assert "no key 99 here" in keyed.fail("ea 99")
    assert "select DF04 first" in keyed.fail("ea UK1DF04")
    assert "like UKSSSE" in keyed.fail("ea UKSSE")
    assert any("83 UK1DF02" in line for line in keyed.run("select DF02", "help keys"))


def test_the_pin() -> None:
    bench = ShellBench(2, answers=("999999", PIN, PIN, "654321", "12"))
    bench.run("select SSSE", "verify =63C6", "verify ask =63C5", "verify ask =9000")
    bench.run("change pin ask =9000", "verify 654321 =9000", "change pin 654321 123456 =")
    assert "4 to 16 digits" in bench.fail("verify ask")
    assert "nobody is there" in ShellBench().fail("verify ask")


# --- medical account ----------------------------------------------------------------------------


def test_the_medical_account() -> None:
    bench = ShellBench(2, settlement_mode=SettlementMode.OFFLINE, account={"balance_fen": 20050})
    bench.run("select SSSE/DF04", "verify 123456 =9000")
    assert bench.run("balance =9000")[-1] == "  账户余额 200.50 元"
    assert bench.sent("balance self") == ["B026000206"]
    assert bench.sent("proof 32 0005") == ["B02E00320200 05".replace(" ", "")]
    assert bench.run("proof purchase 0005")[-1].startswith("< 9406")
    start = bench.run("B028 0101 01 00000064 00000000 00000000 330100000001 =9000")
    assert "个人账户 1.00 元" in start[0]
    assert "账户余额 200.50 元" in start[-1]


# --- the transport ------------------------------------------------------------------------------


def test_raw_shows_the_bare_exchange() -> None:
    bench = ShellBench()
    bench.run("raw on", "select SSSE =6118")
    assert bench.run("C0 /18 =9000")[-1] == "  FCI of sx1.sh.社会保障, DIR SFI 1E"
    assert bench.run("read EF05 7 =6C0B")[-1] == "< 6C0B  wrong Le, 11 is right"
    assert bench.sent("raw off", "read EF05 7") == ["00B2072C00", "00B2072C0B"]


def test_contactless_answers_directly() -> None:
    bench = ShellBench(3, contactless=True)
    assert "city 510100" in bench.started[1]
    bench.run("raw on", "select SSSE =9000", "read EF05 7 =9000", "ea 0A =9000")


def test_long_answers_are_whole() -> None:
    bench = ShellBench(2)
    bench.run("select SSSE/DF03", "verify 123456 =")
    lines = bench.run("B2 0135 /00 =9000")  # 劳动能力鉴定信息, the whole file
    assert len(bytes.fromhex(lines[1].split()[1])) > 256
    assert [line.split()[0] for line in lines[2:] if line[2] != " "] == (
        ["45", "46", "47", "48", "49", "67", "6B", "4A", "4A", "4A"]
    )


@pytest.mark.parametrize("fault", [ExchangeFault.MUTE, ExchangeFault.SHORT, ExchangeFault.REMOVED])
def test_a_broken_connection_is_told_and_mended_by_reset(fault: ExchangeFault) -> None:
    connection = FaultyConnection(connect_card(Bench(2).card), FaultAt(fault, 2))
    shell = Shell(connection, keys=roots())
    shell.start(identify=False)
    assert shell.run_line("select SSSE/DF04").lines[-1].startswith("! the card")
    if fault is ExchangeFault.REMOVED:
        assert shell.run_line("challenge").lines[-1].startswith("! the card was removed")
        assert shell.run_line("reset").lines == ("! no card in the slot",)
        connection.insert()
    assert shell.run_line("reset").passed
    assert shell.run_line("challenge =9000").passed

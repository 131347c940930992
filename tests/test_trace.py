# SPDX-License-Identifier: Apache-2.0
"""The trace: what it says, what it follows, and what it must never show."""

from __future__ import annotations

import re
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sscard_chip.profile import for_generation
from sscard_chip.reader.interface import ContactInterface, ContactlessInterface
from sscard_chip.trace import Tracer
from tests.bench.issued import GENERATIONS
from tests.vectors.cards import SCRIPTS, card, card_keys, holder_values, play

NOON = datetime(2026, 1, 2, 12, 0, 0, 123000)
SELECT_SSSE = "00A404000F7378312E73682EC9E7BBE1B1A3D5CF"
FCI_2 = "6F16840F7378312E73682EC9E7BBE1B1A3D5CFA50388011E"
FCI_3 = "6F1C840F7378312E73682EC9E7BBE1B1A3D5CFA50988011E9F0C03860103"
KEYS = ("IRK", "STKSSSE", "UKSSSE", "PUK", "RKSSSE", "RK1DF01", "UK3DF02", "RK1DF04")


def trace(tracer: Tracer, *exchanges: str) -> list[str]:
    """Exchanges "command > answer" formatted, two lines each, without times and margins."""
    lines: list[str] = []
    for exchange in exchanges:
        command, answer = (bytes.fromhex(part) for part in exchange.split(">"))
        lines += tracer.format(command, answer, NOON).split("\n")
    return [line[13:] for line in lines]


def test_two_lines_with_time_and_slot() -> None:
    text = Tracer(slot="card").format(bytes.fromhex(SELECT_SSSE), b"\x61\x18", NOON)
    assert text.split("\n") == [
        "12:00:00.123 card > SELECT 选择: SSSE 社会保障系统环境",
        "             card < 6118 24 bytes available by GET RESPONSE",
    ]


def test_a_number_is_a_time_too() -> None:
    at = NOON.timestamp()
    assert Tracer().format(b"\x00\x84\x00\x00\x08", b"\x67\x00", at).startswith("12:00:00.123 > ")


def test_reading_over_t0_names_files_and_items() -> None:
    assert trace(
        Tracer(),
        f"{SELECT_SSSE} > 6118",
        f"00C0000018 > {FCI_2} 9000",
        "00A4000002EF05 > 9000",
        "00B2070400 > 6C0B",
        "00B207040B > 0709 5A3030303030303133 9000",
        "00B2083014 > 6982",
        "00B2010540 > 9000",
        "00B2070605 > 9000",
        "00B0870010 > 6982",
    ) == [
        "> SELECT 选择: SSSE 社会保障系统环境",
        "< 6118 24 bytes available by GET RESPONSE",
        "> GET RESPONSE 取响应: 24 bytes of SELECT",
        "< 9000 success, FCI of sx1.sh.社会保障, DIR SFI 1E",
        "> SELECT 选择: EF05 发卡机构数据",
        "< 9000 success",
        "> READ RECORD 读记录: EF05 发卡机构数据, record 7 (07 卡号), Le 256",
        "< 6C0B wrong Le, 11 is right",
        "> READ RECORD 读记录: EF05 发卡机构数据, record 7 (07 卡号), Le 11",
        "< 9000 success, [11 bytes]",
        "> READ RECORD 读记录: EF06 持卡人基本信息, tag 08 社会保障号码, Le 20",
        "< 6982 security status not satisfied",
        "> READ RECORD 读记录: EF05 发卡机构数据, records 1 to last, Le 64",
        "< 9000 success",
        "> READ RECORD 读记录: EF05 发卡机构数据, records from last to 7, Le 5",
        "< 9000 success",
        "> READ BINARY 读二进制文件: EF07 指纹, offset 0, Le 16",
        "< 6982 security status not satisfied",
    ]


def test_a_direct_answer_is_followed_like_a_fetched_one() -> None:
    lines = trace(Tracer(), f"{SELECT_SSSE}00 > {FCI_3} 9000", "00B24E3016 > 6982")
    assert lines[1] == "< 9000 success, FCI of sx1.sh.社会保障, DIR SFI 1E, algorithm 算法 03 SM4"
    assert lines[2].startswith("> READ RECORD 读记录: EF06 持卡人基本信息, tag 4E 姓名扩展")


@pytest.mark.parametrize(
    ("version", "third"), [("312E3030", "0A 性别"), ("322E3030", "4E 姓名扩展")]
)
def test_the_generation_is_learnt_from_the_version(version: str, third: str) -> None:
    lines = trace(
        Tracer(), f"{SELECT_SSSE} > 6118", f"00B2032806 > 0304{version} 9000", "00B2033400 > 6C03"
    )
    assert f"record 3 ({third})" in lines[4]


def test_a_given_profile_is_not_given_up() -> None:
    lines = trace(
        Tracer(profile=for_generation(1)), f"{SELECT_SSSE}00 > {FCI_3} 9000", "00B2033400 > 6C03"
    )
    assert "record 3 (0A 性别)" in lines[2]


def test_a_refused_selection_changes_nothing() -> None:
    lines = trace(
        Tracer(),
        f"{SELECT_SSSE} > 6118",
        "00A4000002DF04 > 6A82",
        "00A4000002EF99 > 6A82",
        "00B2072C0B > 6982",
    )
    assert "EF05 发卡机构数据" in lines[6]


def test_a_partial_name_is_resolved_by_the_answer() -> None:
    lines = trace(
        Tracer(),
        "00A4040205D156000005 > 6F088406D15600000503 9000",
        "00A4020002EF06 > 9000",
        "00B2900400 > 6982",
    )
    assert lines[0] == "> SELECT 选择: AID D156000005, next 下一个"
    assert lines[2] == "> SELECT 选择: EF06 临时脱网结算信息"


def test_reset_forgets_the_selection_and_hides_the_serial_number() -> None:
    tracer = Tracer()
    trace(tracer, f"{SELECT_SSSE} > 6118")
    line = tracer.reset(bytes.fromhex("3B6D0000009901000286996399070A0B0C"), NOON)
    assert line == "12:00:00.123 * RESET 复位: ATR 3B6D00000099010002 [8 bytes]"
    assert "SFI 05" in trace(tracer, "00B2072C0B > 6A82")[0]
    contactless = bytes.fromhex("3B8D8001009901000386996399070A0B0C55")
    assert tracer.reset(contactless, NOON).endswith("ATR 3B8D80010099010003 [9 bytes]")


def test_keys_have_names_by_directory() -> None:
    nothing = "00" * 16
    lines = trace(
        Tracer(),
        f"{SELECT_SSSE} > 6118",
        f"0082000A10{nothing} > 9000",
        f"0082000411{nothing}02 > 63C2",
        f"0088000010{nothing} > 6108",
        "00A4000002DF01 > 610A",
        f"0082008810{nothing} > 6A88",
    )
    assert lines[2] == (
        "> EXTERNAL AUTHENTICATE 外部认证: key 0A RKSSSE, cryptogram [8 bytes], original [8 bytes]"
    )
    assert lines[4].endswith("original [8 bytes], 密钥版本 2")
    assert lines[5] == "< 63C2 verification failed, 2 tries left"
    assert lines[6].startswith("> INTERNAL AUTHENTICATE 内部认证: key 00 IRK, ")
    assert "key 88 RK1DF01" in lines[10]


def test_a_psam_is_recognised_by_its_application() -> None:
    lines = trace(
        Tracer(),
        f"{SELECT_SSSE} > 6118",
        "00A4000002DF01 > 610A",
        "00C000000A > 6F088406D15600000590 9000",
        "00B0990004 > 0000012C 9000",
        f"0082000110{'00' * 16} > 9000",
    )
    assert lines[5] == "< 9000 success, FCI of D15600000590 PSAM 社会保障应用"
    assert lines[6] == "> READ BINARY 读二进制文件: 0019 终端交易序号, offset 0, Le 4"
    assert "key 01 KID-01 国家级" in lines[8]


def test_a_psam_in_its_slot_has_no_files_of_a_card() -> None:
    lines = trace(
        Tracer(psam=True),
        f"{SELECT_SSSE} > 6118",
        "00A4000002DF01 > 610A",
        "00B0950109 > 6A82",
    )
    assert lines[2] == "> SELECT 选择: DF01 社会保障应用"
    assert "0015 卡片公共信息" in lines[4]


def test_secure_messaging_is_named() -> None:
    lines = trace(Tracer(), "04DC010406112233445566 > 6988")
    assert lines[0] == "> UPDATE RECORD 修改记录, 安全报文: current EF, record 1, [6 bytes]"


PURCHASE = (
    "B028010113 01 00000000 000003E8 000001F4 330400815985 > 6116",
    "00C0000016 > 000186A0 00000000 00000000 2015 0005 01 00 A1B2C3D4 9000",
    "B02C01000F 0000012C 20151118185001 D319F25A > 6108",
    "00C0000008 > 6E692DD3 B1A0ADFD 9000",
)


def test_a_purchase_without_amounts() -> None:
    assert trace(Tracer(), *PURCHASE) == [
        "> INITIALIZE FOR PURCHASE 医疗消费初始化: 密钥索引 1, 个人账户 [4 bytes], "
        "个人自付 [4 bytes], 统筹基金 [4 bytes], 终端机编号 330400815985",
        "< 6116 22 bytes available by GET RESPONSE",
        "> GET RESPONSE 取响应: 22 bytes of INITIALIZE FOR PURCHASE",
        "< 9000 success, 账户余额 [4 bytes], 年度自付累计 [4 bytes], 年度统筹累计 [4 bytes], "
        "支付年度 2015, 交易序号 5, 密钥版本 1, 算法 00, random [4 bytes]",
        "> DEBIT FOR PURCHASE 医疗消费: 终端交易序号 300, 时间 20151118185001, MAC1 [4 bytes]",
        "< 6108 8 bytes available by GET RESPONSE",
        "> GET RESPONSE 取响应: 8 bytes of DEBIT FOR PURCHASE",
        "< 9000 success, TAC [4 bytes], MAC2 [4 bytes]",
    ]


def test_an_unsafe_trace_shows_amounts_in_yuan_and_all_bytes() -> None:
    lines = trace(Tracer(unsafe=True), *PURCHASE)
    assert "个人账户 0.00 元, 个人自付 10.00 元, 统筹基金 5.00 元" in lines[0]
    assert lines[0].endswith("  B0280101130100000000000003E8000001F4330400815985")
    assert "账户余额 1000.00 元" in lines[3]
    assert "TAC 6E692DD3" in lines[7]


@pytest.mark.parametrize(
    ("exchange", "asked", "answered"),
    [
        ("0020000000 > 63C6", "VERIFY 校验个人密码: query 查询", "63C6 verification failed, 6"),
        ("0020000003123456 > 9000", "VERIFY 校验个人密码: PIN [3 bytes]", "9000 success"),
        ("805E010007123456FF654321 > 9000", "CHANGE PIN 修改个人密码: [7 bytes]", "9000"),
        ("8424000004BA714BF3 > 9000", "PIN CHANGE/UNBLOCK 个人密码修改/解锁: unblock 解锁", "9000"),
        ("84160000041A2B3C4D > 9000", "CARD BLOCK 卡片锁定: MAC [4 bytes]", "9000"),
        ("0084000008 > 1122334455667788 9000", "GET CHALLENGE 取随机数: 8 bytes",
         "9000 success, random 1122334455667788"),
        ("B026000204 > 00002710 2015 9000", "GET BALANCE 读余额: 年度个人自付累计",
         "9000 success, 金额 [4 bytes], 支付年度 2015"),
        ("B02E0032020005 > 6E692DD3B1A0ADFD 9000", "GET TRANSACTION PROOF 取交易认证: 结算",
         "9000 success, MAC [4 bytes], TAC [4 bytes]"),
        ("B056010002 > 0101 9000", "GET STARTING DAY", "9000 success, 年度起始日期 0101"),
        ("B02800010B 01 00002710 330400815985 > 9000", "INITIALIZE FOR LOAD 划入初始化", "9000"),
        ("BFEC000001 51 > 9000", "INITIALIZE ENVIRONMENT 环境初始化: province 51", "9000"),
        ("BFDE670A10 0000000000000000 1122334455667788 > 9000",
         "DELIVERY SESSION KEY 生成过程密钥: 加密密钥, 3 levels, key 0A, [16 bytes]", "9000"),
        ("80FA000008 0102030405060708 > 34EE6369256AE598 9000",
         "CIPHER DATA 数据加密: encipher 加密, [8 bytes]", "9000 success, [8 bytes]"),
        ("8070010024 A1B2C3D4 0005 00000000 000003E8 000001F4 32 20151118185001 01 00 "
         "86845101C0666779 > 0000012CD319F25A 9000",
         "INIT SAM FOR PURCHASE 消费初始化, MAC1: random [4 bytes], 交易序号 5",
         "9000 success, 终端交易序号 300, MAC1 [4 bytes]"),
        ("8072000004B1A0ADFD > 9302", "CREDIT SAM FOR PURCHASE", "9302 MAC incorrect"),
        ("00A40200020015 > 9000", "SELECT 选择: 0015 卡片公共信息", "9000"),
        ("00B0960006 > 330400815985 9000", "READ BINARY 读二进制文件: 0016 终端信息, offset 0",
         "9000 success, [6 bytes]"),
        ("00A4040006D15600000590 > 6A82", "PSAM 社会保障应用", "6A82"),
        ("00A40400085943542E55534552 > 6A82", "AID 5943542E55534552 'YCT.USER'", "6A82"),
        ("84D4001104 00000000 > 6982", "CREATE KEY 装载密钥: key file 11, [4 bytes]", "6982"),
        ("80D4000218 0805020200000F05 00112233445566778899AABBCCDDEEFF > 9000",
         "CREATE KEY 装载密钥: key file 02, use 08, key 05, version 2, [24 bytes]", "9000"),
        ("80D4000204 08050202 > 6700", "CREATE KEY 装载密钥: key file 02, [4 bytes]", "6700"),
        ("80E0000312 EF0700400000010000000000000000 > 9000",
         "CREATE FILE 建立文件: type 03, file EF07, [", "9000"),
        ("80E0000302 EF07 > 6700", "CREATE FILE 建立文件: type 03, [2 bytes]", "6700"),
        ("12345678 > 6E00", "unknown command 未知命令: CLA 12 INS 34 P1 56 P2 78", "6E00"),
        ("00B201 > 6700", "incomplete command [3 bytes]", "6700 wrong length"),
        ("00B2010400 > 90", "READ RECORD", "no status word"),
    ],
)  # fmt: skip
def test_commands(exchange: str, asked: str, answered: str) -> None:
    lines = trace(Tracer(), exchange)
    assert asked in lines[0]
    assert lines[1].startswith(f"< {answered}")


# --- never raises, never shows ------------------------------------------------------------------

HEADS = [
    head.to_bytes(4, "big")
    for head in (
        0x00A40000, 0x00A40200, 0x00A40400, 0x00A40402, 0x00B20104, 0x00B20129, 0x00DC0104,
        0x04DC0530, 0x00B08700, 0x00D60000, 0x00840000, 0x00C00000, 0x00880000, 0x0082000A,
        0x00820084, 0x00200000, 0x805E0100, 0x84240001, 0x841E0001, 0x84160000, 0xB0280101,
        0xB0280001, 0xB02C0100, 0xB02A0000, 0xB0260001, 0xB0260002, 0xB02E0032, 0xB0560000,
        0xB0560100, 0xBFEC0000, 0xBFDE670A, 0x80FA0500, 0x80700100, 0x80720000, 0x84D40011,
        0x84D40111, 0x80E00003, 0xBFC80000, 0x00E20028,
    )
]  # fmt: skip
COMMANDS = st.binary(max_size=40) | st.builds(
    lambda head, data, le: head + (bytes((len(data),)) + data if data else b"") + le,
    st.sampled_from(HEADS),
    st.binary(max_size=60) | st.sampled_from([bytes.fromhex(SELECT_SSSE)[5:], b"\xdf\x04"]),
    st.binary(max_size=1),
)
ANSWERS = st.binary(max_size=3) | st.builds(
    lambda body, sw: body + sw,
    st.binary(max_size=60) | st.sampled_from([bytes.fromhex(FCI_2), bytes.fromhex(FCI_3)]),
    st.sampled_from([b"\x90\x00", b"\x61\x10", b"\x6c\x10", b"\x69\x82"]),
)


@given(st.lists(st.tuples(COMMANDS, ANSWERS), max_size=8), st.booleans())
def test_any_bytes_give_two_lines(exchanges: list[tuple[bytes, bytes]], unsafe: bool) -> None:
    tracer = Tracer(unsafe)
    for command, answer in exchanges:
        asked, answered = tracer.format(command, answer, NOON).split("\n")
        assert asked.startswith("12:00:00.123 > ")
        assert answered.startswith("             < ")
        assert asked.isprintable()
        assert answered.isprintable()


SECRET_HEADS = [h for h in HEADS if h[1] in (0x20, 0x5E, 0x24, 0x82, 0x88, 0xDC, 0xD6, 0xD4, 0xFA)]


@given(st.sampled_from(SECRET_HEADS), st.binary(min_size=3, max_size=60), st.integers(0, 4))
def test_data_of_secret_commands_never_show(head: bytes, data: bytes, cut: int) -> None:
    command = head + bytes((len(data),)) + data
    text = Tracer().format(command[: len(command) - cut], b"\x90\x00", NOON)
    digits = data.hex().upper()
    shown = re.sub(r"[^0-9A-F]", " ", text.replace("12:00:00.123", ""))
    for start in range(0, len(digits) - 5, 2):
        piece = digits[start : start + 6]
        if len(set(piece)) > 1:
            assert piece not in shown


def forbidden(generation: int, atr: bytes) -> set[str]:
    """The holder's values and the card's keys, as text and as hexadecimal."""
    values = {value for value in holder_values(generation).values() if len(value) >= 4}
    values -= {"1.00", "2.00", "3.00"}
    found = set(values)
    for value in values:
        found.add(value.encode("gb18030").hex().upper())
    keys = card_keys(generation, atr)
    found |= {keys(root, 1).hex().upper() for root in KEYS}
    return found


@pytest.mark.parametrize("generation", GENERATIONS)
def test_no_script_leaks(generation: int) -> None:
    leaks = []
    for name, script in SCRIPTS.items():
        for interface in script.interfaces:
            if interface == "contactless" and generation != 3:
                continue
            core = card(generation, script)
            tracer = Tracer()
            lines = [tracer.reset(core.atr, NOON)]
            connection = (
                ContactInterface(core) if interface == "contact" else ContactlessInterface(core)
            )

            def observe(
                command: bytes, answer: bytes, tracer: Tracer = tracer, lines: list[str] = lines
            ) -> None:
                lines.append(tracer.format(command, answer, NOON))

            play(
                script,
                connection,
                generation,
                interface="contact" if interface == "contact" else "contactless",
                observer=observe,
            )
            text = re.sub(r"random [0-9A-F]+", "random", "\n".join(lines))
            assert len(lines) > 1
            leaks += [f"{name}: {v}" for v in forbidden(generation, core.atr) if v in text]
    assert leaks == []


def test_an_unsafe_trace_shows_what_a_safe_one_hides() -> None:
    core = card(2)
    tracer, lines = Tracer(unsafe=True), []
    play(
        SCRIPTS["E10"],
        ContactInterface(core),
        2,
        observer=lambda command, answer: lines.append(tracer.format(command, answer, NOON)),
    )
    text = "\n".join(lines)
    values = holder_values(2)
    assert f"PIN {values['pin']}" in text
    assert values["name_first"].encode("gbk").hex().upper() in text

# SPDX-License-Identifier: Apache-2.0
"""The trace tells the bank's commands in words, and no PIN, track data, amount or cryptogram."""

from __future__ import annotations

import re
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sscard_chip.reader import ContactInterface, ContactlessInterface
from sscard_chip.trace import Tracer
from tests.bench.bank import (
    CASH,
    DEBIT,
    KEYS,
    PAN,
    PIN,
    PSE,
    BankBench,
    amount,
    select_command,
)
from tests.bench.issued import SELECT_SSSE

NOON = datetime(2026, 1, 2, 12, 0, 0)


class Watched:
    """A bench whose exchanges are traced."""

    def __init__(self, *, contactless: bool = False, unsafe: bool = False) -> None:
        self.bench = BankBench(cash=CASH)
        self.tracer = Tracer(unsafe)
        self.lines: list[str] = []
        interface = (ContactlessInterface if contactless else ContactInterface)(self.bench.card)
        interface.power_on()
        self._raw = interface.transmit
        self.bench.transmit = self._transmit

    def _traced(self, apdu: bytes) -> bytes:
        answer = self._raw(apdu)
        text = self.tracer.format(apdu, answer, NOON)
        self.lines += [line[13:] for line in text.split("\n")]
        return answer

    def _transmit(self, apdu: bytes) -> bytes:
        answer = self._traced(apdu)
        if answer[-2] == 0x6C:
            answer = self._traced(apdu[:4] + answer[-1:])
        if answer[-2] == 0x61:
            answer = self._traced(b"\x00\xc0\x00\x00" + answer[-1:])
        return answer

    def has(self, *wanted: str) -> None:
        for line in wanted:
            assert line in self.lines, "\n".join(self.lines)


def a_day(watched: Watched) -> None:
    bench = watched.bench
    bench.select(PSE)
    bench.ok("00B2010C00")
    bench.select()
    bench.initiate()
    for place in ("010C", "020C", "0814", "011C"):
        bench.ok(f"00B2{place}00")
    assert bench.verify() == 0x9000
    bench.generate(0x80)
    assert bench.sw(bench.answer_command()) == 0x9000
    bench.generate(0x40, dol=bytes.fromhex("8A029F02069F03069F1A0295055F2A029A039C019F37049F2103"))
    assert bench.script("04DA9F79", amount(50_000)) == 0x9000
    assert bench.script("04DC011C", bytes.fromhex("70045F340100")) == 0x9000
    assert bench.script("84240000") == 0x9000
    for tag in ("9F36", "9F79", "9F17", "9F4F"):
        bench.ok(f"80CA{tag}00")
    bench.log()
    assert bench.script("841E0000") == 0x9000
    bench.send(select_command(DEBIT))
    bench.ok(SELECT_SSSE)
    bench.send("0020000003123456")


def test_contact() -> None:
    watched = Watched()
    a_day(watched)
    watched.has(
        "> SELECT 选择: AID PSE 1PAY.SYS.DDF01",
        "< 9000 success, FCI of PSE 1PAY.SYS.DDF01, DIR SFI 01",
        "< 9000 success, FCI of A000000333010101 PBOC 借记",
        "> GET PROCESSING OPTIONS 取处理选项: no PDOL data",
        "< 9000 success, AIP 1C00, AFL 080102001008080018010200",
        "> READ RECORD 读记录: SFI 02, record 8",
        "> VERIFY 校验个人密码: plain 明文, PIN block [8 bytes]",
        "> GENERATE AC 产生应用密文: ARQC 联机, CDOL data [52 bytes]",
        "< 9000 success, ARQC 联机, ATC 1, cryptogram [8 bytes]",
        "> EXTERNAL AUTHENTICATE 外部认证: ARPC [8 bytes], response code 00",
        "> GENERATE AC 产生应用密文: TC 批准, CDOL data [34 bytes]",
        "> PUT DATA 设置数据, 安全报文: 9F79 electronic cash balance, [6 bytes], MAC [4 bytes]",
        "> UPDATE RECORD 修改记录, 安全报文: SFI 03, record 1, [6 bytes], MAC [4 bytes]",
        "> PIN CHANGE/UNBLOCK 个人密码修改/解锁: unblock 解锁, [0 bytes], MAC [4 bytes]",
        "> GET DATA 取数据: 9F36 application transaction counter",
        "< 9000 success, 9F36 1",
        "< 9000 success, 9F79 [6 bytes]",
        "> GET DATA 取数据: 9F17 PIN tries",
        "> READ RECORD 读记录: log 交易明细, record 1",
        "> APPLICATION BLOCK 应用锁定: MAC [4 bytes]",
        "< 6283 selected application blocked, FCI of A000000333010101 PBOC 借记",
        "> VERIFY 校验个人密码: PIN [3 bytes]",  # the social security part's
    )


def test_contactless() -> None:
    watched = Watched(contactless=True)
    watched.bench.contactless()
    watched.bench.contactless(t9F66=bytes.fromhex("26800000"))
    watched.has(
        "> GET PROCESSING OPTIONS 取处理选项: PDOL data [33 bytes]",
        "< 9000 success, TC 批准, ATC 1, tags 82 9F36 57 9F10 9F26 94 5F34 9F6C 9F5D",
        "< 9000 success, ARQC 联机, ATC 2, tags 82 9F36 57 9F10 9F26 9F63 5F34 9F6C 9F50 5F20",
    )


@pytest.mark.parametrize("contactless", [False, True])
def test_nothing_is_shown(contactless: bool) -> None:
    watched = Watched(contactless=contactless)
    if contactless:
        watched.bench.contactless()
    else:
        a_day(watched)
    text = "\n".join(watched.lines)
    secrets = (PAN, PIN, "000000001234", "000000050000", "48270F", watched.bench.arqc.hex().upper())
    for hidden in (*filter(None, secrets), KEYS.cryptogram.hex().upper()):
        assert hidden not in text


def test_an_unsafe_trace_shows_it() -> None:
    watched = Watched(unsafe=True)
    a_day(watched)
    text = "\n".join(watched.lines)
    assert "PIN block 2548270FFFFFFFFF" in text
    assert "9F79 000000050000" in text


def test_activation() -> None:
    line = Tracer().format(bytes.fromhex("844400000CA00000033301010111223344"), b"\x90\x00", NOON)
    assert "ACTIVATE APPLICATION 应用激活: AID A000000333010101 PBOC 借记, MAC [4 bytes]" in line


HEADS = [bytes.fromhex(head) for head in (
    "00A40400", "00B2010C", "80A80000", "80AE8000", "80CA9F36", "00820000", "00880000", "00200080",
    "841E0000", "84180000", "84040000", "84240001", "84440000", "04DA9F79", "04DC010C", "00C00000",
)]  # fmt: skip


@given(
    st.lists(
        st.tuples(
            st.sampled_from(HEADS),
            st.binary(max_size=60),
            st.binary(max_size=60) | st.binary(max_size=40).map(lambda b: b"\x77" + b),
            st.sampled_from([b"\x90\x00", b"\x62\x83", b"\x61\x10", b"\x69\x85", b""]),
        ),
        max_size=6,
    )
)
def test_any_bytes_give_two_lines_and_no_data(
    exchanges: list[tuple[bytes, bytes, bytes, bytes]],
) -> None:
    tracer = Tracer()
    tracer.format(select_command(DEBIT), b"\x61\x2a", NOON)
    for head, content, body, sw in exchanges:
        command = head + (bytes((len(content),)) + content if content else b"")
        text = tracer.format(command, body + sw, NOON)
        asked, answered = text.split("\n")
        assert asked.isprintable()
        assert answered.isprintable()
        if head[1] in (0x20, 0x24, 0xAE, 0xA8, 0xDA, 0xDC, 0x88):
            shown = re.sub(r"[^0-9A-F]", " ", asked.replace("12:00:00.000", ""))
            digits = content.hex().upper()
            for start in range(0, len(digits) - 7, 2):
                piece = digits[start : start + 8]
                assert len(set(piece)) == 1 or piece not in shown

# SPDX-License-Identifier: Apache-2.0
"""Deposit and purse in the trace: in words, and without what is nobody else's business."""

from __future__ import annotations

from datetime import datetime

import pytest

from sscard_chip.applications.purse.accounts import Purse
from sscard_chip.trace import Tracer
from tests.bench.account_cards import KnownRandom
from tests.bench.exchange import set_random
from tests.bench.purse import CAPP, ED_LOAD, EP_BUY, OVERDRAFT, UNLOAD, Terminal
from tests.bench.purse_cards import new_card

NOON = datetime(2026, 1, 2, 12, 0, 0)


class Listener:
    """A card whose every exchange is written down."""

    def __init__(self, *, unsafe: bool = False) -> None:
        self._tracer = Tracer(unsafe=unsafe)
        self.lines: list[str] = []
        card = new_card(deposit=Purse(50_000, 10_000, 1, 2), purse=Purse(2_000, 0, 3, 4))
        self.terminal = Terminal(self._transmit, "3des")
        self._card = card
        set_random(card, KnownRandom(bytes.fromhex("A1B2C3D4E5F60718")))
        self.terminal.open()

    def _transmit(self, apdu: bytes) -> bytes:
        answer = self._card.transmit(apdu)
        lines = self._tracer.format(apdu, answer, NOON).split("\n")
        self.lines += [line[13:] for line in lines]
        return answer

    def heard(self) -> list[str]:
        lines, self.lines = self.lines, []
        return lines


def test_load_in_words() -> None:
    listener = Listener()
    assert listener.heard()[:2] == [
        "> SELECT 选择: AID A00000000386980701",
        "< 9000 success, FCI of A00000000386980701",
    ]
    listener.terminal.do(ED_LOAD, 500)
    assert listener.heard() == [
        "> INITIALIZE FOR LOAD 圈存初始化: 密钥索引 1, 金额 [4 bytes], 终端机编号 112233445566",
        "< 9000 success, 账户余额 [4 bytes], 交易序号 1, 密钥版本 1, 算法 00, random [4 bytes], "
        "MAC1 [4 bytes]",
        "> CREDIT FOR LOAD 圈存: 时间 20240315101112, MAC2 [4 bytes]",
        "< 9000 success, TAC [4 bytes]",
    ]


def test_overdraft_and_unload_unsafe() -> None:
    listener = Listener(unsafe=True)
    listener.heard()
    listener.terminal.do(OVERDRAFT, limit=200_00)
    listener.terminal.do(UNLOAD, 1)
    lines = listener.heard()
    assert lines[0].startswith("> INITIALIZE FOR UPDATE 修改透支限额初始化: 密钥索引 1")
    assert "账户余额 500.00 元, 交易序号 1, 透支限额 100.00 元" in lines[1]
    assert lines[2].startswith("> UPDATE OVERDRAW LIMIT 修改透支限额: 透支限额 200.00 元")
    assert lines[4].startswith("> INITIALIZE FOR UNLOAD 圈提初始化: 密钥索引 1, 金额 0.01 元")
    assert lines[6].startswith("> DEBIT FOR UNLOAD 圈提: 时间 20240315101112, MAC2 ")
    assert lines[7].startswith("< 9000 success, MAC3 ")


@pytest.mark.parametrize("kind", [EP_BUY, CAPP])
def test_purchase_in_words(kind: int) -> None:
    listener = Listener()
    listener.heard()
    opened = listener.terminal.do(kind, 5)
    listener.terminal.proof(kind, opened.number)
    listener.terminal.balance(2)
    lines = listener.heard()
    name = "复合应用消费初始化" if kind == CAPP else "消费初始化"
    assert name in lines[0]
    assert "透支限额 [3 bytes]" in lines[1]
    if kind == CAPP:
        assert lines[2:4] == [
            "> UPDATE CAPP DATA CACHE 更新复合应用数据缓存: SFI 19, identifier 01, [10 bytes]",
            "< 9000 success",
        ]
    assert lines[-6:] == [
        "> DEBIT 消费/取现: 终端交易序号 1, 时间 20240315101112, MAC1 [4 bytes]",
        "< 9000 success, TAC [4 bytes], MAC2 [4 bytes]",
        f"> GET TRANSACTION PROVE 取交易认证: "
        f"{'复合应用消费' if kind == CAPP else '电子钱包消费'}, 交易序号 5",
        "< 9000 success, MAC [4 bytes], TAC [4 bytes]",
        "> GET BALANCE 读余额: 电子钱包",
        "< 9000 success, 账户余额 [4 bytes]",
    ]


def test_no_pin_and_no_mac_show() -> None:
    listener = Listener()
    command = listener.terminal.reload_pin_command("135790")
    assert listener.terminal.sw(command) == 0x9000
    assert listener.terminal.unblock_pin("246802") == 0x9000
    block = listener.terminal.secured("841E0000")
    assert listener.terminal.sw(block) == 0x9000
    assert listener.terminal.sw(listener.terminal.secured("84180000")) == 0x9000
    text = "\n".join(listener.heard()).upper()
    assert "RELOAD PIN 重装个人密码: [7 BYTES]" in text
    assert "APPLICATION UNBLOCK 应用解锁: MAC [4 BYTES]" in text
    for hidden in ("123456", "135790", "246802", command[-4:].hex(), block[-4:].hex()):
        assert hidden.upper() not in text.replace("112233445566", "")

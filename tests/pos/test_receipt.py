# SPDX-License-Identifier: Apache-2.0
"""Receipts: 32 columns whatever is on them, and nothing on them that must be hidden."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sscard_chip.terminal.pos.card import CardholderName
from sscard_chip.terminal.pos.receipt import WIDTH, Receipt, mask, mask_name, pair, width
from tests.pos.test_dayfile import GREY, REFUND, ROW

GOLDEN = """\
================================
          长生堂大药房
          医保购药凭证
--------------------------------
机构编码            P51010000001
终端编号            510100000001
时间         2026-03-15 10:11:12
--------------------------------
姓名                        林**
社会保障号码  990000********0012
卡号                   Z0*****13
--------------------------------
费用合计                   35.05
统筹基金支付               20.00
个人账户支付               10.00
现金支付                    5.05
账户余额                  990.00
--------------------------------
终端交易序号                 300
卡交易序号                     7
TAC                     6E692DD3
流水号
  P51010000001202603151011120100
--------------------------------
     脱网结算，金额单位：元

签名:
"""


def test_a_receipt() -> None:
    holder = CardholderName("林知夏", "990000200102030012")
    receipt = Receipt(ROW, "长生堂大药房", "P51010000001", holder, 99000)
    assert receipt.text() == GOLDEN


@pytest.mark.parametrize(
    "name", ["药", "Pharmacy", "一家名字特别特别特别特别特别长的连锁大药房有限责任公司第一分店"]
)
@pytest.mark.parametrize("row", [ROW, REFUND, GREY])
@pytest.mark.parametrize("number", ["990000200102030012", "1234", ""])
def test_no_line_is_wider_than_the_paper(name: str, number: str, row: object) -> None:
    assert isinstance(row, type(ROW))
    big = replace(row, setl_id="5" * 30, total_fen=10**16 - 1)
    holder = CardholderName("阿卜杜热合曼·阿卜杜克热木", number)
    for line in Receipt(big, name, "P51010000001", holder, 0xFFFFFFFF, True).lines():
        assert width(line) <= WIDTH


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("990000200102030012", "990000********0012"),
        ("99000020010", "990000*0010"),
        ("9900000012", "**********"),
        ("1", "*"),
        ("", ""),
    ],
)
def test_masks(text: str, shown: str) -> None:
    assert mask(text, 6, 4) == shown


@pytest.mark.parametrize(
    ("name", "shown"), [("林知夏", "林**"), ("李四", "李*"), ("林", "*"), ("", "")]
)
def test_names(name: str, shown: str) -> None:
    assert mask_name(name) == shown


def test_a_value_too_wide_stands_on_its_own_lines() -> None:
    assert pair("编号", "1" * 28) == ["编号", " " * 4 + "1" * 28]
    assert pair("编号", "1" * 40) == ["编号", "1" * 32, " " * 24 + "1" * 8]

# SPDX-License-Identifier: Apache-2.0
"""The printed receipt: plain text, 32 columns, a Chinese character takes two.

Social security receipts are free in form (LD/T 33). Names and numbers are masked: of a citizen
number the first 6 and the last 4 digits are shown, of a card number the first and last 2, of a
name the first character.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Final, Protocol

from sscard_chip.dayfile.rows import DayRow
from sscard_chip.standard.amounts import yuan
from sscard_chip.standard.dates import show_time
from sscard_chip.standard.escape import escape
from sscard_chip.terminal.pos.card import CardholderName

WIDTH: Final = 32
RULE: Final = "-" * WIDTH
EDGE: Final = "=" * WIDTH


@dataclass(frozen=True, slots=True, repr=False)
class Receipt:
    """What a receipt shows beside the row. ``balance_fen`` is the account's after the sale;
    ``unlisted``: the till had no hotlist to look the card up in.
    """

    row: DayRow
    pharmacy_name: str
    pharmacy_code: str
    holder: CardholderName | None = None
    balance_fen: int | None = None
    online: bool = False
    unlisted: bool = False

    def text(self) -> str:
        """All lines, each ending in LF."""
        return "".join(f"{line}\n" for line in self.lines())

    def lines(self) -> list[str]:
        """The lines, none wider than 32 columns."""
        row = self.row
        title = "医保退费凭证" if row.refund else "医保购药凭证"
        lines = heading(self, title, row.terminal_id, row.time, row.card_number)
        lines += pair("费用合计", yuan(row.total_fen))
        lines += pair("统筹基金支付", yuan(row.fund_fen))
        lines += pair("个人账户支付", yuan(row.account_fen))
        lines += pair("现金支付", yuan(row.cash_fen))
        if self.balance_fen is not None:
            lines += pair("账户余额", yuan(self.balance_fen))
        lines.append(RULE)
        lines += pair("终端交易序号", str(row.terminal_transaction_number))
        lines += pair("卡交易序号", str(row.transaction_number))
        if row.tac is not None:
            lines += pair("TAC", row.tac.hex().upper())
        if row.setl_id is not None:
            lines += pair("结算编号", row.setl_id)
        lines += pair("流水号", row.msgid)
        lines.append(RULE)
        lines += wrap(_remark(row, online=self.online), centred=True)
        if self.unlisted:
            lines += wrap("本终端无黑名单，未核对挂失卡", centred=True)
        lines += ["", "签名:"]
        return lines


class Printed(Protocol):
    """A receipt or slip: whose till printed it, and for whom."""

    @property
    def pharmacy_name(self) -> str:
        """As the receipt begins."""

    @property
    def pharmacy_code(self) -> str:
        """定点医药机构编号."""

    @property
    def holder(self) -> CardholderName | None:
        """Who the card says it belongs to, None where it was not read."""


def heading(
    printed: Printed, title: str, terminal_id: str, time: str, card_number: str
) -> list[str]:
    """What receipts and slips begin with: where and when, and whose card, masked."""
    lines = [EDGE, *wrap(escape(printed.pharmacy_name), centred=True), centre(title), RULE]
    lines += pair("机构编码", printed.pharmacy_code)
    lines += pair("终端编号", terminal_id)
    lines += pair("时间", show_time(time))
    lines.append(RULE)
    if printed.holder is not None:
        lines += pair("姓名", escape(mask_name(printed.holder.name)))
        lines += pair("社会保障号码", mask(printed.holder.number, 6, 4))
    lines += pair("卡号", mask(card_number, 2, 2))
    lines.append(RULE)
    return lines


def _remark(row: DayRow, *, online: bool) -> str:
    if row.grey:
        return "交易存疑，以医保中心核实为准"
    if row.refund:
        return "账户部分由医保中心划回"
    return "联网结算" if online else "脱网结算，金额单位：元"


def mask(text: str, first: int, last: int) -> str:
    """All but the first and last characters as asterisks; nothing shown of a shorter text."""
    hidden = len(text) - first - last
    if hidden <= 0:
        return "*" * len(text)
    return f"{text[:first]}{'*' * hidden}{text[len(text) - last :]}"


def mask_name(name: str) -> str:
    """The first character of a name, asterisks for the rest, two at most."""
    return name[:1] + "*" * min(len(name) - 1, 2) if len(name) > 1 else "*" * len(name)


def width(text: str) -> int:
    """Columns that a text takes."""
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    narrow = sum(unicodedata.combining(character) == 0 for character in text)
    return wide + narrow


def centre(text: str) -> str:
    """A text in the middle of a line."""
    return " " * ((WIDTH - width(text)) // 2) + text


def pair(label: str, value: str) -> list[str]:
    """Label at the left, value at the right; a value that does not fit gets its own lines."""
    room = WIDTH - width(label) - 1
    if width(value) <= room:
        return [f"{label} {' ' * (room - width(value))}{value}"]
    return [label, *(f"{' ' * (WIDTH - width(line))}{line}" for line in wrap(value))]


def wrap(text: str, *, centred: bool = False) -> list[str]:
    """A text in lines of at most 32 columns."""
    lines = [""]
    for character in text:
        if width(lines[-1] + character) > WIDTH:
            lines.append("")
        lines[-1] += character
    return [centre(line) if centred else line for line in lines]

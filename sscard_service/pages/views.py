# SPDX-License-Identifier: Apache-2.0
"""From the answer of an operation to what a page shows: facts with labels, and tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sscard_chip.settlement.ledger import CardStatus
from sscard_chip.standard.amounts import grouped_yuan
from sscard_service.pages.english import english
from sscard_service.pages.words import PageText
from sscard_service.store.applications import MakingState

W = PageText


@dataclass(slots=True)
class View:
    """What a page shows: ``facts`` are label and value, ``big`` one value above all."""

    facts: list[tuple[str, str]] = field(default_factory=list)
    big: tuple[str, str] | None = None
    heads: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    empty: str = ""
    page: int = 1
    pages: int = 1
    """Which page of a long table it is."""


def day(text: str) -> str:
    """YYYYMMDD, YYYYMM or YYYYMMDDhhmmss with dashes.

    >>> day("20260302"), day("202603"), day("20260302090000"), day("")
    ('2026-03-02', '2026-03', '2026-03-02 09:00:00', '')
    """
    if len(text) == 6:
        return f"{text[:4]}-{text[4:]}"
    if len(text) == 8:
        return f"{text[:4]}-{text[4:6]}-{text[6:]}"
    if len(text) == 14:
        return f"{day(text[:8])} {text[8:10]}:{text[10:12]}:{text[12:]}"
    return text


def _plain(value: Any) -> str:
    return "" if value is None else str(value)


def _yes(value: Any) -> str:
    return "✓" if value else "—"


_STATES: Final = {
    "holds": W("有效", "Holds"), "to come": W("未开始", "To come"),
    "ended": W("已结束", "Ended"), "withdrawn": W("已撤销", "Withdrawn"),
    "open": W("待缴费", "Open"), "paid": W("已缴费", "Paid"),
}  # fmt: skip
"""States of filings and bills."""
PAPERS: Final = {
    "rights": W("权益记录单", "Rights record"), "participation": W("参保证明", "Participation"),
    "voucher": W("领卡证明", "Voucher"), "progress": W("办理进度单", "Progress"),
}  # fmt: skip
"""Kinds of papers."""
PAGED: Final = frozenset({"contributions", "benefits", "settlements"})
"""Enquiries that come in pages, here with the newest row first."""
_Column = tuple[str, W, Callable[[Any], str]]
_MONEY: Final = grouped_yuan

_TABLES: Final[dict[str, tuple[str, tuple[_Column, ...]]]] = {
    "status": ("cards", (
        ("card", W("卡号", "Card"), _plain), ("status_text", W("状态", "State"), _plain),
        ("valid_to", W("有效期至", "Valid to"), day), ("pays", W("可支付", "Pays"), _yes),
    )),
    "insurances": ("insurances", (
        ("insurance_text", W("险种", "Insurance"), _plain),
        ("status_text", W("状态", "State"), _plain), ("begun", W("参保日期", "Since"), day),
        ("months_paid", W("缴费月数", "Months paid"), _plain),
        ("unit", W("单位", "Employer"), _plain),
    )),
    "contributions": ("contributions", (
        ("period", W("费款所属期", "Month"), day),
        ("insurance_text", W("险种", "Insurance"), _plain),
        ("base_fen", W("缴费基数", "Base"), _MONEY),
        ("personal_fen", W("个人缴费", "Own part"), _MONEY),
        ("unit_fen", W("单位缴费", "Employer's part"), _MONEY),
        ("paid", W("到账", "Paid"), _yes),
    )),
    "pension": ("years", (
        ("year", W("年度", "Year"), _plain), ("months", W("月数", "Months"), _plain),
        ("total_fen", W("账户累计", "Account in all"), _MONEY),
    )),
    "settlements": ("settlements", (
        ("date", W("日期", "Day"), day), ("institution", W("机构", "Institution"), _plain),
        ("fen", W("账户变动", "Movement"), _MONEY),
        ("total_fen", W("总费用", "Bill"), lambda one: grouped_yuan(one or 0)),
        ("cash_fen", W("现金", "Cash"), lambda one: grouped_yuan(one or 0)),
    )),
    "benefits": ("benefits", (
        ("month", W("期间", "Month"), day), ("insurance_text", W("险种", "Insurance"), _plain),
        ("item", W("项目", "Item"), _plain), ("fen", W("金额", "Amount"), _MONEY),
        ("paid", W("已发放", "Paid"), _yes),
    )),
    "applications": ("applications", (
        ("receipt", W("受理单号", "Receipt"), _plain), ("filed", W("申请日期", "Filed"), day),
        ("state_text", W("进度", "State"), _plain), ("due", W("领卡日期", "Due"), day),
    )),
    "filings": ("filings", (
        ("kind_text", W("类型", "Class"), _plain),
        ("mdtrtarea_admdvs", W("就医地", "Place"), _plain),
        ("begndate", W("开始", "From"), day), ("enddate", W("结束", "To"), day),
        ("state", W("状态", "State"), _plain),
        ("trt_dcla_detl_sn", W("备案编号", "Number"), _plain),
    )),
    "bills": ("bills", (
        ("bill", W("缴费单号", "Bill"), _plain), ("first", W("起", "From"), day),
        ("last", W("止", "To"), day), ("fen", W("金额（元）", "Amount, yuan"), _MONEY),
        ("way_text", W("缴费方式", "Way"), _plain),
        ("state", W("状态", "State"), _plain),
    )),
}  # fmt: skip

_FACTS: Final[dict[str, tuple[_Column, ...]]] = {
    "contributions": (),
    "pension": (
        ("actual_months", W("实际缴费月数", "Months paid"), _plain),
        ("deemed_months", W("视同缴费月数", "Months counted as paid"), _plain),
    ),
    "settlements": (
        ("into_account_this_year_fen", W("本年划入", "Into the account this year"), _MONEY),
        ("paid_this_year_fen", W("本年支出", "Paid this year"), _MONEY),
    ),
    "person": (
        ("name", W("姓名", "Name"), _plain), ("identity", W("社会保障号码", "Identity"), _plain),
        ("phone", W("手机号码", "Telephone"), _plain), ("unit", W("单位", "Employer"), _plain),
        ("class", W("人员类别", "Class"), _plain), ("insured", W("参保状态", "Insured"), _plain),
        ("first_work", W("参加工作日期", "First work"), day),
        ("division", W("参保地", "Place of insurance"), _plain),
    ),
    "progress": (
        ("person", W("姓名", "Name"), _plain), ("receipt", W("受理单号", "Receipt"), _plain),
        ("state_text", W("进度", "State"), _plain), ("changed", W("更新时间", "Since"), day),
        ("due", W("领卡日期", "Due"), day), ("card", W("新卡号", "New card"), _plain),
        ("phone_keys", W("12333按键", "Keys for 12333"), _plain),
        ("note", W("说明", "Note"), _plain),
    ),
    "loss": (
        ("card", W("卡号", "Card"), _plain), ("status_text", W("卡状态", "State"), _plain),
        ("time", W("办理时间", "Done at"), day),
    ),
    "password": (("time", W("办理时间", "Done at"), day),),
    "contact": (
        ("phone", W("手机号码", "Telephone"), _plain), ("time", W("办理时间", "Done at"), day),
    ),
    "level": (
        ("insurance", W("险种", "Insurance"), _plain), ("level", W("档次", "Level"), _plain),
        ("month", W("生效月份", "From"), day),
    ),
    "level_stop": (
        ("insurance", W("险种", "Insurance"), _plain), ("month", W("停缴月份", "From"), day),
    ),
    "bill": (
        ("bill", W("缴费单号", "Bill"), _plain), ("first", W("起", "From"), day),
        ("last", W("止", "To"), day), ("fen", W("金额（元）", "Amount, yuan"), _MONEY),
        ("way_text", W("缴费方式", "Way"), _plain),
    ),
    "bill_withdraw": (("bill", W("缴费单号", "Bill"), _plain),),
    "filing": (
        ("trt_dcla_detl_sn", W("备案编号", "Number"), _plain),
        ("begndate", W("开始", "From"), day), ("enddate", W("结束", "To"), day),
    ),
    "unfile": (
        ("trt_dcla_detl_sn", W("备案编号", "Number"), _plain),
        ("enddate", W("最后一天", "Last day"), day),
    ),
    "withdraw": (
        ("receipt", W("受理单号", "Receipt"), _plain), ("state", W("进度", "State"), _plain),
    ),
}  # fmt: skip
_LIKE: Final = {
    "lift": "loss", "formal": "loss", "activate": "loss", "replace": "progress",
    "apply": "progress",
}  # fmt: skip
_BIG: Final[dict[str, tuple[str, W]]] = {
    "balance": ("balance_fen", W("账户余额（元）", "Balance, yuan")),
    "pension": ("total_fen", W("账户累计（元）", "Account in all, yuan")),
    "settlements": ("balance_fen", W("账户余额（元）", "Balance, yuan")),
    "benefits": ("total_fen", W("已发放合计（元）", "Paid in all, yuan")),
}
_EMPTY: Final = W("没有记录", "No records")
_WITHOUT_RECORDS: Final = frozenset({"balance", "person", "policy"})


def _in(language: str, text: str) -> str:
    """A name that stands in an answer, in the page's language."""
    if text in _STATES:
        return _STATES[text].of(language)
    return english(text) if language == "en" else text


def state_text(now: str, language: str) -> str:
    """The state of a card or an application by its name in a refusal.

    >>> state_text("temporary_loss", "zh"), state_text("at_point", "en"), state_text("x", "zh")
    ('临时挂失', 'At point', 'x')
    """
    names = {one.name.lower(): one.chinese for one in CardStatus}
    names |= {str(one): one.chinese for one in MakingState}
    return _in(language, names.get(now, now))


def show(operation: str, data: Mapping[str, Any], language: str) -> View:
    """The view of an operation's answer, in ``zh`` or ``en``."""
    view = View()
    if operation in _BIG:
        name, label = _BIG[operation]
        view.big = label.of(language), grouped_yuan(int(data.get(name) or 0))
    for name, label, text in _FACTS.get(_LIKE.get(operation, operation), ()):
        if data.get(name) not in (None, ""):
            view.facts.append((label.of(language), _in(language, text(data[name]))))
    if operation in _TABLES:
        name, columns = _TABLES[operation]
        rows = [
            [_in(language, text(row[key])) if key in row else "" for key, _, text in columns]
            for row in data.get(name) or ()
        ]
        if rows:
            view.heads, view.rows = [label.of(language) for _, label, _ in columns], rows
            view.page, view.pages = data.get("page", 1), data.get("pages", 1)
        else:
            view.empty = _EMPTY.of(language)
    if operation == "policy":
        key = "english" if language == "en" else "chinese"
        view.texts = [text[key] for text in data["texts"].values()]
    return view

# SPDX-License-Identifier: Apache-2.0
"""What each paper says (S7), out of the records and the books; sums are theirs.

Whoever has a paper's code sees its ``masked`` pairs: what the paper is and of whom, no amount.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from sscard_chip.settlement.schema.books import entry, line
from sscard_chip.settlement.schema.kinds import EntryKind
from sscard_chip.standard.amounts import grouped_yuan
from sscard_service.errors import Code, ServiceRefusedError
from sscard_service.masks import mask_identity, mask_name
from sscard_service.operations.applying import application_view
from sscard_service.papers.content import PaperContent, PaperTable
from sscard_service.receipts import shown_keys
from sscard_service.records import STATUS_TEXTS, Insurance, PensionYear
from sscard_service.store.applications import FiledApplication, applications_of
from sscard_service.store.records import read_records
from sscard_service.work import Work

_INTO: Final = frozenset({EntryKind.OPENING, EntryKind.ALLOCATION})
_REASONS: Final = {
    "lost": "遗失补领", "damaged": "损坏换领", "expired": "到期换领", "data": "信息变更换领",
    "other": "其他", "first": "首次申领",
}  # fmt: skip


def rights_record(work: Work, details: Any) -> PaperContent:
    """权益记录单 of a year: participation, contributions, pension account, medical account,
    benefits."""
    year = details.year or str(work.now.year - 1)
    if int(year) > work.now.year:
        raise ServiceRefusedError(Code.FORMAT, field="year", rule="must not be in the future")
    person = work.person
    rows = read_records(work.t, person.id, "contribution", int(f"{year}01"), int(f"{year}12"))
    tables = [_participations(work), _contributions(rows), _months(rows)]
    tables += _pension(work, year)
    tables += _medical(work, year)
    tables.append(_benefits(work, year))
    period = f"{year}年1月 至 {year}年12月"
    pairs = [*_who(work), ("记录期间", period), ("金额单位", "元")]
    return _content(
        work, "rights", f"{year}年度社会保险个人权益记录单",
        "Yearly record of social insurance rights", person.psn_no, pairs, tables,
        ["本记录单供参保人核对个人权益，不作为待遇领取凭证。",
         "对记录有异议的，请向参保地经办机构查询。"],
        period,
    )  # fmt: skip


def participation_certificate(work: Work, details: Any) -> PaperContent:
    """参保证明 of 12, 24 or 36 months up to the last one: what was paid, in runs of months."""
    last = _month_before(f"{work.now:%Y%m}")
    first = last
    for _ in range(details.months - 1):
        first = _month_before(first)
    paid = [
        one
        for one in read_records(work.t, work.person.id, "contribution", int(first), int(last))
        if one["paid"]
    ]
    place = work.region.name.chinese
    rows = [
        [one["unit"], Insurance(one["insurance"]).chinese, _month(begin), _month(end),
         str(months), grouped_yuan(one["base_fen"]), place]
        for one, begin, end, months in _runs(paid)
    ]  # fmt: skip
    table = PaperTable(
        "缴费情况",
        ["参保单位", "险种", "起", "止", "月数", "月缴费基数（元）", "统筹区"],
        rows,
        [4, 5],
    )
    period = f"{_month(first)} 至 {_month(last)}（{details.months}个月）"
    return _content(
        work, "participation", "社会保险参保证明", "Certificate of social insurance participation",
        work.person.psn_no, [*_who(work), ("证明期间", period)], [_participations(work), table],
        ["本证明仅反映所列期间已到账的缴费。", "凭验证码可在线核验本证明的真伪。"], period,
    )  # fmt: skip


def voucher(work: Work, details: Any) -> PaperContent:
    """领卡证明: with it and the identity card the new card is collected."""
    one = _application(work, details.receipt)
    shown = application_view(work, one)
    if not shown["voucher"]["valid"]:
        raise ServiceRefusedError(Code.STATE, now=str(one.state))
    due = _day(one.due) + ("（节假日安排公布前暂定）" if one.provisional else "")
    pairs = [
        *_who(work), ("业务", _kind(one)), ("受理编号", one.number),
        ("受理日期", _day(one.filed)), ("领卡日期", due),
        ("有效期至", _day(shown["voucher"]["valid_to"])),
        ("12333按键", shown_keys(one.number)),
    ]  # fmt: skip
    return _content(
        work, "voucher", "社会保障卡领卡证明", "Voucher for collecting a social security card",
        one.number, pairs, [],
        ["领卡时请携带本证明和本人有效身份证件；代办须持双方证件。",
         "拨打12333查询进度时，按上列按键输入受理编号。",
         "新卡领取前在定点医疗机构就医，可凭本证明登记，费用先行现金垫付，领卡后凭票据申报。"],
        f"有效期至 {_day(shown['voucher']['valid_to'])}",
    )  # fmt: skip


def progress_receipt(work: Work, details: Any) -> PaperContent:
    """办理进度单: how far an application is."""
    one = _application(work, details.receipt)
    pairs = [
        *_who(work), ("业务", _kind(one)), ("受理编号", one.number),
        ("受理日期", _day(one.filed)), ("预计领卡日期", _day(one.due)),
        ("当前状态", one.state.chinese), ("更新日期", _day(one.changed)),
        ("12333按键", shown_keys(one.number)),
    ]  # fmt: skip
    return _content(
        work, "progress", "社会保障卡业务办理进度单", "Progress of an application",
        one.number, pairs, [],
        ["凭受理编号可在自助终端、网站查询最新进度；拨打12333按上列按键输入。"],
        f"状态：{one.state.chinese}",
    )  # fmt: skip


STATEMENTS: Final[dict[str, Callable[[Work, Any], PaperContent]]] = {
    "rights": rights_record,
    "participation": participation_certificate,
    "voucher": voucher,
    "progress": progress_receipt,
}
"""What makes each kind of paper."""


def _content(
    work: Work,
    kind: str,
    title: str,
    english: str,
    barcode: str,
    pairs: list[tuple[str, str]],
    tables: list[PaperTable],
    notes: list[str],
    period: str,
) -> PaperContent:
    data = work.person.data
    masked = [
        ("姓名", mask_name(data.name)), ("社会保障号码", mask_identity(data.identity)),
        ("内容", period),
    ]  # fmt: skip
    return PaperContent(
        kind, title, english, work.time, work.region.agency.chinese, barcode, pairs, tables,
        notes, masked,
    )  # fmt: skip


def _who(work: Work) -> list[tuple[str, str]]:
    data = work.person.data
    pairs = [("姓名", data.name), ("社会保障号码", data.identity), ("个人编号", work.person.psn_no)]
    return pairs + ([("单位", data.unit)] if data.unit else [])


def _participations(work: Work) -> PaperTable:
    rows = [
        [Insurance(one["insurance"]).chinese, STATUS_TEXTS[one["status"]], _day(one["begun"]),
         _day(one["ended"]) if one["ended"] else "", one["unit"]]
        for one in read_records(work.t, work.person.id, "participation")
    ]  # fmt: skip
    return PaperTable("参保情况", ["险种", "状态", "首次参保", "终止", "参保单位"], rows)


def _contributions(rows: list[dict[str, Any]]) -> PaperTable:
    found, sums = [], [0, 0, 0]
    for code in sorted({one["insurance"] for one in rows}):
        own = [one for one in rows if one["insurance"] == code and one["paid"]]
        owing = sum(
            one["personal_fen"] + one["unit_fen"]
            for one in rows
            if one["insurance"] == code and not one["paid"]
        )
        unit, personal = (sum(one[name] for one in own) for name in ("unit_fen", "personal_fen"))
        months = len({one["period"] for one in own})
        mean = sum(one["base_fen"] for one in own) // len(own) if own else 0
        found.append(
            [Insurance(code).chinese, str(months),
             *map(grouped_yuan, (mean, unit, personal, unit + personal, owing))]
        )  # fmt: skip
        for at, fen in enumerate((unit, personal, owing)):
            sums[at] += fen
    unit, personal, owing = sums
    columns = ["险种", "月数", "平均基数", "单位缴费", "个人缴费", "合计", "欠缴"]
    foot = ["合计", "", "", *map(grouped_yuan, (unit, personal, unit + personal, owing))]
    return PaperTable("缴费合计", columns, found, [1, 2, 3, 4, 5, 6], foot if found else [])


def _months(rows: list[dict[str, Any]]) -> PaperTable:
    """A row a month: base, and what unit and person have paid for each insurance."""
    codes = sorted({one["insurance"] for one in rows})
    found = []
    for period in sorted({one["period"] for one in rows}):
        own = [one for one in rows if one["period"] == period]
        cells = []
        for code in codes:
            paid = [one for one in own if one["insurance"] == code and one["paid"]]
            cells.append(
                grouped_yuan(sum(one["personal_fen"] + one["unit_fen"] for one in paid))
                if paid
                else "未缴"
            )
        bases = {one["base_fen"] for one in own}
        found.append([_month(period), own[0]["unit"], grouped_yuan(max(bases)), *cells])
    names = [_short(code) for code in codes]
    return PaperTable(
        "逐月缴费（单位与个人合计）", ["月份", "单位", "缴费基数", *names], found,
        list(range(2, 3 + len(codes))),
    )  # fmt: skip


def _pension(work: Work, year: str) -> list[PaperTable]:
    rows = read_records(work.t, work.person.id, "pension", int(year), int(year))
    if not rows:
        return []
    one = msgspec.convert(rows[-1], PensionYear)
    cells = (
        one.carried_personal_fen + one.carried_unit_fen, one.personal_fen + one.unit_fen,
        one.carried_interest_fen, one.interest_fen, one.total_fen,
    )  # fmt: skip
    columns = ["上年末累计", "当年记账", "上年累计利息", "当年利息", "年末累计"]
    return [PaperTable("养老保险个人账户", columns, [[*map(grouped_yuan, cells)]], list(range(5)))]


def _medical(work: Work, year: str) -> list[PaperTable]:
    """The ledger's own account: before, into, paid, and what there was at the year's end."""
    cards = work.cards()
    if not cards:
        return []
    accounts = {one.account for one in cards}
    rows = work.t.connection.execute(
        sa.select(entry.c.kind, entry.c.business_date, sa.func.sum(line.c.fen).label("fen"))
        .join_from(entry, line, line.c.entry == entry.c.id)
        .where(line.c.account.in_(accounts), entry.c.business_date <= f"{year}1231")
        .group_by(entry.c.id, entry.c.kind, entry.c.business_date)
    ).all()
    before = into = paid = 0
    for row in rows:
        if row.business_date < f"{year}0101":
            before += int(row.fen)
        elif row.kind in _INTO:
            into += int(row.fen)
        else:
            paid -= int(row.fen)
    cells = (before, into, paid, before + into - paid)
    columns = ["上年结转", "当年划入", "当年支付", "年末余额"]
    return [PaperTable("医疗保险个人账户", columns, [[*map(grouped_yuan, cells)]], list(range(4)))]


def _benefits(work: Work, year: str) -> PaperTable:
    own = read_records(work.t, work.person.id, "benefit", int(f"{year}01"), int(f"{year}12"))
    rows = [
        [_month(one["month"]), Insurance(one["insurance"]).chinese, one["item"],
         grouped_yuan(one["fen"]), "已支付" if one["paid"] else "未支付"]
        for one in own
    ]  # fmt: skip
    total = grouped_yuan(sum(one["fen"] for one in own if one["paid"]))
    return PaperTable(
        "享受待遇", ["月份", "险种", "项目", "金额", "状态"], rows, [3],
        ["已支付合计", "", "", total, ""] if rows else [],
    )  # fmt: skip


def _application(work: Work, receipt: str) -> FiledApplication:
    found = applications_of(work.t, work.person.id)
    if receipt:
        found = [one for one in found if one.number == receipt]
    if not found:
        raise ServiceRefusedError(Code.NOT_FOUND)
    return found[-1]


def _kind(one: FiledApplication) -> str:
    return _REASONS.get(one.reason, "首次申领" if one.kind == "apply" else "补换领")


def _runs(paid: list[dict[str, Any]]) -> list[tuple[dict[str, Any], str, str, int]]:
    """Months of one insurance, unit and base that follow each other: from, to, how many."""
    same: dict[tuple[str, str, int], set[str]] = {}
    first: dict[tuple[str, str, int], dict[str, Any]] = {}
    for one in paid:
        key = (one["insurance"], one["unit"], one["base_fen"])
        same.setdefault(key, set()).add(one["period"])
        first.setdefault(key, one)
    found = []
    for key in sorted(same, key=lambda one: (one[0], min(same[one]))):
        begin = end = ""
        months = 0
        for period in sorted(same[key]):
            if end and _month_before(period) != end:
                found.append((first[key], begin, end, months))
                begin, months = "", 0
            begin, end, months = begin or period, period, months + 1
        found.append((first[key], begin, end, months))
    return found


def _month_before(month: str) -> str:
    year, number = int(month[:4]), int(month[4:])
    return f"{year:04d}{number - 1:02d}" if number > 1 else f"{year - 1:04d}12"


def _month(text: str) -> str:
    return f"{text[:4]}-{text[4:6]}"


def _day(text: str) -> str:
    return f"{date(int(text[:4]), int(text[4:6]), int(text[6:8])):%Y-%m-%d}"


def _short(code: str) -> str:
    name = Insurance(code).chinese
    for word in ("城镇职工基本", "城乡居民基本", "职工基本", "保险"):
        name = name.replace(word, "")
    return name

# SPDX-License-Identifier: Apache-2.0
"""Papers: what they say, prints and copies, signature and code; and how they are abused (T7)."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from sscard_chip.settlement.ledger import Ledger
from sscard_service import Code, ServiceActor, ServiceEvidence, ServiceRefusedError, ServiceSubject
from sscard_service.evidence import SeenDocument
from sscard_service.ivr.keypad import read_receipt
from sscard_service.papers import PaperContent, check_signature, paper_font, round_seal
from sscard_service.printing import PrintedPaper, check_paper, make_paper, print_paper
from sscard_service.records import Contribution, Participation, PensionYear, record_key
from sscard_service.store.authority import new_test_authority
from sscard_service.store.papers import find_paper, normal_code
from sscard_service.store.persons import find_person
from sscard_service.store.records import add_records
from tests.service.city import KEYS, LIN, VALID, WANG, City, make_card, photo

pytest.importorskip("weasyprint")
YUAN: Final = 100
"""Fen of a yuan."""
UNIT: Final = "虚构市第一机械厂"


@pytest.fixture
def town(tmp_path: Path) -> Any:
    """A city on SQLite; the pages are the same on any database."""
    with Ledger.open(tmp_path / "city.db") as ledger:
        yield City(ledger)


def records(city: City) -> None:
    """Two years of 林知夏: pension and medical, one month owing, one gap."""
    months = [f"{year}{month:02d}" for year in (2024, 2025, 2026) for month in range(1, 13)]
    rows: list[Any] = [
        Participation("110", "1", "20120701", UNIT), Participation("310", "1", "20120701", UNIT),
        PensionYear("2025", 96_000 * YUAN, 12, 10_000_00, 0, 7_680_00, 0, 300_00, 150_00),
    ]  # fmt: skip
    for month in months[: months.index("202602") + 1]:
        if month == "202507":
            continue
        rows.append(
            Contribution(month, month, "110", UNIT, 8_000_00, 640_00, 1_280_00, 640_00,
                         paid=month != "202512")
        )  # fmt: skip
        rows.append(Contribution(month, month, "310", UNIT, 8_000_00, 160_00, 560_00, 160_00))
    kinds: dict[Any, str] = {
        Participation: "participation",
        PensionYear: "pension",
        Contribution: "contribution",
    }
    with city.ledger.transaction() as t:
        person = find_person(t, KEYS, LIN)
        assert person is not None
        add_records(
            t, person.id,
            [(kinds[type(one)], record_key(one),
              int(getattr(one, "period", getattr(one, "year", 0))), msgspec.to_builtins(one))
             for one in rows],
        )  # fmt: skip


def said(city: City, code: str) -> PaperContent:
    """What a paper says."""
    with city.ledger.reading() as t:
        found = find_paper(t, code)
        person = find_person(t, KEYS, LIN)
        assert found is not None
        assert person is not None
        return msgspec.convert(found.content(person.key), PaperContent)


def printed(city: City, code: str) -> PrintedPaper:
    """Printed at the counter."""
    return print_paper(
        city.centre, ServiceSubject(identity=LIN), ServiceActor("clerk", "0017"), "office",
        ServiceEvidence(document=SeenDocument(LIN)), code,
    )  # fmt: skip


def words(pdf: bytes, folder: Path) -> str:
    """What is written on a PDF's pages, by poppler."""
    path = folder / "words.pdf"
    path.write_bytes(pdf)
    done = subprocess.run(
        ["pdftotext", "-layout", path, "-"], capture_output=True, check=True, timeout=60
    )
    return re.sub(r"\s+", " ", done.stdout.decode())


def test_a_rights_record_has_the_sums_of_records_and_ledger(town: City) -> None:
    records(town)
    code = town.ask("paper", details={"kind": "rights", "year": "2025"}).data["code"]
    tables = {one.title: one for one in said(town, code).tables}
    # fmt: off
    # 11 months, one of them owing for pension: 10 x 640 and 10 x 1,280; medical 11 x 160, 11 x 560
    assert tables["缴费合计"].rows == [
        ["城镇职工基本养老保险", "10", "8,000.00", "12,800.00", "6,400.00", "19,200.00",
         "1,920.00"],
        ["职工基本医疗保险", "11", "8,000.00", "6,160.00", "1,760.00", "7,920.00", "0.00"],
    ]
    # fmt: on
    assert tables["缴费合计"].sums == [
        "合计",
        "",
        "",
        "18,960.00",
        "8,160.00",
        "27,120.00",
        "1,920.00",
    ]  # fmt: skip
    months = tables["逐月缴费（单位与个人合计）"].rows
    assert [row[0] for row in months][5:8] == ["2025-06", "2025-08", "2025-09"]
    assert months[-1] == ["2025-12", UNIT, "8,000.00", "未缴", "720.00"]
    assert tables["养老保险个人账户"].rows == [
        ["10,000.00", "7,680.00", "300.00", "150.00", "18,130.00"]
    ]
    assert tables["医疗保险个人账户"].rows == [["0.00", "0.00", "0.00", "0.00"]]
    code = town.ask("paper", details={"kind": "rights", "year": "2026"}).data["code"]
    tables = {one.title: one for one in said(town, code).tables}
    assert tables["医疗保险个人账户"].rows == [["0.00", "123.45", "0.00", "123.45"]]
    assert town.ask("balance").data["balance_fen"] == 123_45


def test_a_certificate_has_runs_of_paid_months(town: City) -> None:
    records(town)
    for months, first in ((12, "2025-03"), (24, "2024-03"), (36, "2023-03")):
        wanted = {"kind": "participation", "months": months}
        content = said(town, town.ask("paper", details=wanted).data["code"])
        assert dict(content.pairs)["证明期间"] == f"{first} 至 2026-02（{months}个月）"
    rows = next(one for one in content.tables if one.title == "缴费情况").rows
    assert [row[1:6] for row in rows] == [
        ["城镇职工基本养老保险", "2024-01", "2025-06", "18", "8,000.00"],
        ["城镇职工基本养老保险", "2025-08", "2025-11", "4", "8,000.00"],
        ["城镇职工基本养老保险", "2026-01", "2026-02", "2", "8,000.00"],
        ["职工基本医疗保险", "2024-01", "2025-06", "18", "8,000.00"],
        ["职工基本医疗保险", "2025-08", "2026-02", "7", "8,000.00"],
    ]


def test_print_signature_code_and_every_changed_byte(town: City, tmp_path: Path) -> None:
    records(town)
    first = make_paper(
        town.centre, ServiceSubject(identity=LIN), ServiceActor("clerk", "0017"), "office",
        ServiceEvidence(document=SeenDocument(LIN)), "one", {"kind": "participation"},
    )  # fmt: skip
    again = make_paper(
        town.centre, ServiceSubject(identity=LIN), ServiceActor("clerk", "0017"), "office",
        ServiceEvidence(document=SeenDocument(LIN)), "one", {"kind": "participation"},
    )  # fmt: skip
    assert (first.number, first.copy, again.number, again.copy) == (1, False, 2, True)
    assert first.code == again.code
    text = words(first.pdf, tmp_path)
    assert "副本" not in text
    assert "林知夏" in text
    assert "测试专用章" in text.replace(" ", "")
    assert "副本" in words(again.pdf, tmp_path).replace(" ", "")
    for one in (first, again):
        checked = check_paper(town.centre, one.pdf)
        assert (checked.good, checked.code, checked.number) == (True, one.code, one.number)
    _changed_bytes(town, first.pdf)
    _poppler_agrees(first.pdf, tmp_path)
    _codes_are_read(first, tmp_path)


def _changed_bytes(town: City, pdf: bytes) -> None:
    assert KEYS.papers is not None
    for place in (20, len(pdf) // 3, len(pdf) // 2, len(pdf) - 60):
        changed = bytearray(pdf)
        changed[place] ^= 1
        assert not check_signature(bytes(changed), KEYS.papers.authority).good, place
        assert not check_paper(town.centre, bytes(changed)).good
    longer = check_signature(pdf + b"\n% more\n", KEYS.papers.authority)
    assert longer.problem == "has something after what was signed"
    other = check_signature(pdf, new_test_authority().authority)
    assert other.problem == "is not signed under this authority"
    for junk in (b"", b"%PDF-1.7\n", b"\0" * 1000, pdf[: len(pdf) // 2]):
        assert not check_signature(junk, KEYS.papers.authority).good


def _poppler_agrees(pdf: bytes, folder: Path) -> None:
    if shutil.which("pdfsig") is None:
        raise AssertionError("apt-get install poppler-utils")
    path = folder / "signed.pdf"
    path.write_bytes(pdf)
    done = subprocess.run(
        ["pdfsig", "-nocert", path], capture_output=True, text=True, check=True, timeout=60
    )
    assert "Signature Validation: Signature is Valid." in done.stdout
    assert "Total document signed" in done.stdout


def _codes_are_read(one: PrintedPaper, folder: Path) -> None:
    """At 150 dpi, as a cheap scanner has it."""
    import zxingcpp
    from PIL import Image

    path = folder / "scanned.pdf"
    path.write_bytes(one.pdf)
    subprocess.run(["pdftoppm", "-r", "150", "-png", path, folder / "page"], check=True, timeout=60)
    picture = Image.open(next(folder.glob("page*.png"))).convert("L")
    found = {str(code.format): code.text for code in zxingcpp.read_barcodes(picture)}
    values = set(found.values())
    assert values == {"51000001", f"http://127.0.0.1:8098/verify/{one.code}"}, found


def test_anybody_with_the_code_sees_masked_facts_and_looks_are_counted(town: City) -> None:
    records(town)
    code = town.ask("paper", details={"kind": "rights"}).data["code"]
    assert len(code) == 20
    assert 32**20 == 2**100
    shown = town.ask("verify", "", "site", receipt=code).data
    assert shown["facts"] == [
        ["姓名", "**夏"], ["社会保障号码", "990000********0017"],
        ["内容", "2025年1月 至 2025年12月"],
    ]  # fmt: skip
    assert (shown["views"], shown["prints"]) == (1, 0)
    assert town.ask("verify", "", "site", receipt=code).data["views"] == 2
    assert LIN not in str(shown)
    other = "Z" + code[1:] if code[0] != "Z" else "Y" + code[1:]
    assert town.refused("verify", "", "site", receipt=other) is Code.NOT_FOUND
    typed = code.lower().replace("0", "o").replace("1", "l")
    assert normal_code(f"{typed[:5]}-{typed[5:10]} {typed[10:]}") == code


def test_a_paper_is_its_persons_and_what_was_not_delivered_comes_as_a_copy(town: City) -> None:
    code = town.ask("paper", details={"kind": "participation"}).data["code"]
    assert town.refused("paper_print", WANG, details={"code": code}) is Code.NOT_FOUND
    assert town.refused("undelivered", details={"code": code}) is Code.NOT_FOUND
    assert printed(town, code).number == 1
    town.ask("undelivered", details={"code": code})
    assert town.refused("undelivered", details={"code": code}) is Code.ALREADY
    assert town.ask("paper_print", details={"code": code}).data["copy"] is True
    events = [one["event"] for one in town.ask("papers").data["papers"][0]["prints"]]
    assert events == ["undelivered", "begun"]


def test_what_the_font_lacks_is_refused(town: City) -> None:
    font = paper_font()
    assert font.covers("欧阳·买买提")
    lacking = next(one for one in "\u0f40\U0001f600\U000131a0" if not font.covers(one))
    town.ask(
        "rename", second_clerk="0018", details={"name": f"林{lacking}", "reason": "as in the book"}
    )
    with pytest.raises(ServiceRefusedError) as caught:
        town.ask("paper", details={"kind": "participation"})
    assert caught.value.code is Code.FORMAT
    assert caught.value.details["field"] == "姓名"
    assert town.ask("papers").data["papers"] == []


def test_a_voucher_is_of_a_running_application(town: City) -> None:
    assert town.refused("paper", details={"kind": "voucher"}) is Code.NOT_FOUND
    town.ask("formal")
    wanted = {**VALID, "reason": "lost"}
    receipt = town.ask("replace", details=wanted, photo=photo()).data["receipt"]
    content = said(town, town.ask("paper", details={"kind": "voucher"}).data["code"])
    assert content.barcode == receipt
    pairs = dict(content.pairs)
    assert (pairs["领卡日期"], pairs["有效期至"]) == ("2026-03-23", "2026-04-22")
    assert read_receipt(pairs["12333按键"].replace(" ", "")) == receipt
    make_card(town, receipt, 9, "Z00000030")
    town.ask("collect", details={"receipt": receipt})
    assert town.refused("paper", details={"kind": "voucher"}) is Code.STATE
    content = said(town, town.ask("paper", details={"kind": "progress"}).data["code"])
    assert dict(content.pairs)["当前状态"] == "已领取"


def test_twenty_papers_a_day(town: City) -> None:
    for _ in range(20):
        town.ask("paper", details={"kind": "participation"})
    assert town.refused("paper", details={"kind": "participation"}) is Code.RATE
    town.later(days=1)
    town.ask("paper", details={"kind": "participation"})


def test_the_seal_says_what_it_is_whatever_the_agency() -> None:
    seal = round_seal("<b>某局&</b>", "Noto Sans CJK SC")
    assert "测试专用章" in seal
    assert "<b>" not in seal
    assert "&lt;" in seal

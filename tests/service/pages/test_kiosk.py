# SPDX-License-Identifier: Apache-2.0
"""The self-service terminal by touch: every item of its menus, and what stays of a visitor."""

from __future__ import annotations

import base64
import re
import shutil
from contextlib import suppress
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from playwright.sync_api import Error as PlaywrightError

from sscard_chip.settlement.ledger import CardStatus
from sscard_service.pages import ITEMS
from sscard_service.store.applications import last_evidence
from sscard_service.store.persons import find_person
from tests.bench.desk import PIN
from tests.service.city import KEYS, photo
from tests.service.pages.conftest import (
    CARD,
    HOLDER,
    NEWCOMER,
    SIZES,
    Hall,
    accessible,
    confirm,
    no_overflow,
    press,
    push,
    screen,
    send_pin,
    shows,
    sign_in,
    tap,
    touch,
    type_keys,
)

ENQUIRIES = {
    "医保账户余额": "12,345.67",
    "社保卡状态": "正常",
    "参保信息": "没有记录",
    "缴费明细": "没有记录",
    "养老个人账户": "0.00",
    "医保账户明细": "12,345.67",
    "待遇发放": "没有记录",
    "个人基本信息": "990000********0012",
    "我的申请": "没有记录",
    "异地就医备案记录": "没有记录",
    "缴费单": "没有记录",
}
PASSWORD = "rain-7781"


def choose(page: Page, text: str) -> None:
    """A choice of a form by a part of its text."""
    touch(page, page.locator("label", has_text=text).first)


@pytest.mark.parametrize("size", SIZES, ids=["upright", "wide"])
def test_every_item_by_touch(chromium: Browser, hall: Hall, size: tuple[int, int]) -> None:
    touched: set[str] = set()

    def item(menu: str, text: str) -> None:
        """An item of another menu."""
        tap(page, menu)
        expect(page.locator("nav a[aria-current]")).to_have_text(menu)
        assert no_overflow(page), menu
        tap(page, text)
        touched.add(text)

    def looked_at(what: str) -> None:
        assert no_overflow(page), what
        assert accessible(page) == [], what

    with screen(chromium, size) as page:
        sign_in(page, hall)
        for text, said in ENQUIRIES.items():
            tap(page, text)
            touched.add(text)
            shows(page, said)
            assert no_overflow(page), text
            tap(page, "返回")
        item("业务查询", "卡内信息")
        type_keys(page, "pin", PIN)
        confirm(page)
        shows(page, "示例机械厂")
        shows(page, "2059")

        item("政策查询", "挂失与补换卡政策")
        shows(page, "临时挂失10日内有效")

        item("业务办理", "修改联系方式")
        type_keys(page, "phone", "19900009999")
        type_keys(page, "address", "lu")
        touch(page, page.locator("#keyboard .offers button[data-key='路']"))
        press(page, "1⌫2")
        expect(page.locator("input[name=address]")).to_have_value("路2")
        looked_at("keyboard")
        confirm(page)
        shows(page, "199****9999")
        assert hall.city.ask("person", HOLDER).data["address"] == "路2"

        item("业务办理", "设置查询密码")
        type_keys(page, "password", PASSWORD)
        confirm(page)
        shows(page, "已办理")

        paying(page, hall, item)
        away(page, hall, item)

        item("业务办理", "修改卡密码")
        for name, pin in (("pin", PIN), ("new", "246802"), ("again", "246802")):
            type_keys(page, name, pin)
        confirm(page)
        shows(page, "密码已修改")

        item("业务办理", "补领、换领社保卡")
        choose(page, "损坏换领")
        hall.camera.write_bytes(base64.b64decode(photo(top=60)))
        push(page, "拍照（模拟）")
        shows(page, "照片不合格")
        hall.camera.write_bytes(base64.b64decode(photo()))
        push(page, "拍照（模拟）")
        expect(page.locator("main img")).to_be_visible()
        expect(page.locator("input[value=damaged]")).to_be_checked()
        looked_at("photo")
        confirm(page)
        shows(page, "打印领卡证明")
        receipt = hall.city.ask("applications", HOLDER).data["applications"][0]["receipt"]
        shows(page, receipt)
        item("公共服务", "制卡进度")
        touch(page, page.locator("input[name=receipt]"))
        press(page, "⇧")
        press(page, receipt)
        confirm(page)
        shows(page, "**夏")
        item("业务办理", "撤回申请")
        confirm(page)
        shows(page, receipt)

        item("业务办理", "社保卡启用")
        confirm(page)
        expect(page.locator(".error")).to_be_visible()  # there is no new one

        item("业务办理", "申领社保卡")
        push(page, "扫描（模拟）")
        shows(page, "已扫描")
        confirm(page)
        shows(page, "已经办理")  # a card is there

        item("公共服务", "领卡证明")
        confirm(page)
        expect(page.locator(".error")).to_be_visible()  # it was withdrawn
        item("公共服务", "重新打印（副本）")
        shows(page, "查无此记录")  # nothing was printed

        item("业务办理", "临时挂失")
        confirm(page)
        shows(page, "临时挂失")
        assert status(hall) == int(CardStatus.TEMPORARY_LOSS)
        item("业务办理", "解除挂失")  # a card that is reported lost proves nothing
        confirm(page)
        shows(page, "需要更高级别")
        item("公共服务", "无卡挂失")
        shows(page, "卡号后六位")
        for text in ("社会保险权益记录单", "参保证明"):  # printed in test_printing
            item("公共服务", text)
            confirm(page)
            shows(page, "需要更高级别")
        assert status(hall) == int(CardStatus.TEMPORARY_LOSS)
        offered = {one.label.chinese for one in ITEMS if one.name != "formal"}
        assert touched == offered  # a formal report is of the counters alone

        push(page, "English")
        expect(page.locator("nav")).to_contain_text("Enquiries")
        push(page, "End")
        shows(page, "社会保障卡")


def paying(page: Page, hall: Hall, item: Any) -> None:
    """Level, bill, its withdrawal, stop: each from the next month on."""
    item("业务办理", "缴费档次选择")
    choose(page, "80%")
    confirm(page)
    shows(page, "2026-04")
    chosen = hall.city.ask("levels", HOLDER).data["chosen"]
    assert chosen == [{"insurance": "110", "level": "80", "month": "202604"}]
    item("业务办理", "生成缴费单")
    choose(page, "2026-04 — 2026-06")
    confirm(page)
    shows(page, "3,840.00")  # 3 x 20 % of 6,400
    item("业务办理", "停止缴费")
    confirm(page)
    shows(page, "已有业务正在办理")  # the months are billed
    item("业务办理", "撤销缴费单")
    confirm(page)
    shows(page, "已办理")
    item("业务办理", "停止缴费")
    confirm(page)
    shows(page, "2026-04")
    chosen = hall.city.ask("levels", HOLDER).data["chosen"][-1]
    assert (chosen["level"], chosen["month"]) == ("", "202604")
    (bill,) = hall.city.ask("bills", HOLDER).data["bills"]
    assert (bill["state"], bill["fen"]) == ("withdrawn", 384_000)
    tap(page, "业务查询")
    tap(page, "缴费单")
    shows(page, "已撤销")


def away(page: Page, hall: Hall, item: Any) -> None:
    """The own filing, one of a hospital, and the end of a filing."""
    item("业务办理", "异地就医备案")
    choose(page, "常驻异地工作")
    type_keys(page, "mdtrtarea_admdvs", "990200")
    type_keys(page, "begndate", "20260310")
    confirm(page)
    shows(page, "2026-03-10")
    item("业务办理", "结束异地就医备案")
    confirm(page)  # it has not begun
    shows(page, "已办理")
    item("业务办理", "转诊备案")
    for name, value in (("mdtrtarea_admdvs", "990200"), ("begndate", "20260311")):
        type_keys(page, name, value)
    touch(page, page.locator("input[name=reflin_medins_no]"))
    press(page, "⇧")
    press(page, "H99020000001")
    type_keys(page, "refl_date", "20260301")
    type_keys(page, "diag_name", "xin")
    touch(page, page.locator("#keyboard .offers button[data-key='心']"))
    confirm(page)
    shows(page, "2026-09-10")
    filed = hall.city.ask("filings", HOLDER).data["filings"]
    assert [(one["kind"], one["state"], one["enddate"]) for one in filed] == [
        ("posted", "withdrawn", ""), ("referral", "to come", "20260910"),
    ]  # fmt: skip


def test_whoever_has_no_card_applies_with_photo_and_document(chromium: Browser, hall: Hall) -> None:
    hall.city.ask("password", NEWCOMER, details={"password": PASSWORD})
    with screen(chromium, SIZES[1]) as page:
        page.goto(hall.address)
        push(page, "身份证（模拟）")
        type_keys(page, "identity", NEWCOMER)
        type_keys(page, "query_password", PASSWORD)
        confirm(page)
        tap(page, "业务办理")
        tap(page, "申领社保卡")
        confirm(page)
        shows(page, "请填写：身份证件影像")
        push(page, "拍照（模拟）")
        expect(page.locator("main img")).to_be_visible()
        push(page, "扫描（模拟）")
        shows(page, "已扫描")
        confirm(page)
        shows(page, "已办理")
        (one,) = hall.city.ask("applications", NEWCOMER).data["applications"]
        shows(page, one["receipt"])
        shows(page, one["phone_keys"])
        with hall.city.ledger.reading() as t:
            person = find_person(t, KEYS, NEWCOMER)
            assert person is not None
            assert last_evidence(t, person, "photo") is not None
            assert (last_evidence(t, person, "identity") or b"").startswith(b"\x89PNG")
        assert hall.kiosk.visitors.all()[0].pictures == {}
        tap(page, "业务办理")
        tap(page, "申领社保卡")
        push(page, "拍照（模拟）")
        expect(page.locator("main img")).to_be_visible()
        push(page, "结束服务")
        shows(page, "社会保障卡")
        assert nothing_left(page, hall)


def test_an_identity_card_lifts_a_report_and_a_number_shows_little(
    chromium: Browser, hall: Hall
) -> None:
    hall.city.ask("password", HOLDER, details={"password": PASSWORD})
    with screen(chromium, SIZES[1]) as page:
        page.goto(hall.address)
        push(page, "公共服务、无卡挂失")
        tap(page, "无卡挂失")
        type_keys(page, "identity", HOLDER)
        type_keys(page, "card_number", "000000")
        confirm(page)
        shows(page, "身份信息核验不通过")
        expect(page.locator("input[name=identity]")).to_have_value(HOLDER)
        type_keys(page, "card_number", 6 * "⌫" + CARD[-6:])
        confirm(page)
        shows(page, "临时挂失")
        assert nothing_kept_by_going_back(page, hall)
        push(page, "公共服务、无卡挂失")
        assert status(hall) == int(CardStatus.TEMPORARY_LOSS)
        push(page, "结束服务")
        push(page, "输入号码")
        type_keys(page, "identity", HOLDER)
        type_keys(page, "card_number", CARD[-6:])
        confirm(page)
        tap(page, "社保卡状态")
        shows(page, "临时挂失")
        tap(page, "返回")
        tap(page, "个人基本信息")
        shows(page, "需要更高级别")
        push(page, "结束服务")
        push(page, "身份证（模拟）")
        type_keys(page, "identity", HOLDER)
        type_keys(page, "query_password", PASSWORD)
        confirm(page)
        tap(page, "业务办理")
        tap(page, "解除挂失")
        confirm(page)
        shows(page, "正常")
        assert status(hall) == int(CardStatus.NORMAL)


def test_a_card_that_is_pulled_ends_the_visit_on_every_page(chromium: Browser, hall: Hall) -> None:
    pages = ("/menu/enquiry", "/do/person", "/do/contact", "/do/contents", "/sign-in/card")
    with screen(chromium, SIZES[1]) as page:
        for where in pages:
            assert "业务查询" in send_pin(page, hall)
            page.goto(hall.address + where)
            expect(page.locator("nav")).to_be_visible()
            hall.port.remove()
            page.wait_for_url(f"{hall.address}/")
            assert nothing_left(page, hall)


def test_whoever_walks_away_is_asked_and_then_forgotten(chromium: Browser, hall: Hall) -> None:
    with screen(chromium, SIZES[0]) as page:
        sign_in(page, hall)
        tap(page, "个人基本信息")
        shows(page, "990000********0012")  # the touch has reached the kiosk before its clock moves
        (hall.papers / "kept.txt").write_text("another's")
        visitor = hall.kiosk.visitors.all()[0]
        visitor.pictures["photo"] = photo()
        paper = hall.papers / "paper.pdf"
        paper.write_bytes(b"%PDF")
        visitor.prints.append(paper)
        hall.later(29)
        with page.expect_response("**/state") as told:
            pass
        assert told.value.json()["state"] == "on"
        assert not page.locator("#warning").is_visible()
        hall.later(2)
        expect(page.locator("#warning")).to_be_visible()
        assert accessible(page) == []
        with page.expect_response("**/alive"):
            touch(page, page.locator("#stay"))
        expect(page.locator("#warning")).not_to_be_visible()
        hall.later(31)
        expect(page.locator("#warning")).to_be_visible()
        second = page.context.new_page()
        second.goto(hall.address + "/do/person")
        second.close()  # another tab is the same visit, and was a touch
        hall.later(60)
        page.wait_for_url(f"{hall.address}/")
        assert not paper.exists()
        assert (hall.papers / "kept.txt").exists()
        assert visitor.pictures == {}
        assert nothing_left(page, hall)
        for again in (page.go_back, page.go_back, page.go_forward, page.reload):
            again()
            assert nothing_left(page, hall)
        other = page.context.new_page()
        other.goto(hall.address + "/do/person")
        assert nothing_left(other, hall)


def test_a_pin_that_is_wrong_too_often_is_locked(chromium: Browser, hall: Hall) -> None:
    with screen(chromium, SIZES[1]) as page:
        sign_in(page, hall, "111111")
        said = page.locator(".error").inner_text()
        left = int(re.sub(r"\D", "", said))
        assert left > 0
        for again in range(left - 1, 0, -1):
            assert f"剩余次数：{again}" in send_pin(page, hall, "111111")
        assert "卡密码已锁定" in send_pin(page, hall, "111111")
        page.goto(f"{hall.address}/sign-in/card")
        type_keys(page, "pin", PIN)
        confirm(page)
        shows(page, "卡密码已锁定")
        page.goto(hall.address + "/do/person")
        shows(page, "请证明您的身份")


def test_a_printer_without_paper_is_told_and_the_next_print_is_a_copy(
    chromium: Browser, hall: Hall
) -> None:
    shutil.rmtree(hall.papers)
    with screen(chromium, SIZES[0]) as page:
        sign_in(page, hall)
        tap(page, "公共服务")
        tap(page, "参保证明")
        choose(page, "24")
        confirm(page)
        shows(page, "文件未交付")
        (paper,) = hall.city.ask("papers", HOLDER).data["papers"]
        assert [one["event"] for one in paper["prints"]] == ["undelivered"]
        hall.papers.mkdir()
        tap(page, "公共服务")
        tap(page, "重新打印（副本）")
        confirm(page)
        shows(page, "正在打印")
        (paper,) = hall.city.ask("papers", HOLDER).data["papers"]
        assert [one["event"] for one in paper["prints"]] == ["undelivered", "made"]
        (left,) = hall.papers.iterdir()
        push(page, "结束服务")
        shows(page, "社会保障卡")
        assert not left.exists()  # nobody has taken it
        (paper,) = hall.city.ask("papers", HOLDER).data["papers"]
        assert [one["event"] for one in paper["prints"]] == ["undelivered", "undelivered"]


def nothing_kept_by_going_back(page: Page, hall: Hall) -> bool:
    """The visit ends, and no step back shows anything of it, not a form that was refused."""
    push(page, "结束服务")
    found = []
    for _ in range(4):
        with suppress(PlaywrightError):  # a form that was sent is not sent again
            page.go_back()
        found.append(nothing_left(page, hall))
    page.goto(hall.address)
    return all(found)


def nothing_left(page: Page, hall: Hall) -> bool:
    """Nothing of the holder is on the page, in the browser's stores or at the kiosk."""
    page.wait_for_load_state()
    content = page.content()
    stored: Any = page.evaluate(
        "[localStorage.length, sessionStorage.length, document.cookie.length]"
    )
    own = [one for one in page.context.cookies() if one["name"] == "visit"]
    personal = any(
        text in content for text in ("**夏", "990000********", HOLDER, CARD, NEWCOMER, "data:image")
    )
    return stored == [0, 0, 0] and own == [] and not personal and hall.kiosk.visitors.all() == []


def status(hall: Hall) -> int:
    return int(hall.city.ask("status", HOLDER).data["cards"][0]["status"])

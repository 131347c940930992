# SPDX-License-Identifier: Apache-2.0
"""The self-service terminal by touch: every item of its menus, and what stays of a visitor."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from sscard_chip.settlement.ledger import CardStatus
from tests.bench.desk import PIN
from tests.service.city import photo
from tests.service.pages.conftest import (
    CARD,
    HOLDER,
    SIZES,
    Hall,
    done,
    screen,
    sign_in,
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
}


def tap(page: Page, text: str) -> None:
    page.get_by_role("link", name=text, exact=True).tap()


def confirm(page: Page) -> None:
    page.locator("main button.main").tap()


def shows(page: Page, text: str) -> None:
    expect(page.locator("main")).to_contain_text(text)


@pytest.mark.parametrize("size", SIZES, ids=["upright", "wide"])
def test_every_item_by_touch(chromium: Browser, hall: Hall, size: tuple[int, int]) -> None:
    office = {"identity": HOLDER, "photo": photo()}
    with screen(chromium, size) as page:
        sign_in(page, hall)
        for item, text in ENQUIRIES.items():
            tap(page, item)
            shows(page, text)
            assert _no_overflow(page), item
            tap(page, "返回")
        tap(page, "卡内信息")
        type_keys(page, "pin", PIN)
        done(page)
        confirm(page)
        shows(page, "示例机械厂")
        shows(page, "2059")

        tap(page, "政策查询")
        tap(page, "挂失与补换卡政策")
        shows(page, "临时挂失10日内有效")

        tap(page, "业务办理")
        tap(page, "修改联系方式")
        type_keys(page, "phone", "19900009999")
        page.locator("input[name=address]").tap()
        for one in "lu":
            page.locator(f"#keyboard button[data-key='{one}']").tap()
        page.locator("#keyboard .offers button[data-key='路']").tap()
        for one in "1⌫2":
            page.locator(f"#keyboard button[data-key='{one}']").tap()
        expect(page.locator("input[name=address]")).to_have_value("路2")
        done(page)
        confirm(page)
        shows(page, "199****9999")
        assert hall.city.ask("person", HOLDER).data["address"] == "路2"

        tap(page, "业务办理")
        tap(page, "设置查询密码")
        type_keys(page, "password", "rain-7781")
        done(page)
        confirm(page)
        shows(page, "已办理")

        tap(page, "业务办理")
        tap(page, "缴费档次选择")
        page.locator("label", has_text="80%").tap()
        confirm(page)
        shows(page, "2026-04")
        chosen = hall.city.ask("levels", HOLDER).data["chosen"]
        assert chosen == [{"insurance": "110", "level": "80", "month": "202604"}]

        tap(page, "业务办理")
        tap(page, "修改卡密码")
        for name, pin in (("pin", PIN), ("new", "246802"), ("again", "246802")):
            type_keys(page, name, pin)
        done(page)
        confirm(page)
        shows(page, "密码已修改")

        tap(page, "业务办理")
        tap(page, "补领、换领社保卡")
        page.locator("label", has_text="损坏换领").tap()
        confirm(page)
        shows(page, "缺少证件或材料")  # no photo of the holder is there
        hall.city.ask("replace", office["identity"], photo=office["photo"],
                      details={"reason": "damaged", "document_to": "20360101"})  # fmt: skip
        receipt = hall.city.ask("applications", HOLDER).data["applications"][0]["receipt"]
        tap(page, "公共服务")
        tap(page, "制卡进度")
        page.locator("input[name=receipt]").tap()
        page.locator("#keyboard button[data-key='⇧']").tap()
        type_keys(page, "receipt", receipt)
        done(page)
        confirm(page)
        shows(page, "**夏")
        tap(page, "业务办理")
        tap(page, "撤回申请")
        confirm(page)
        shows(page, receipt)

        tap(page, "业务办理")
        tap(page, "社保卡启用")
        confirm(page)
        expect(page.locator(".error")).to_be_visible()  # there is no new one

        tap(page, "业务办理")
        tap(page, "临时挂失")
        confirm(page)
        shows(page, "临时挂失")
        assert status(hall) == int(CardStatus.TEMPORARY_LOSS)
        tap(page, "业务办理")
        tap(page, "解除挂失")
        confirm(page)
        shows(page, "需要更高级别")  # a card that is reported lost proves nothing
        tap(page, "业务办理")
        tap(page, "正式挂失")
        confirm(page)
        shows(page, "需要更高级别")
        assert status(hall) == int(CardStatus.TEMPORARY_LOSS)

        page.get_by_role("button", name="English").tap()
        expect(page.locator("nav")).to_contain_text("Enquiries")
        page.get_by_role("button", name="End").tap()
        shows(page, "社会保障卡")


def test_an_identity_card_lifts_a_report_and_a_number_shows_little(
    chromium: Browser, hall: Hall
) -> None:
    hall.city.ask("password", HOLDER, details={"password": "rain-7781"})
    with screen(chromium, SIZES[1]) as page:
        page.goto(hall.address)
        page.get_by_role("button", name="公共服务、无卡挂失").tap()
        tap(page, "无卡挂失")
        type_keys(page, "identity", HOLDER)
        type_keys(page, "card_number", CARD[-6:])
        done(page)
        confirm(page)
        shows(page, "临时挂失")
        assert status(hall) == int(CardStatus.TEMPORARY_LOSS)
        page.get_by_role("button", name="结束服务").tap()
        page.get_by_role("button", name="输入号码").tap()
        type_keys(page, "identity", HOLDER)
        type_keys(page, "card_number", CARD[-6:])
        done(page)
        confirm(page)
        tap(page, "社保卡状态")
        shows(page, "临时挂失")
        tap(page, "返回")
        tap(page, "个人基本信息")
        shows(page, "需要更高级别")
        page.get_by_role("button", name="结束服务").tap()
        page.get_by_role("button", name="身份证（模拟）").tap()
        type_keys(page, "identity", HOLDER)
        type_keys(page, "query_password", "rain-7781")
        done(page)
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
            sign_in(page, hall)
            expect(page.locator("nav")).to_be_visible()
            page.goto(hall.address + where)
            hall.port.remove()
            page.wait_for_url(f"{hall.address}/", timeout=30_000)
            assert nothing_left(page, hall)


def test_whoever_walks_away_is_asked_and_then_forgotten(chromium: Browser, hall: Hall) -> None:
    with screen(chromium, SIZES[0]) as page:
        sign_in(page, hall)
        tap(page, "个人基本信息")
        shows(page, "990000********0012")  # the touch has reached the kiosk before its clock moves
        (hall.papers / "kept.txt").write_text("another's")
        visitor = hall.kiosk.visitors.all()[0]
        paper = hall.papers / "paper.pdf"
        paper.write_bytes(b"%PDF")
        visitor.prints.append(paper)
        hall.later(29)
        page.wait_for_timeout(700)
        assert not page.locator("#warning").is_visible()
        hall.later(2)
        expect(page.locator("#warning")).to_be_visible()
        with page.expect_response("**/alive"):
            page.locator("#stay").tap()
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
        for _ in range(left):
            type_keys(page, "pin", "111111")
            done(page)
            confirm(page)
        shows(page, "卡密码已锁定")
        type_keys(page, "pin", PIN)
        done(page)
        confirm(page)
        shows(page, "卡密码已锁定")
        page.goto(hall.address + "/do/person")
        shows(page, "请证明您的身份")


def nothing_left(page: Page, hall: Hall) -> bool:
    """Nothing of the holder is on the page, in the browser's stores or at the kiosk."""
    page.wait_for_load_state()
    content = page.content()
    stored: Any = page.evaluate(
        "[localStorage.length, sessionStorage.length, document.cookie.length]"
    )
    own = [one for one in page.context.cookies() if one["name"] == "visit"]
    personal = any(text in content for text in ("**夏", "990000********", HOLDER, CARD))
    return stored == [0, 0, 0] and own == [] and not personal and hall.kiosk.visitors.all() == []


def status(hall: Hall) -> int:
    return int(hall.city.ask("status", HOLDER).data["cards"][0]["status"])


def _no_overflow(page: Page) -> bool:
    """Nothing is wider than the screen."""
    wide: bool = page.evaluate(
        "document.documentElement.scrollWidth <= innerWidth &&"
        " document.querySelector('main').scrollWidth <= document.querySelector('main').clientWidth"
    )
    return wide

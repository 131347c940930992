# SPDX-License-Identifier: Apache-2.0
"""The website, and what all pages refuse: by HTTP, and once by touch in a browser."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import pytest
from playwright.sync_api import Browser, expect

from sscard_chip.settlement.ledger import Ledger
from sscard_service.http import create_application
from sscard_service.pages import ITEMS, Site
from tests.service.city import LIN, LIN_CARD, City, photo
from tests.service.pages.conftest import (
    SIZES,
    Hall,
    confirm,
    no_overflow,
    push,
    screen,
    served,
    shows,
    tap,
    touch,
)
from tests.service.test_abuse import sent_code
from tests.service.test_level import make_flexible

PASSWORD = "rain-7781"


@dataclass
class Office:
    """A website that is served, its city and its clock."""

    city: City
    site: Site
    address: str
    clock: list[float]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with Ledger.open(str(tmp_path / "city.db")) as ledger:
        city = City(ledger)
        city.ask("password", LIN, details={"password": PASSWORD})
        clock = [0.0]
        site = Site(city.centre, seconds=lambda: clock[0])
        application = create_application(city.centre)
        application.router.routes.extend(site.routes)
        with served(application) as address:
            yield Office(city, site, address, clock)


class Client(httpx.Client):
    """A browser without eyes: follows, and sends a page's own token."""

    def __init__(self, address: str) -> None:
        super().__init__(base_url=address, follow_redirects=True, trust_env=False, timeout=60)

    def send_form(self, where: str, page: str, **fields: str) -> httpx.Response:
        hidden = dict(re.findall(r'name="(csrf|request)" value="([^"]*)"', page))
        return self.post(where, data=hidden | fields)


def sign_in(client: Client, **fields: str) -> httpx.Response:
    return client.post("/sign-in", data={"identity": LIN, "query_password": PASSWORD} | fields)


def test_a_visit_by_password_with_a_code_where_more_is_needed(office: Office) -> None:
    with Client(office.address) as client:
        menu = sign_in(client)
        assert "业务查询" in menu.text
        assert "123.45" in client.get("/do/balance").text
        refused = client.get("/do/person").text
        assert "需要更高级别" in refused
        assert "**夏" not in refused
        code_page = client.get("/code").text
        sent = client.send_form("/code/send", code_page).text
        assert "199****1234" in sent
        code = sent_code(office.city)
        wrong = client.send_form("/code", sent, phone_code=f"{(int(code) + 1) % 10**6:06d}")
        assert "身份信息核验不通过" in wrong.text
        client.send_form("/code", sent, phone_code=code)
        assert "**夏" in client.get("/do/person").text


def stronger(client: Client, office: Office) -> None:
    """A visit with a code by telephone: level 2."""
    sign_in(client)
    code_page = client.get("/code").text
    sent = client.send_form("/code/send", code_page).text
    client.send_form("/code", sent, phone_code=sent_code(office.city))


def test_a_new_card_is_applied_for_with_an_uploaded_photo(office: Office) -> None:
    office.city.ask("formal")
    with Client(office.address) as client:
        stronger(client, office)
        form = client.get("/do/replace").text
        assert 'enctype="multipart/form-data"' in form
        hidden = dict(re.findall(r'name="(csrf|request)" value="([^"]*)"', form))
        for picture, said in ((b"GIF89a" + bytes(20_000), "输入内容不符合要求"),
                              (base64.b64decode(photo()), "已办理")):  # fmt: skip
            hidden["request"] = re.findall(
                r'name="request" value="([^"]*)"', client.get("/do/replace").text
            )[0]
            sent = {"photo": ("../../me.jpg", picture, "image/jpeg")}
            answer = client.post("/do/replace", data=hidden | {"reason": "lost"}, files=sent)
            assert said in answer.text
        (one,) = office.city.ask("applications").data["applications"]
        form = client.get("/do/progress").text
        assert "**夏" in client.send_form("/do/progress", form, receipt=one["receipt"]).text
        form = client.get("/do/voucher").text
        assert "下载文件" in client.send_form("/do/voucher", form).text
        paper = client.get("/paper")
        assert paper.content.startswith(b"%PDF-")
        assert paper.headers["content-disposition"] == 'attachment; filename="paper.pdf"'


def test_what_is_uploaded_is_bounded(office: Office) -> None:
    with Client(office.address) as client:
        stronger(client, office)
        form = client.get("/do/apply").text
        hidden = dict(re.findall(r'name="(csrf|request)" value="([^"]*)"', form))
        huge = {"photo": ("a.jpg", bytes(5 * 1024 * 1024), "image/jpeg")}
        assert client.post("/do/apply", data=hidden, files=huge).status_code == 400
        many = [("photo", (f"{n}.jpg", b"x", "image/jpeg")) for n in range(40)]
        assert client.post("/do/apply", data=hidden, files=many).status_code == 400
        kind = {"Content-Type": "multipart/form-data; boundary=x"}
        for body in (
            b"",
            b"--x\r\n",
            b"--y--",
            b"--x\r\nContent-Disposition: form-data\r\n\r\n\r\n--x--",
        ):
            assert client.post("/do/apply", content=body, headers=kind).status_code == 400
    assert office.city.ask("applications").data["applications"] == []


def test_level_and_filing_on_the_site(office: Office) -> None:
    make_flexible(office.city)
    with Client(office.address) as client:
        stronger(client, office)
        form = client.get("/do/level").text
        assert "2026-04" in client.send_form("/do/level", form, level="310-2").text
        form = client.get("/do/filing").text
        away = {"kind": "retired", "mdtrtarea_admdvs": "990200", "begndate": "20260310"}
        assert "2026-03-10" in client.send_form("/do/filing", form, **away).text
        assert "异地安置退休" in client.get("/do/filings").text
        assert "310" in client.get("/do/level_stop").text
    assert office.city.ask("levels").data["chosen"][-1]["level"] == "2"


def test_a_loss_is_done_once_however_often_it_is_sent(office: Office) -> None:
    with Client(office.address) as client:
        sign_in(client)
        form = client.get("/do/loss").text
        first = client.send_form("/do/loss", form)
        again = client.send_form("/do/loss", form)
        assert "临时挂失" in first.text
        assert again.text == first.text
        assert first.url.path == "/result"
    applied = office.city.ask("status", LIN).data["cards"][0]
    assert applied["status"] == 4


@pytest.mark.parametrize(
    "fields",
    [
        {"query_password": "wrong-1"},
        {"identity": "990000197001010034"},
        {"query_password": "", "card_number": "000000"},
        {"identity": "<script>alert(1)</script>"},
        {"identity": "9" * 4000},
        {"identity": "99000019900101001"},
        {},
    ],
)
def test_whoever_cannot_prove_it_gets_no_visit(office: Office, fields: dict[str, str]) -> None:
    if not fields:
        office.city.ask("password", LIN, details={"password": "other-991"})
    with Client(office.address) as client:
        answer = sign_in(client, **fields)
        assert answer.status_code in (401, 422, 429)
        assert "<script>" not in answer.text
        assert office.site.visitors.all() == []
        assert "登录" in client.get("/do/balance").text


def test_number_and_last_six_are_enough_for_the_balance(office: Office) -> None:
    with Client(office.address) as client:
        sign_in(client, query_password="", card_number=LIN_CARD[-6:])
        assert "123.45" in client.get("/do/balance").text


def test_a_visit_ends_by_its_time_and_by_its_end(office: Office) -> None:
    with Client(office.address) as client:
        sign_in(client)
        office.clock[0] += 15 * 60 - 1
        page = client.get("/do/balance")
        assert "123.45" in page.text
        office.clock[0] += 15 * 60
        assert "123.45" not in client.get("/do/balance").text
        page = sign_in(client)
        assert client.post("/end", data={"csrf": "other"}).status_code == 400
        assert "123.45" in client.get("/do/balance").text
        ended = client.send_form("/end", page.text)
        assert "登录" in ended.text
        assert "123.45" not in client.get("/do/balance").text


def test_headers_cookies_and_addresses(office: Office) -> None:
    with Client(office.address) as client:
        client.follow_redirects = False
        answer = sign_in(client)
        cookie = answer.headers["set-cookie"]
        assert all(part in cookie for part in ("HttpOnly", "SameSite=strict", "Path=/"))
        pages = ["/menu/enquiry", "/do/balance", "/do/contact", "/static/pages.css"]
        for where in pages:
            found = client.get(where)
            assert found.status_code == 200
            assert found.headers["cache-control"] == "no-store"
            assert "default-src 'none'" in found.headers["content-security-policy"]
        assert client.get("/static/../menu.py").status_code in (400, 404)
        assert client.get("/static/menu.py").status_code == 400
        assert client.get("/v1/policy").headers["content-type"] == "application/json"
        assert client.get("/v1/nothing").json()["code"] == "NOT_FOUND"
        page = client.get("/menu/enquiry").text
        assert not re.search(r"(href|action)=\"[^\"]*(\?|\d{4})", page)


def test_a_form_of_another_page_is_refused(office: Office) -> None:
    with Client(office.address) as client:
        sign_in(client)
        form = client.get("/do/loss").text
        token = dict(re.findall(r'name="(csrf|request)" value="([^"]*)"', form))
        for changed, headers in (
            ({"csrf": ""}, {}),
            ({"csrf": "x" * 43}, {}),
            ({}, {"Sec-Fetch-Site": "cross-site"}),
            ({"more": "x" * 20_000}, {}),
        ):
            answer = client.post("/do/loss", data=token | changed, headers=headers)
            assert answer.status_code == 400, changed
        twice = f"csrf={token['csrf']}&csrf={token['csrf']}"
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        assert client.post("/do/loss", content=twice, headers=kind).status_code == 400
    assert office.city.ask("status", LIN).data["cards"][0]["status"] == 1


def test_a_kiosk_answers_to_the_machine_s_own_name_alone(hall: Hall) -> None:
    with Client(hall.address) as client:
        port = hall.address.rpartition(":")[2]
        for host, code in (
            (f"127.0.0.1:{port}", 200), (f"localhost:{port}", 200), ("localhost", 200),
            (f"evil.example:{port}", 400), ("127.0.0.1.evil.example", 400),
        ):  # fmt: skip
            assert client.get("/", headers={"Host": host}).status_code == code, host
        assert client.post("/pinyin", data={"letters": "lu"}).url.path == "/"
        assert client.get("/do/person").url.path == "/"


def test_the_site_on_a_small_screen(chromium: Browser, office: Office) -> None:
    with screen(chromium, (390, 844)) as page:
        page.goto(office.address)
        page.locator("input[name=identity]").fill(LIN)
        page.locator("input[name=query_password]").fill(PASSWORD)
        page.locator("main button.main").tap()
        page.get_by_role("link", name="医保账户余额").tap()
        expect(page.locator("main")).to_contain_text("123.45")
        wide = page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert wide
        with screen(chromium, SIZES[1]) as other:
            other.goto(office.address + "/do/balance")
            expect(other.locator("h2")).to_contain_text("登录")


WALK: Final[tuple[tuple[str, str, dict[str, str], str, str], ...]] = (
    ("业务查询", "医保账户余额", {}, "", "123.45"),
    ("业务查询", "社保卡状态", {}, "", "正常"),
    ("业务查询", "参保信息", {}, "", "没有记录"),
    ("业务查询", "缴费明细", {}, "", "没有记录"),
    ("业务查询", "养老个人账户", {}, "", "0.00"),
    ("业务查询", "医保账户明细", {}, "", "123.45"),
    ("业务查询", "待遇发放", {}, "", "没有记录"),
    ("业务查询", "个人基本信息", {}, "", "**夏"),
    ("业务查询", "我的申请", {}, "", "没有记录"),
    ("业务查询", "异地就医备案记录", {}, "", "没有记录"),
    ("业务查询", "缴费单", {}, "", "没有记录"),
    ("政策查询", "挂失与补换卡政策", {}, "", "临时挂失10日内有效"),
    ("业务办理", "修改联系方式", {"address": "虚构路2号"}, "", "已办理"),
    ("业务办理", "缴费档次选择", {}, "二档", "2026-04"),
    ("业务办理", "生成缴费单", {}, "2026-06", "1,920.00"),  # 3 x 8 % of 8,000
    ("业务办理", "撤销缴费单", {}, "", "已办理"),
    ("业务办理", "停止缴费", {}, "", "2026-04"),
    ("业务办理", "异地就医备案",
     {"mdtrtarea_admdvs": "990200", "begndate": "20260310"}, "常驻异地工作", "2026-03-10"),
    ("业务办理", "结束异地就医备案", {}, "", "已办理"),
    ("业务办理", "转诊备案",
     {"mdtrtarea_admdvs": "990200", "begndate": "20260311", "refl_date": "20260301",
      "reflin_medins_no": "H99020000001", "diag_name": "虚构的病"}, "", "2026-09-10"),
    ("业务办理", "申领社保卡", {}, "", "已经办理"),
    ("业务办理", "补领、换领社保卡", {}, "损坏换领", "打印领卡证明"),
    ("公共服务", "领卡证明", {}, "", "下载文件"),
    ("公共服务", "参保证明", {}, "24", "下载文件"),
    ("公共服务", "社会保险权益记录单", {}, "2025", "下载文件"),
    ("公共服务", "重新打印（副本）", {}, "", "下载文件"),
    ("公共服务", "制卡进度", {"receipt": "RECEIPT"}, "", "待审核"),
    ("业务办理", "撤回申请", {}, "", "已办理"),
    ("业务办理", "临时挂失", {}, "", "临时挂失"),
    ("业务办理", "解除挂失", {}, "", "正常"),
    ("业务办理", "设置查询密码", {"password": "new-rain-91"}, "", "已办理"),
    ("公共服务", "无卡挂失", {"identity": LIN, "card_number": LIN_CARD[-6:]}, "", "临时挂失"),
)  # fmt: skip
"""Menu, item, what is typed, what is chosen, what the answer says."""


def test_every_item_of_the_site_by_touch(chromium: Browser, office: Office, tmp_path: Path) -> None:
    make_flexible(office.city)
    (tmp_path / "me.jpg").write_bytes(base64.b64decode(photo()))
    (tmp_path / "card.png").write_bytes(b"\x89PNG\r\n\x1a\n and what an identity card looks like")
    with screen(chromium, (390, 844)) as page:
        page.goto(office.address)
        page.locator("input[name=identity]").fill(LIN)
        page.locator("input[name=query_password]").fill(PASSWORD)
        confirm(page)
        tap(page, "个人基本信息")
        shows(page, "需要更高级别")
        tap(page, "提供更高级别的身份证明")
        push(page, "发送验证码")
        page.locator("input[name=phone_code]").fill(sent_code(office.city))
        confirm(page)
        shows(page, "**夏")  # the item that asked for it
        for menu, label, typed, chosen, said in WALK:
            tap(page, menu)
            tap(page, label)
            if page.locator("main form.fields").count():
                for name, value in typed.items():
                    if value == "RECEIPT":
                        filed = office.city.ask("applications").data["applications"]
                        value = filed[0]["receipt"]
                    page.locator(f"input[name={name}]").fill(value)
                if chosen:
                    touch(page, page.locator("label", has_text=chosen).first)
                if page.locator("input[name=photo]").count():
                    page.locator("input[name=photo]").set_input_files(tmp_path / "me.jpg")
                if label == "申领社保卡":
                    page.locator("input[name=identity]").set_input_files(tmp_path / "card.png")
                confirm(page)
            shows(page, said)
            assert no_overflow(page), label
            if said == "下载文件":
                with page.expect_download() as saved:
                    touch(page, page.get_by_role("link", name="下载文件（PDF）"))
                assert Path(saved.value.path()).read_bytes().startswith(b"%PDF-")
        offered = {
            one.label.chinese
            for one in ITEMS
            if one.name not in ("contents", "pin", "activate", "formal")
        }
        assert {label for _, label, *_ in WALK} == offered
        push(page, "结束服务")
        shows(page, "登录")
    shown = office.city.ask("status").data["cards"][0]
    assert shown["status"] == 4

# SPDX-License-Identifier: Apache-2.0
"""Every page of the terminal and the website, in both languages and at both sizes: axe-core finds
nothing serious, nothing is cut, targets are as large as a finger, labels are in the language.

The pages are fetched by a page that is open and stand in its place, so that axe is read once for
each screen. In CI each page is looked at in one size for each language; ``SSCARD_EVERY_PAGE=1``
takes all sizes in both.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, Page

from sscard_chip.settlement.ledger import Ledger
from sscard_service.http import create_application
from sscard_service.pages import ITEMS, Site
from tests.bench.desk import PIN
from tests.service.city import VALID, City, photo
from tests.service.pages.conftest import (
    AXE,
    CARD,
    HOLDER,
    SIZES,
    Hall,
    give_records,
    identification,
    open_hall,
    screen,
    served,
    settle_in,
)
from tests.service.test_abuse import sent_code

EVERY: Final = bool(os.environ.get("SSCARD_EVERY_PAGE"))
PASSWORD: Final = "rain-7781"
SMALL: Final = (390, 844)
MENUS: Final = ("enquiry", "services", "policy", "public")
FINGER: Final = 44
"""Pixels of the smallest target."""
_STAND: Final = """async ({path, fields}) => {
  const answer = fields === null ? await fetch(path) : await fetch(path, {
    method: 'POST', body: new URLSearchParams(fields)});
  const found = new DOMParser().parseFromString(await answer.text(), 'text/html');
  document.documentElement.lang = found.documentElement.lang;
  document.title = found.title;
  document.body.replaceWith(document.adoptNode(found.body));
  return Object.fromEntries([...document.querySelectorAll('main form.fields input')]
    .filter(one => one.type !== 'file' && (one.type !== 'radio' || one.checked))
    .map(one => [one.name, one.value]));
}"""
_LOOK: Final = """async finger => {
  const found = await axe.run({resultTypes: ['violations']});
  const bad = found.violations.filter(one => ['serious', 'critical'].includes(one.impact))
    .map(one => `${one.id}: ${one.nodes[0].html}`);
  const main = document.querySelector('main');
  if (document.documentElement.scrollWidth > innerWidth) bad.push('wider than the screen');
  if (main.scrollWidth > main.clientWidth) bad.push('main is wider than its place');
  for (const one of document.querySelectorAll('a, button, label, input:not([type=hidden])')) {
    const box = one.getBoundingClientRect();
    if (!box.width || one.closest('label') !== null && one.tagName === 'INPUT') continue;
    if (box.width < finger || box.height < finger) bad.push(`small: ${one.outerHTML}`);
    if (one.scrollWidth > one.clientWidth + 1 && one.tagName !== 'INPUT')
      bad.push(`cut: ${one.outerHTML}`);
  }
  const english = document.documentElement.lang === 'en';
  const labels = 'h2, h3, th, dt, legend, .field span, nav a, button, .button, .error, .done';
  for (const one of document.querySelectorAll(labels)) {
    const text = one.textContent.trim();
    const chinese = /[\\u4e00-\\u9fff]/.test(text);
    if (one.lang || one.closest('[lang]') !== document.documentElement || !/\\p{L}/u.test(text))
      continue;
    if (english ? chinese : !chinese) bad.push(`language: ${text}`);
  }
  return bad;
}"""


@dataclass
class Looker:
    """A screen on a server, in one language; what is wrong with its pages."""

    page: Page
    address: str
    language: str
    seen: int = 0

    def __post_init__(self) -> None:
        self.page.route("**/pages.js", lambda route: route.abort())  # it would begin anew
        self.page.goto(f"{self.address}/?language={self.language}")
        self.page.evaluate(AXE)
        self.bad: dict[str, list[str]] = {}

    def look(self, path: str, fields: Mapping[str, str] | None = None) -> dict[str, str]:
        """Look at a page, or at what a form answers; the fields of its form as they stand."""
        given = None if fields is None else dict(fields)
        form: dict[str, str] = self.page.evaluate(_STAND, {"path": path, "fields": given})
        bad = self.page.evaluate(_LOOK, FINGER)
        self.seen += 1
        if bad:
            self.bad[f"{path} {sorted(fields or ())}"] = bad
        return form

    def send(self, path: str, form: Mapping[str, str], **typed: str) -> dict[str, str]:
        """Send a form that is there."""
        return self.look(path, {**form, **typed})

    def do(self, item: str, **typed: str) -> None:
        """Look at an item's form and at what comes of it."""
        self.send(f"/do/{item}", self.look(f"/do/{item}"), **typed)


def prepare(city: City) -> str:
    """Records, a level, a bill, a filing, papers, an application: something for every item."""
    give_records(city)
    for operation, details in (
        ("password", {"password": PASSWORD}), ("level", {"insurance": "110", "level": "80"}),
        ("bill", {"first": "202604", "last": "202606", "insurances": ["110"], "way": "counter"}),
        ("filing", {"kind": "posted", "mdtrtarea_admdvs": "990200", "begndate": "20260310"}),
        ("paper", {"kind": "participation", "months": 24}),
    ):  # fmt: skip
        city.ask(operation, HOLDER, details=details)
    details = {**VALID, "reason": "damaged"}
    return str(city.ask("replace", HOLDER, photo=photo(), details=details).data["receipt"])


def look_at_items(looker: Looker, receipt: str) -> None:
    """Menus, all items, refusals and results that both have."""
    for menu in MENUS:
        looker.look(f"/menu/{menu}")
    for item in ITEMS:
        looker.look(f"/do/{item.name}")
    looker.look("/do/contributions/2")
    looker.do("progress", receipt=receipt)
    looker.do("progress", receipt="ABCDEFGHJK")
    looker.do("contact", phone="19900009999")
    looker.do("contact", phone="12")
    looker.do("filing", mdtrtarea_admdvs="99", begndate="20260310")
    looker.do("report", identity=HOLDER, card_number="000000")
    looker.do("level")
    looker.do("rights")
    looker.do("voucher")
    looker.do("reprint")
    looker.do("lift")
    looker.do("loss")
    looker.look("/end", {"csrf": "of another page"})


@pytest.fixture(scope="module")
def kiosk_hall(
    tmp_path_factory: pytest.TempPathFactory, card_image: Path
) -> Iterator[tuple[Hall, str]]:
    with open_hall(tmp_path_factory.mktemp("hall"), card_image) as hall:
        yield hall, prepare(hall.city)


@pytest.fixture(scope="module")
def website(
    tmp_path_factory: pytest.TempPathFactory, card_image: Path
) -> Iterator[tuple[City, str, str]]:
    with Ledger.open(str(tmp_path_factory.mktemp("site") / "city.db")) as ledger:
        city = City(ledger)
        settle_in(city, identification(card_image))
        receipt = prepare(city)
        site = Site(city.centre, per_minute=100_000)
        application = create_application(city.centre, per_minute=100_000)
        application.router.routes.extend(site.routes)
        with served(application) as address:
            yield city, address, receipt


def screens(*pairs: tuple[tuple[int, int], str]) -> pytest.MarkDecorator:
    """Sizes and languages; all of them on request."""
    sizes = {size for size, _ in pairs}
    chosen = [(size, one) for size in sorted(sizes) for one in ("zh", "en")] if EVERY else pairs
    return pytest.mark.parametrize(
        ("size", "language"), chosen, ids=[f"{size[0]} {one}" for size, one in chosen]
    )


@screens((SIZES[0], "zh"), (SIZES[1], "en"))
def test_every_page_of_the_terminal(
    chromium: Browser, kiosk_hall: tuple[Hall, str], size: tuple[int, int], language: str
) -> None:
    hall, receipt = kiosk_hall
    hall.city.later(days=40)
    with screen(chromium, size) as page:
        looker = Looker(page, hall.address, language)
        looker.look(f"/?language={language}")
        hall.port.insert()
        looker.look(f"/?language={language}")
        form = looker.look("/begin", {"language": language, "way": "card"})
        looker.look("/sign-in/identity")
        number = looker.look("/sign-in/number")
        looker.send("/sign-in/number", number, identity=HOLDER, card_number="000000")
        form = looker.send("/sign-in/card", looker.look("/sign-in/card"), pin="111111")
        looker.send("/sign-in/card", form, pin=PIN)
        looker.do("contents", pin=PIN)
        looker.do("pin", pin=PIN, new="246802", again="246801")
        look_at_items(looker, receipt)
        looker.look("/nonsense")
        hall.port.remove()
        hall.kiosk.visitors.end_all()
        looker.look("/begin", {"language": language, "way": "card"})
        assert looker.bad == {}
        assert looker.seen > 70


@screens((SIZES[1], "zh"), (SMALL, "en"))
def test_every_page_of_the_website(
    chromium: Browser, website: tuple[City, str, str], size: tuple[int, int], language: str
) -> None:
    city, address, receipt = website
    city.later(days=40)
    with screen(chromium, size) as page:
        looker = Looker(page, address, language)
        looker.look(f"/?language={language}")
        who = {"language": language, "identity": HOLDER}
        looker.look("/sign-in", {"language": language, "way": "public"})
        looker.look("/menu/public")
        looker.look("/sign-in", {**who, "query_password": "wrong-11"})
        looker.look("/sign-in", {**who, "card_number": CARD[-6:]})
        looker.look("/do/person")
        form = looker.look("/code")
        form = looker.send("/code/send", form)
        looker.send("/code", form, phone_code="000000")
        looker.send("/code", looker.look("/code"), phone_code=sent_code(city))
        look_at_items(looker, receipt)
        looker.look("/nonsense")
        assert looker.bad == {}
        assert looker.seen > 60
        code = city.ask("papers", HOLDER).data["papers"][0]["code"]
        for where in (f"/verify/{code}", "/verify/AAAAA-AAAAA-AAAAA-AAAAA"):
            page.goto(address + where)
            page.evaluate(AXE)
            found = page.evaluate(_LOOK, FINGER)
            assert [one for one in found if not one.startswith("language")] == []

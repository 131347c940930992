# SPDX-License-Identifier: Apache-2.0
"""A kiosk and a website of the invented city, with a real Chromium before them."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from threading import Thread
from typing import Any

import msgspec
import numpy as np
import pytest
import uvicorn
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from sscard_chip.card import Card
from sscard_chip.settlement.ledger import Ledger, LedgerTransaction, register_cards
from sscard_chip.terminal.connection import Slots
from sscard_service.pages import ImagePort, Kiosk, KioskSlot
from sscard_service.records import (
    Benefit,
    Contribution,
    Insurance,
    Participation,
    PensionYear,
    Record,
    record_key,
    record_period,
)
from sscard_service.store.persons import PersonData, add_persons, find_person
from sscard_service.store.records import add_records
from tests.bench.desk import PIN, issue, psam_memory
from tests.service.city import KEYS, City, columns, photo

HOLDER = "990000200102030012"
"""Identity number of the holder of the card in the kiosk."""
CARD = "Z00000099"
NEWCOMER = "990000200506070029"
"""Identity number of somebody without a card."""
PHONE = "19900005678"
SIZES = ((1080, 1920), (1366, 768))
expect.set_options(timeout=30_000)


@dataclass
class Hall:
    """A kiosk that is served, its city, its clock and its card slot."""

    city: City
    kiosk: Kiosk
    port: ImagePort
    address: str
    papers: Path
    camera: Path
    clock: list[float] = field(default_factory=lambda: [1000.0])

    def later(self, seconds: float) -> None:
        """Move the kiosk's clock."""
        self.clock[0] += seconds


def identification(image: Path) -> str:
    """卡识别码 of a card image, hex."""
    with Card.open(image) as card:
        card.power_on()
        card.transmit(bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF"))
        return card.transmit(bytes.fromhex("00B2012800"))[2:18].hex().upper()


def settle_in(city: City, code: str) -> None:
    """The holder of the card in the kiosk, a flexible worker with some money."""

    def work(t: LedgerTransaction) -> None:
        data = PersonData(
            "林知夏", HOLDER, phone=PHONE, class_="灵活就业", insured="参保", unit="虚构街道"
        )
        new = PersonData("周新", NEWCOMER, phone="19900007777", birth_date="20050607")
        persons = [("51000099", "990100", data), ("51000098", "990100", new)]
        add_persons(t, KEYS, persons, "20260101000000")
        raw = np.frombuffer(bytes.fromhex(code), np.uint8).reshape(1, 16)
        card = replace(columns(CARD, 99, "51000099", 1_234_567), card_id_code=raw)
        register_cards(t, card, "20260101", "kiosk")

    city.ledger.run(work, exclusive=True)


def give_records(city: City) -> None:
    """Two years of everything that is shown of the holder: more than a page of contributions."""
    unit = "虚构市第一机械厂"
    rows: list[tuple[str, Record]] = [
        ("participation", Participation(one, "1", "20120701", unit)) for one in Insurance
    ]
    for month in [f"{year}{month:02d}" for year in (2024, 2025) for month in range(1, 13)]:
        rows += [
            ("contribution", Contribution(month, month, one, unit, 800_000, 64_000, 128_000))
            for one in ("110", "210", "310", "410", "510")
        ]
    for year, carried in (("2024", 1_000_000), ("2025", 1_813_000)):
        one_year = PensionYear(year, 800_000, 12, carried, 0, 768_000, 0, 30_000, 15_000)
        rows.append(("pension", one_year))
    rows.append(("benefit", Benefit("202511", "510", "生育津贴", 1_234_500)))
    rows.append(("benefit", Benefit("202512", "210", "失业保险金", 180_000, paid=False)))
    with city.ledger.transaction() as t:
        person = find_person(t, KEYS, HOLDER)
        assert person is not None
        add_records(
            t, person.id,
            [(kind, record_key(one), record_period(one), msgspec.to_builtins(one))
             for kind, one in rows],
        )  # fmt: skip


@contextmanager
def served(application: Any) -> Iterator[str]:
    """An application on a free port of this machine; its address."""
    config = uvicorn.Config(
        application, host="127.0.0.1", port=0, ws="none", lifespan="off", log_level="critical",
        timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = uvicorn.Server(config)
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    end = time.monotonic() + 20
    while not server.started and time.monotonic() < end:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(20)


@pytest.fixture(scope="session")
def card_image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The holder's card, as it was issued."""
    path = tmp_path_factory.mktemp("cards") / "card.ssc"
    Card(issue(2, "3des", card_number=CARD)).save(path)
    return path


@contextmanager
def open_hall(folder: Path, card_image: Path) -> Iterator[Hall]:
    """A kiosk with the card beside it, its files in a folder."""
    image = folder / "card.ssc"
    image.write_bytes(card_image.read_bytes())
    papers, camera, scanner = (folder / one for one in ("printer", "camera.jpg", "scan.png"))
    papers.mkdir()
    camera.write_bytes(base64.b64decode(photo()))
    scanner.write_bytes(b"\x89PNG\r\n\x1a\n and what an identity card looks like")
    with Ledger.open(str(folder / "hall.db")) as ledger:
        city = City(ledger)
        settle_in(city, identification(image))
        port = ImagePort(image)
        clock = [1000.0]
        psam = Slots.of_card(Card(psam_memory(3).copy())).contact
        slot = KioskSlot(port, psam=psam)
        with (
            Kiosk(
                city.centre,
                slot,
                papers=papers,
                camera=camera,
                scanner=scanner,
                seconds=lambda: clock[0],
            ) as kiosk,
            served(kiosk.application()) as address,
        ):
            yield Hall(city, kiosk, port, address, papers, camera, clock)


@pytest.fixture
def hall(tmp_path: Path, card_image: Path) -> Iterator[Hall]:
    """A kiosk with the card beside it."""
    with open_hall(tmp_path, card_image) as found:
        yield found


@pytest.fixture(scope="module")  # a browser that is open has a loop in this thread
def chromium() -> Iterator[Browser]:
    """Debian's Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"], headless=True
        )
        yield browser
        browser.close()


@contextmanager
def screen(chromium: Browser, size: tuple[int, int]) -> Iterator[Page]:
    """A touch screen of a size, with a browser of its own."""
    width, height = size
    context = chromium.new_context(viewport={"width": width, "height": height}, has_touch=True)
    context.set_default_timeout(30_000)  # of a machine that is busy
    page = context.new_page()
    try:
        yield page
    finally:
        context.close()


_KEYS = """() => Object.fromEntries([...document.querySelectorAll('#keyboard button')].map(one => {
  const box = one.getBoundingClientRect();
  return [one.dataset.key, [box.x + box.width / 2, box.y + box.height / 2]];
}))"""
_CENTRE = """one => {
  one.scrollIntoView({block: 'center'});
  const box = one.getBoundingClientRect();
  const x = box.x + box.width / 2, y = box.y + box.height / 2;
  const top = document.elementFromPoint(x, y);
  return one.contains(top) || (top && top.contains(one)) ? [x, y] : null;
}"""


def touch(page: Page, what: Locator) -> None:
    """A finger on the middle of something, which must lie open there."""
    at = what.evaluate(_CENTRE)
    assert at is not None, f"{what}: something lies over it"
    page.touchscreen.tap(*at)


def type_keys(page: Page, name: str, text: str) -> None:
    """Type on the page's own keyboard."""
    touch(page, page.locator(f"input[name={name}]"))
    press(page, text)


def press(page: Page, text: str) -> None:
    """Keys of the keyboard that is shown, one finger after the other."""
    page.locator("#keyboard").wait_for()
    keys = page.evaluate(_KEYS)
    for one in text:
        page.touchscreen.tap(*keys[one])


def follow(page: Page, what: Locator) -> None:
    """A finger on what leads to another page, which is there before anything else happens."""
    with page.expect_navigation(wait_until="domcontentloaded"):
        touch(page, what)


def tap(page: Page, text: str) -> None:
    """A link by its text."""
    follow(page, page.get_by_role("link", name=text, exact=True))


def push(page: Page, text: str) -> None:
    """A button of a form by its text."""
    follow(page, page.get_by_role("button", name=text))


def confirm(page: Page) -> None:
    """Put the keyboard away, and send the form."""
    if page.locator("#keyboard").is_visible():
        press(page, "✓")
    follow(page, page.locator("main button.main"))


def shows(page: Page, text: str) -> None:
    """Wait until a page says this."""
    expect(page.locator("main")).to_contain_text(text)


def sign_in(page: Page, hall: Hall, pin: str = PIN) -> None:
    """Put the card in, type the PIN."""
    page.goto(hall.address)
    push(page, "插卡（模拟）")
    follow(page, page.locator("#card:enabled"))
    type_keys(page, "pin", pin)
    confirm(page)


def send_pin(page: Page, hall: Hall, pin: str = PIN) -> str:
    """The same without fingers and with no page open, which would begin anew; what is answered."""
    page.goto("about:blank")
    hall.port.insert()
    request = page.request
    answer = request.post(f"{hall.address}/begin", form={"language": "zh", "way": "card"})
    csrf = re.findall(r'name="csrf" value="([^"]*)"', answer.text())[0]
    form = {"csrf": csrf, "pin": pin}
    return request.post(f"{hall.address}/sign-in/card", form=form).text()


def no_overflow(page: Page) -> bool:
    """Nothing is wider than the screen."""
    wide: bool = page.evaluate(
        "document.documentElement.scrollWidth <= innerWidth &&"
        " document.querySelector('main').scrollWidth <= document.querySelector('main').clientWidth"
    )
    return wide


AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")


def accessible(page: Page) -> list[str]:
    """What axe-core finds serious or critical on a page."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    found = page.evaluate("axe.run({resultTypes: ['violations']})")
    return [
        f"{one['id']}: {one['help']}: {one['nodes'][0]['html']}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]

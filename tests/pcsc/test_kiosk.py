# SPDX-License-Identifier: Apache-2.0
"""``sscard service kiosk --reader NAME``: the holder's card and the PSAM in readers of a pcscd."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from sscard_chip.card import Card
from sscard_chip.reader.pcscd import READER_NAMES, PrivateDaemon
from sscard_chip.settlement.ledger import Ledger
from tests.bench.desk import PIN, issue, psam_memory
from tests.pcsc.stack import serving
from tests.service.city import City
from tests.service.pages.conftest import CARD, identification, settle_in

pytestmark = pytest.mark.pcsc
NEW_PIN = "246802"
KEYS_OF_THE_CITY = bytes(range(32)).hex()
"""The key of tests.service.city."""


class Browser(httpx.Client):
    """Follows where pages lead, and sends their own tokens back."""

    def __init__(self, address: str) -> None:
        super().__init__(base_url=address, follow_redirects=True, trust_env=False, timeout=30)

    def send_form(self, where: str, page: str, **fields: str) -> str:
        hidden = dict(re.findall(r'name="(csrf|request)" value="([^"]*)"', page))
        return self.post(where, data=hidden | fields).text

    def sign_in(self, pin: str) -> str:
        """Begin with the card that is in, and type its PIN."""
        page = self.post("/begin", data={"language": "zh", "way": "card"}).text
        return self.send_form("/sign-in/card", page, pin=pin)

    def wait_for_card(self, *, there: bool) -> None:
        """Until the kiosk says so itself."""
        end = time.monotonic() + 20
        while self.get("/state").json()["card"] is not there:
            assert time.monotonic() < end
            time.sleep(0.05)


@pytest.fixture
def city(tmp_path: Path) -> Path:
    """A folder with a ledger, its key file, a card that it knows, and a PSAM."""
    Card(issue(3, "sm4", card_number=CARD)).save(tmp_path / "card.ssc")
    Card(psam_memory(3).copy()).save(tmp_path / "psam.ssc")
    keys = {"format": "sscard-service-keys/1", "key": KEYS_OF_THE_CITY}
    (tmp_path / "service.keys").write_text(json.dumps(keys))
    with Ledger.open(str(tmp_path / "city.db")) as ledger:
        settle_in(City(ledger), identification(tmp_path / "card.ssc"))
    return tmp_path


@contextmanager
def kiosk(daemon: PrivateDaemon, folder: Path) -> Iterator[Browser]:
    """The command, and a browser before it."""
    command = [
        sys.executable, "-m", "sscard_cli", "service", "kiosk", "--reader", READER_NAMES[0],
        "--psam-reader", "PCD 00 01", "--ledger", "city.db", "--service-keys", "service.keys",
        "--listen", "127.0.0.1:0",
    ]  # fmt: skip
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, text=True,
        env={**daemon.environment, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )  # fmt: skip
    try:
        assert process.stdout is not None
        address = process.stdout.readline().split()[-1]
        with Browser(address) as browser:
            yield browser
    finally:
        process.terminate()
        said, _ = process.communicate(timeout=20)
    assert (process.returncode, said) == (0, "ended, nothing of a visitor is kept\n")


def test_a_card_in_a_reader(daemon: PrivateDaemon, city: Path) -> None:
    slots = [f"contact:{city / name}" for name in ("card.ssc", "psam.ssc")]
    with kiosk(daemon, city) as page:
        assert "等待插卡" in page.get("/").text
        with serving(daemon, *slots):
            page.wait_for_card(there=True)
            assert "卡已插入" in page.get("/").text
            assert "卡密码错误，剩余次数" in page.sign_in("111111")
            assert "业务查询" in page.sign_in(PIN)
            assert "12,345.67" in page.get("/do/balance").text
            form = page.get("/do/contents").text
            assert "示例机械厂" in page.send_form("/do/contents", form, pin=PIN)
            form = page.get("/do/pin").text
            new = {"pin": PIN, "new": NEW_PIN, "again": NEW_PIN}
            assert "密码已修改" in page.send_form("/do/pin", form, **new)
            assert "12,345.67" in page.get("/do/balance").text
        page.wait_for_card(there=False)
        assert page.get("/do/balance").url.path == "/"  # the visit ended with the card
        with serving(daemon, *slots):
            page.wait_for_card(there=True)
            assert page.get("/do/balance").url.path == "/"
            assert "卡密码错误，剩余次数" in page.sign_in(PIN)
            assert "业务查询" in page.sign_in(NEW_PIN)
            assert "12,345.67" in page.get("/do/balance").text

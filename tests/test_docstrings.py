# SPDX-License-Identifier: Apache-2.0
"""Every example in a docstring runs and gives what it says; none may be skipped.

An example starts in a folder with ``zhang.ssc`` (a card of generation 2), ``roots.json``,
``holder.json`` and ``vectors/``. Names that it does not make itself are those of :data:`GIVEN`:
what a reader of that page has at hand already.
"""

from __future__ import annotations

import doctest
import importlib
import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from issuance.holder import Holder
from issuance.personalise import issue_card
from sscard_chip.card import Card
from sscard_chip.reader import pcscd
from sscard_chip.standard.settlement_mode import Region, SettlementMode
from sscard_chip.terminal.bank.data import AuthorisationRequest
from sscard_chip.terminal.connection import connect_card
from sscard_chip.terminal.pos import TillSettings
from tests.bank import bank, payments
from tests.bench import purse_cards
from tests.bench.blank import TRANSPORT
from tests.bench.desk import Desk
from tests.bench.issued import HOLDER, roots
from tests.bench.shop import PIN, card_memory, psam_memory
from tests.blank.plans import blank_for, card_data
from tests.vectors.cards import card_image, card_keys, holder_values

ROOT: Final = Path(__file__).resolve().parent.parent
PACKAGES: Final = ("sscard_chip", "issuance", "sscard_cli", "sscard_driver")
WITH_EXAMPLES: Final = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for package in PACKAGES
    for path in (ROOT / package).rglob("*.py")
    if ">>>" in path.read_text(encoding="utf-8")
)
ELSEWHERE: Final = {"sscard_chip.terminal.pcsc": "tests/pcsc/test_docstrings.py"}
"""Examples that need a reader, and where they run."""


def _powered(card: Card, *, contactless: bool = False) -> Any:
    connection = connect_card(card, contactless=contactless)
    connection.power_on()
    return connection


def _issued() -> Card:
    memory = issue_card(2, roots(), Holder.from_object(HOLDER), serial=bytes(4))
    return Card(memory)


def _driver() -> dict[str, Any]:
    desk = Desk(2, account={"balance_fen": 100_000})
    return {"card": desk.card, "psam": desk.psam_card, "driver": desk.driver, "roots": roots()}


def _purse() -> dict[str, Any]:
    from sscard_chip.terminal.bank.purse_host import PurseHost
    from sscard_chip.terminal.bank.purse_terminal import PurseTerminal
    from tests.purse.test_terminal import STORE, card_of

    card = card_of("3des")
    terminal = PurseTerminal(_powered(card), bytes.fromhex("112233445566"))
    terminal.select()
    terminal.verify(bytes.fromhex(purse_cards.PIN))
    time = bytes.fromhex("20240315101112")
    return {
        "card": card, "store": STORE, "terminal": terminal, "time": time,
        "host": PurseHost(STORE, "3des"),
    }  # fmt: skip


def _payment() -> dict[str, Any]:
    requests: list[AuthorisationRequest] = []
    host = payments.host()

    class Noted:
        """The bank's host, which keeps what it was asked."""

        def authorise(self, request: AuthorisationRequest) -> Any:
            requests.append(request)
            return host.authorise(request)

        def __getattr__(self, name: str) -> Any:
            return getattr(host, name)

    payments.contact(bank.issue(), Noted())
    return {
        "store": bank.bank().store, "host": payments.host(), "request": requests[0],
        "connection": _powered(bank.issue()), "pin_entry": lambda _left: bank.PIN,
    }  # fmt: skip


def _till() -> dict[str, Any]:
    region = Region("510100", SettlementMode.OFFLINE, 100_000, 10)
    return {
        "settings": TillSettings("P51010000001", region),
        "card": _powered(Card(card_memory(2, "3des").copy())),
        "psam": _powered(Card(psam_memory().copy())),
        "ask": lambda _left: PIN,
    }


def _script() -> dict[str, Any]:
    connection = _powered(Card(card_image(2)))
    return {
        "connection": connection, "keys": card_keys(2, connection.atr), "holder": holder_values(2)
    }  # fmt: skip


def _plan() -> dict[str, Any]:
    data = card_data(2, "3des")
    return {"data": data, "key": TRANSPORT, "card": blank_for(data)}


GIVEN: Final[dict[str, Callable[[], dict[str, Any]]]] = {
    "issuance.plan": _plan,
    "sscard_chip.reader.vpcd": lambda: {"card": _issued()},
    "sscard_chip.terminal.bank.host": _payment,
    "sscard_chip.terminal.bank.kernel": _payment,
    "sscard_chip.terminal.bank.purse_host": _purse,
    "sscard_chip.terminal.bank.purse_terminal": _purse,
    "sscard_chip.terminal.driver.core": _driver,
    "sscard_chip.terminal.driver.functions": _driver,
    "sscard_chip.terminal.driver.with_hsm": _driver,
    "sscard_chip.terminal.faulty": lambda: {"connection": connect_card(_issued())},
    "sscard_chip.terminal.pos.till": _till,
    "sscard_chip.terminal.recording": lambda: {"card": _issued()},
    "sscard_chip.terminal.script": _script,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the examples begin."""
    _issued().save(tmp_path / "zhang.ssc")
    roots().save(tmp_path / "roots.json")
    (tmp_path / "holder.json").write_text(json.dumps(HOLDER), encoding="utf-8")
    (tmp_path / "vectors").symlink_to(ROOT / "vectors")
    return tmp_path


def examples_of(name: str) -> list[doctest.DocTest]:
    module = importlib.import_module(name)
    return [t for t in doctest.DocTestFinder().find(module, name) if t.examples]


@pytest.mark.parametrize("name", [name for name in WITH_EXAMPLES if name not in ELSEWHERE])
def test_examples_of_a_module(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if name == "sscard_chip.reader.pcscd":
        try:
            pcscd.find_pcscd()
        except pcscd.PcscUnavailableError as error:
            pytest.skip(str(error))
    monkeypatch.chdir(folder)
    found = examples_of(name)
    assert found
    given = GIVEN[name]() if name in GIVEN else {}
    for example in found:
        example.globs = {**example.globs, **given}
        said: list[str] = []
        result = doctest.DocTestRunner().run(example, out=said.append)
        assert not result.failed, "".join(said)


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_no_example_is_skipped(name: str) -> None:
    skipped = [
        (test.name, example.source)
        for test in examples_of(name)
        for example in test.examples
        if example.options.get(doctest.SKIP)
    ]
    assert not skipped


def test_given_names_belong_to_modules_with_examples() -> None:
    assert {*GIVEN, *ELSEWHERE} <= set(WITH_EXAMPLES)
    for name in ELSEWHERE:
        assert inspect.getsource(importlib.import_module(name)).count(">>>")
        assert (ROOT / ELSEWHERE[name]).is_file()

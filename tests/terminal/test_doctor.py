# SPDX-License-Identifier: Apache-2.0
"""The doctor finds what is wrong with a card or its reader, and nothing on a whole one."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from issuance.broken import break_card
from sscard_chip.card import Card
from sscard_chip.reader.faulty import ExchangeFault, FaultAt, FaultyConnection
from sscard_chip.standard import commands
from sscard_chip.terminal.connection import EmptySlot, NotConnectedError
from sscard_chip.terminal.doctor import Health, Symptom, examine
from sscard_chip.terminal.pcsc import list_readers
from sscard_cli.main import main
from tests.bench.desk import CARD_NUMBER, CARDS, NAME, Desk, issue

HOLDERS = (NAME, "990000200102030012", CARD_NUMBER)


def not_good(connection: Any) -> list[tuple[str, str]]:
    return [
        (one.step, one.health.value) for one in examine(connection) if one.health != Health.GOOD
    ]


@pytest.mark.parametrize(("generation", "algorithm"), CARDS)
def test_a_whole_card_is_good(generation: int, algorithm: str) -> None:
    desk = Desk(generation, algorithm)
    image = desk.card.image()
    assert not_good(desk.contact) == []
    if desk.contactless is not None:
        assert not_good(desk.contactless) == []
    assert desk.card.image() == image


@pytest.mark.parametrize(
    ("broken", "step", "health", "word"),
    [
        ("pin-locked", "tries of the PIN", "bad", "unlock it"),
        ("pin-last-try", "tries of the PIN", "doubtful", "one more wrong PIN"),
        ("card-blocked", "SELECT 社会保障系统环境", "bad", "blocked for good"),
        ("environment-blocked", "SELECT 社会保障系统环境", "bad", "blocked for good"),
        ("medical-blocked", "SELECT D15600000503", "bad", "blocked for good"),
        ("serial-mismatch", "卡识别码", "bad", "authentication and TAC will fail"),
        ("city-mismatch", "卡识别码", "doubtful", "one of the two is wrong"),
        ("identification-erased", "卡识别码", "bad", "not personalised"),
        ("version-erased", "规范版本", "doubtful", "none of 1.00, 2.00, 3.00"),
        ("version-unknown", "规范版本", "doubtful", "none of 1.00, 2.00, 3.00"),
        ("dir-empty", "DIR", "doubtful", "find no application"),
    ],
)
def test_what_is_broken_is_found(broken: str, step: str, health: str, word: str) -> None:
    desk = Desk(2, memory=break_card(issue(2, "3des"), broken))
    found = [one for one in examine(desk.contact) if one.health != Health.GOOD]
    assert [(one.step, one.health.value) for one in found] == [(step, health)]
    assert word in found[0].cause


@pytest.mark.parametrize(
    ("fault", "word"),
    [
        (ExchangeFault.MUTE, "mute"),
        (ExchangeFault.SHORT, "died in the middle"),
        (ExchangeFault.REMOVED, "pulled out"),
    ],
)
@pytest.mark.parametrize("exchange", range(1, 8))
def test_a_card_that_fails_ends_the_examination(
    fault: ExchangeFault, word: str, exchange: int
) -> None:
    found = list(examine(FaultyConnection(Desk(2).contact, FaultAt(fault, exchange))))
    assert [one.health for one in found[:-1]] == [Health.GOOD] * (len(found) - 1)
    assert found[-1].health is Health.BAD
    assert word in found[-1].cause


def test_an_empty_slot() -> None:
    (only,) = examine(EmptySlot())
    assert only == Symptom(
        "power on, ATR", Health.BAD, "no card in the slot",
        "no card in the slot, or it was pulled out: put it in, contacts first",
    )  # fmt: skip


def test_random_numbers_that_repeat() -> None:
    slot = FaultyConnection(
        Desk(2).contact,
        FaultAt(
            ExchangeFault.WRONG_STATUS, command=commands.GET_CHALLENGE, times=0,
            status=bytes.fromhex("0102030405060708 9000"),
        ),
    )  # fmt: skip
    assert not_good(slot) == [("GET CHALLENGE", "bad")]


def test_a_card_of_another_kind() -> None:
    class Other:
        atr = bytes.fromhex("3B6000006A")

        def power_on(self) -> bytes:
            return self.atr

        reset = power_on

        def power_off(self) -> None:
            pass

        def transmit(self, apdu: bytes) -> bytes:
            return b"\x6a\x82"

    found = list(examine(Other()))
    assert [one.health.value for one in found] == ["doubtful", "bad"]
    assert "some other card" in found[0].cause
    assert "no social security card" in found[1].cause


def test_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "card.ssc"
    Card(issue(2, "3des")).save(path)
    assert main(["doctor", "--card", str(path)]) == 0
    shown = capsys.readouterr().out
    assert "卡识别码" in shown
    assert not [one for one in HOLDERS if one in shown]
    Card(break_card(issue(2, "3des"), "pin-locked")).save(path)
    assert main(["doctor", "--card", str(path), "--json"]) == 1
    assert '"bad": true' in capsys.readouterr().out
    assert main(["doctor", "--card", str(path), "--reader", "x"]) == 2


def service(*names: str, result: int = 0) -> Any:
    return SimpleNamespace(
        SCARD_SCOPE_USER=0, SCARD_S_SUCCESS=0, SCARD_STATE_UNAWARE=0, SCARD_STATE_PRESENT=0x20,
        SCardEstablishContext=lambda scope: (result, 7),
        SCardListReaders=lambda context, groups: (0 if names else 1, list(names)),
        SCardGetStatusChange=lambda context, timeout, asked: (
            0, [(name, 0x20 if number == 0 else 0x10, []) for number, (name, _) in enumerate(asked)]
        ),
        SCardGetErrorMessage=lambda code: "Service not available.",
        SCardReleaseContext=lambda context: 0,
    )  # fmt: skip


def test_readers_are_listed() -> None:
    assert list_readers(service("A 00 00", "A 00 01")) == [("A 00 00", True), ("A 00 01", False)]
    assert list_readers(service()) == []
    with pytest.raises(NotConnectedError, match="Service not available"):
        list_readers(service(result=1))

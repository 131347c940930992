# SPDX-License-Identifier: Apache-2.0
"""The suite over PC/SC: a card in a reader that watches what is done to it."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sscard_chip.card import Card
from sscard_chip.reader.control import ReaderControl
from sscard_chip.reader.image import ImageInSlot
from sscard_chip.reader.pcscd import READER_NAMES, PrivateDaemon
from sscard_chip.reader.vpcd import VirtualReader
from tests.bench.issued import roots
from tests.bench.shop import PIN
from tests.pcsc.stack import run_program, wait_for_card
from tests.terminal.conformance.judged import Heard, issued

pytestmark = pytest.mark.pcsc

COSTS_A_TRY = {0x20, 0x82, 0x5E, 0x24, 0x16, 0x1E}
CHANGES = {0xDC, 0xD6, 0xE2, 0x2C, 0x2A, 0xD4, 0xE0, 0x28}
READ_LEVEL_S = 20.0


@contextmanager
def watched(daemon: PrivateDaemon, card: Any) -> Iterator[Heard]:
    heard = Heard(card)
    wait_for_card(0, present=False)  # pcscd may not have seen yet that the last one has gone
    with VirtualReader([heard], daemon.host, daemon.port):
        wait_for_card(0)
        yield heard
    wait_for_card(0, present=False)


def judge(daemon: PrivateDaemon, folder: Path, *options: str, ok: bool = True) -> dict[str, Any]:
    """Run the command over PC/SC; its report."""
    report = folder / "report.json"
    run_program(
        daemon, sys.executable, "-m", "sscard_cli", "conformance", "run", "--reader",
        READER_NAMES[0], "--json-out", str(report), "--force", *options, ok=ok,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(report.read_bytes())
    return found


@pytest.mark.parametrize("generation", [2, 3])
def test_the_read_level_is_quick_and_costs_nothing(
    daemon: PrivateDaemon, tmp_path: Path, generation: int
) -> None:
    from sscard_chip.reader.interface import ContactInterface

    card = Card(issued(generation, "sm4" if generation == 3 else "3des").copy())
    before = bytes(card.files.memory.cells)
    with watched(daemon, ContactInterface(card)) as heard:
        began = time.monotonic()
        report = judge(daemon, tmp_path)
        seconds = time.monotonic() - began
    assert report["passed"], [one for one in report["cases"] if one["verdict"] == "fail"]
    assert report["counts"]["error"] == 0
    assert report["counts"]["pass"] > 300
    assert seconds < READ_LEVEL_S
    assert len(heard.commands) > 1000
    for command in heard.commands:
        assert command[1] not in COSTS_A_TRY or len(command) <= 5, command[:5].hex()
        assert command[1] not in CHANGES, command[:5].hex()
        assert bytes.fromhex(PIN) not in command
    assert bytes(card.files.memory.cells) == before


def test_power_is_cut_by_the_hands_of_the_reader(daemon: PrivateDaemon, tmp_path: Path) -> None:
    image = tmp_path / "card.ssc"
    Card(issued(2).copy()).save(image)
    keys = tmp_path / "roots.json"
    roots().save(keys)
    socket = tmp_path / "hands.sock"
    wait_for_card(0, present=False)
    with (
        ImageInSlot(image) as card,
        VirtualReader([card], daemon.host, daemon.port) as reader,
        ReaderControl(reader, socket),
    ):
        wait_for_card(0)
        own = card.atr[-8:].hex().upper()
        report = judge(
            daemon, tmp_path, "--generation", "2", "--keys", str(keys), "--pin", PIN, "--level",
            "destructive", "--destroy", own, "--control", str(socket), "--only",
            "SSC-6001.2-PULLOUT-DEBIT",
        )  # fmt: skip
    wait_for_card(0, present=False)
    verdicts = {one["verdict"] for one in report["cases"]}
    assert verdicts == {"pass"}, report["cases"]

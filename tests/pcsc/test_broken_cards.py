# SPDX-License-Identifier: Apache-2.0
"""Faults and hands of the virtual reader as a PC/SC program sees them (pyscard, opensc-tool)."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sscard_chip.memory.cut import Kept
from sscard_chip.reader import VirtualReader
from sscard_chip.reader.control import ask_reader
from sscard_chip.reader.faulty import ExchangeFault, FaultAt, FaultyConnection
from sscard_chip.reader.image import ImageInSlot
from sscard_chip.reader.pcscd import READER_NAMES, PrivateDaemon
from sscard_chip.standard import commands
from tests.bench.desk import Desk
from tests.pcsc.stack import ROOT, run_program, wait_for_card

pytestmark = pytest.mark.pcsc

SELECT = "00A404000F7378312E73682EC9E7BBE1B1A3D5CF"
CHALLENGE = "0084000008"


class Client:
    """A program with a card connection, by the plain calls of winscard."""

    def __init__(self, slot: int = 0) -> None:
        from smartcard import scard

        self.scard: Any = scard
        result, self.context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
        assert result == scard.SCARD_S_SUCCESS
        self.name = READER_NAMES[slot]
        self.card: Any = None

    def connect(self) -> None:
        result, self.card, self.protocol = self.scard.SCardConnect(
            self.context,
            self.name,
            self.scard.SCARD_SHARE_SHARED,
            self.scard.SCARD_PROTOCOL_T0 | self.scard.SCARD_PROTOCOL_T1,
        )
        assert result == self.scard.SCARD_S_SUCCESS, hex(result)

    def transmit(self, command: str) -> tuple[int, str]:
        result, answer = self.scard.SCardTransmit(
            self.card, self.protocol, list(bytes.fromhex(command))
        )
        return result, bytes(byte & 0xFF for byte in answer).hex()

    def reconnect(self) -> int:
        result, self.protocol = self.scard.SCardReconnect(
            self.card,
            self.scard.SCARD_SHARE_SHARED,
            self.scard.SCARD_PROTOCOL_T0 | self.scard.SCARD_PROTOCOL_T1,
            self.scard.SCARD_RESET_CARD,
        )
        return int(result)

    def recover(self) -> str:
        """SELECT by a connection that works again and goes on to, as after an error.

        pcscd believes a reconnection at once, but looks for the card by itself every 0.4 s only,
        and then the reconnection counts for nothing.
        """
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.reconnect() == 0 and self.transmit(SELECT)[1]:
                time.sleep(1)
                result, answer = self.transmit(SELECT)
                if result == 0 and answer:
                    return answer
            time.sleep(0.05)
        raise TimeoutError("the card does not come back")

    def state(self, timeout_ms: int = 0, known: int | None = None) -> int:
        """The state of the slot, waited for when it is to differ from ``known``."""
        asked = self.scard.SCARD_STATE_UNAWARE if known is None else known
        result, states = self.scard.SCardGetStatusChange(
            self.context, timeout_ms, [(self.name, asked)]
        )
        assert result == self.scard.SCARD_S_SUCCESS, hex(result)
        return int(states[0][1])

    def close(self) -> None:
        if self.card is not None:
            self.scard.SCardDisconnect(self.card, self.scard.SCARD_LEAVE_CARD)
        self.scard.SCardReleaseContext(self.context)


@pytest.fixture
def desk() -> Desk:
    return Desk(2)


@contextmanager
def serving(daemon: PrivateDaemon, *slots: Any) -> Iterator[VirtualReader]:
    with VirtualReader(slots, port=daemon.port, max_delay_s=0.1) as reader:
        for number, slot in enumerate(slots):
            if slot is not None:
                wait_for_card(number)
        yield reader
    for number in range(len(slots)):
        wait_for_card(number, present=False)


@contextmanager
def client(slot: int = 0) -> Iterator[Client]:
    one = Client(slot)
    try:
        yield one
    finally:
        one.close()


def test_wrong_status_and_slow_answer(daemon: PrivateDaemon, desk: Desk) -> None:
    with serving(daemon, desk.contact) as reader, client() as program:
        program.connect()
        reader.arm(
            0,
            FaultAt(ExchangeFault.WRONG_STATUS, command=commands.GET_CHALLENGE, status=b"\x6a\x81"),
            FaultAt(ExchangeFault.SLOW, command=commands.SELECT, delay_s=0.5),
        )
        assert program.transmit(CHALLENGE) == (0, "6a81")
        started = time.monotonic()
        assert program.transmit(SELECT)[1].startswith("61")
        assert time.monotonic() - started >= 0.5
        result, answer = program.transmit(CHALLENGE)
        assert (result, len(answer), answer[-4:]) == (0, 20, "9000")


def test_a_short_answer_arrives_as_one_byte(daemon: PrivateDaemon, desk: Desk) -> None:
    with serving(daemon, desk.contact) as reader, client() as program:
        program.connect()
        reader.arm(0, FaultAt(ExchangeFault.SHORT, command=commands.SELECT))
        assert program.transmit(SELECT) == (0, "61")
        assert program.transmit(SELECT)[1].startswith("61")
        assert len(program.transmit(SELECT)[1]) == 4


def test_a_mute_card_gives_nothing_after_its_time(daemon: PrivateDaemon, desk: Desk) -> None:
    with serving(daemon, desk.contact) as reader, client() as program:
        program.connect()
        reader.arm(0, FaultAt(ExchangeFault.MUTE, command=commands.SELECT, delay_s=0.7))
        started = time.monotonic()
        _, answer = program.transmit(SELECT)
        assert time.monotonic() - started >= 0.7
        assert answer == ""
        assert reader.contents[0].present
        assert program.recover().startswith("61")


def test_the_program_sees_the_card_go_and_come(daemon: PrivateDaemon, desk: Desk) -> None:
    present, empty = 0x20, 0x10
    with serving(daemon, desk.contact) as reader, client() as program:
        program.connect()
        known = program.state()
        assert known & present
        threading.Timer(0.2, reader.remove, (0,)).start()
        gone = program.state(60_000, known)
        assert gone & empty
        assert not gone & present
        assert program.transmit(SELECT)[0] != 0
        threading.Timer(0.2, reader.insert, (0,)).start()
        assert program.state(60_000, gone & 0xFFFF) & present
        program.connect()
        assert program.transmit(SELECT)[1].startswith("61")


def test_a_removal_in_the_middle_of_a_command(daemon: PrivateDaemon, desk: Desk) -> None:
    with serving(daemon, desk.contact) as reader, client() as program:
        program.connect()
        reader.arm(0, FaultAt(ExchangeFault.REMOVED, 2))
        assert program.transmit(SELECT)[1].startswith("61")
        assert program.transmit(CHALLENGE)[1] == ""
        wait_for_card(0, present=False)
        assert not reader.contents[0].present
        reader.insert(0)
        wait_for_card(0)
        assert program.state() & 0x20


def test_a_faulty_connection_of_ones_own(daemon: PrivateDaemon, desk: Desk) -> None:
    slot = FaultyConnection(desk.contact, FaultAt(ExchangeFault.SHORT, 1))
    with serving(daemon, slot), client() as program:
        program.connect()
        assert program.transmit(SELECT) == (0, "61")


@pytest.mark.parametrize("kept", list(Kept))
def test_power_cut_in_a_write_leaves_the_card_as_before_or_after(
    daemon: PrivateDaemon, desk: Desk, tmp_path: Path, kept: Kept
) -> None:
    """A wrong PIN costs a try when its write arrived, and none when it did not."""
    path = tmp_path / "card.ssc"
    desk.card.save(path)
    with ImageInSlot(path) as card, serving(daemon, card) as reader, client() as program:
        program.connect()
        program.transmit(SELECT)
        before = int(program.transmit("0020000000")[1][3], 16)
        reader.arm(0, FaultAt(ExchangeFault.POWER_CUT, command=commands.VERIFY, write=1, kept=kept))
        assert program.transmit("0020000003999999")[1] == ""
        program.recover()
        after = int(program.transmit("0020000000")[1][3], 16)
        # a commit is written twice over: half of it may be one whole copy
        assert before - after in {Kept.NONE: {0}, Kept.HALF: {0, 1}, Kept.ALL: {1}}[kept]


@pytest.mark.usefixtures("programs")
def test_opensc_tool_reports_what_the_card_does(daemon: PrivateDaemon, desk: Desk) -> None:
    tool = ("opensc-tool", "-r", "0", "-c", "default", "-s", SELECT)
    with serving(daemon, desk.contact) as reader:
        reader.arm(
            0, FaultAt(ExchangeFault.WRONG_STATUS, command=commands.SELECT, status=b"\x6a\x82",
                       times=0)
        )  # fmt: skip
        assert "SW1=0x6A, SW2=0x82" in run_program(daemon, *tool, ok=False)
        reader.disarm(0)
        reader.arm(0, FaultAt(ExchangeFault.MUTE, command=commands.SELECT, times=0, delay_s=0.1))
        broken = run_program(daemon, *tool, ok=False)
        assert "SW1=0x90" not in broken
        assert "SW1=0x61" not in broken


def test_serve_with_a_control_socket(daemon: PrivateDaemon, desk: Desk, tmp_path: Path) -> None:
    """By the commands that a user types: an empty reader, a card put in, muted, swapped, gone."""
    card, psam, control = tmp_path / "card.ssc", tmp_path / "psam.ssc", tmp_path / "r.sock"
    desk.card.save(card)
    assert desk.psam_card is not None
    desk.psam_card.save(psam)
    scenario = tmp_path / "mute.toml"
    scenario.write_text(
        'format = "sscard-scenario/1"\n'
        '[[faults]]\nfault = "mute"\ncommand = "SELECT"\nseconds = 0\n'
    )
    sscard = [sys.executable, "-m", "sscard_cli"]

    def run(*arguments: str) -> str:
        return subprocess.run(
            [*sscard, *arguments], cwd=ROOT, check=True, capture_output=True, text=True
        ).stdout

    process = subprocess.Popen(
        [
            *sscard, "serve", "-", "--slot", str(psam), "--control", str(control),
            "--vpcd", f"127.0.0.1:{daemon.port}",
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    try:
        wait_for_card(1)
        wait_for_card(0, present=False)
        assert control.stat().st_mode & 0o777 == 0o600
        inserted = run("reader", "insert", "--control", str(control), str(card))
        assert "card.ssc" in inserted
        wait_for_card(0)
        with client() as program:
            program.connect()
            assert program.transmit(SELECT)[1].startswith("61")
            assert "mute" in run("reader", "fault", str(scenario), "--control", str(control))
            assert program.transmit(SELECT)[1] == ""
        run("reader", "swap", "--control", str(control))
        wait_for_card(1)
        states = ask_reader(control, {"do": "status"})
        assert [Path(one["card"]).name for one in states] == ["psam.ssc", "card.ssc"]
        run("reader", "remove", "--control", str(control), "--slot", "2")
        wait_for_card(1, present=False)
        assert "规范版本 2.00" in run("info", str(card))
    finally:
        process.terminate()
        process.wait(10)
    assert not control.exists()
    wait_for_card(0, present=False)

# SPDX-License-Identifier: Apache-2.0
"""``sscard serve`` as a process of its own, against the socket of a vpcd played by the test."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import usbip
from usbip.transport import USBIP

from sscard_chip import Card
from sscard_chip.reader.framing import FrameSocket
from tests.ports import free_port
from tests.reader.fake_qemu import FakeQemu

POWER_ON, GET_ATR = b"\x01", b"\x04"
SELECT = bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF")
WRONG_PIN = bytes.fromhex("0020000003999999")


@contextmanager
def served(card: Path, *options: str) -> Iterator[tuple[FrameSocket, subprocess.Popen[str]]]:
    """Run the command and accept its connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(20)
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        command = [sys.executable, "-m", "sscard_cli", "serve", str(card), "--vpcd", address]
        process = subprocess.Popen(
            [*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            connected, _ = listener.accept()
            with connected:
                connected.settimeout(20)
                yield FrameSocket(connected), process
        finally:
            process.kill()
            process.wait()


def ask(reader: FrameSocket, payload: bytes) -> bytes:
    reader.send(payload)
    return reader.receive()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("durability", ["memory", "os", "disk"])
def test_the_card_keeps_what_it_answered_when_the_reader_ends(
    number: signal.Signals, durability: str, issue: Callable[..., Path]
) -> None:
    path = issue(2)
    with served(path, "--durability", durability) as (reader, process):
        assert ask(reader, GET_ATR)[:4] == bytes.fromhex("3B6D0000")
        reader.send(POWER_ON)
        assert ask(reader, SELECT)[0] == 0x61
        answer = ask(reader, WRONG_PIN)
        process.send_signal(number)
        output, errors = process.communicate(timeout=20)
    assert process.returncode == 0, errors
    assert output.endswith("ended, cards saved\n")
    with Card.open(path) as card:
        pin = next(d.pin for d in card.files.directories if d.pin)
        assert answer == bytes((0x63, 0xC0 | pin.retry_counter))


def test_events_as_json_and_a_trace_without_secrets(issue: Callable[..., Path]) -> None:
    with served(issue(3), "--interface", "contactless", "--json", "--trace") as (reader, process):
        atr = ask(reader, GET_ATR)
        reader.send(POWER_ON)
        assert ask(reader, SELECT)[-2:] == b"\x90\x00"
        ask(reader, WRONG_PIN)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=20)
    events = [json.loads(line) for line in output.splitlines()]
    assert atr.hex().upper() in events[0]["event"]
    assert [event["event"] for event in events[1:]] == ["connected", "disconnected"]
    assert "VERIFY" in errors
    assert "999999" not in errors


def test_a_reader_of_one_kind_at_a_time(issue: Callable[..., Path]) -> None:
    command = [sys.executable, "-m", "sscard_cli", "serve", str(issue(2))]
    done = subprocess.run(
        [*command, "--qemu", "127.0.0.1:9", "--usbip"],
        capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (
        2,
        "sscard: error: one of --vpcd, --qemu and --usbip\n",
    )


def test_a_card_in_qemu_s_reader(issue: Callable[..., Path]) -> None:
    command = [sys.executable, "-m", "sscard_cli", "serve", str(issue(2))]
    with FakeQemu() as qemu:
        process = subprocess.Popen(
            [*command, "--qemu", f"127.0.0.1:{qemu.port}"], stdout=subprocess.PIPE, text=True
        )
        try:
            assert qemu.begin()[:4] == bytes.fromhex("3B6D0000")
            assert qemu.ask(SELECT.hex())[:2] == "61"
            process.send_signal(signal.SIGTERM)
            output, _ = process.communicate(timeout=20)
        finally:
            process.kill()
            process.wait()
    assert f"QEMU at 127.0.0.1:{qemu.port}\n" in output
    assert output.endswith("ended, cards saved\n")


def test_a_card_over_usbip(issue: Callable[..., Path]) -> None:
    command = [sys.executable, "-m", "sscard_cli", "serve", str(issue(3)), "--json"]
    port = free_port()
    process = subprocess.Popen(
        [*command, "--usbip", f"127.0.0.1:{port}"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())
        assert first["event"].endswith(f"USB/IP at 127.0.0.1:{port} bus 1-1")
        handle = usbip.open(0x08E6, 0x4433, transport=USBIP("127.0.0.1", port))
        handle.bulk_out(1, bytes.fromhex("62000000000001000000"))
        assert handle.bulk_in(0x82, 271)[10:14] == bytes.fromhex("3B6D0000")
        handle.close()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
        assert process.returncode == 0
    finally:
        process.kill()
        process.wait()


def test_a_recording_in_the_reader(issue: Callable[..., Path], tmp_path: Path) -> None:
    recording = tmp_path / "card.json"
    sscard = [sys.executable, "-m", "sscard_cli"]
    done = subprocess.run(
        [*sscard, "record", "--card", str(issue(2)), "--out", str(recording)],
        timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    with FakeQemu() as qemu:
        process = subprocess.Popen(
            [*sscard, "serve", "--recording", str(recording), "--qemu", f"127.0.0.1:{qemu.port}"]
        )
        try:
            assert qemu.begin()[:4] == bytes.fromhex("3B6D0000")
            assert qemu.ask(SELECT.hex()) == "6118"
            assert len(qemu.ask("00B2072C0B")) == 2 * 13
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
        finally:
            process.kill()
            process.wait()


def test_a_fault_on_the_command_line(issue: Callable[..., Path], tmp_path: Path) -> None:
    control = tmp_path / "r.sock"
    fault = "wrong-status command=SELECT status=6A81"
    with served(issue(2), "--fault", fault, "--control", str(control)) as (reader, _):
        reader.send(POWER_ON)
        assert ask(reader, SELECT) == b"\x6a\x81"
        assert ask(reader, SELECT)[0] == 0x61
        command = [sys.executable, "-m", "sscard_cli", "reader", "fault", "--control", str(control)]
        subprocess.run([*command, "--fault", "short at=2"], check=True, timeout=30)
        assert ask(reader, SELECT)[0] == 0x61
        assert ask(reader, SELECT) == b"\x61"
        missing = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        assert missing.stderr == "sscard: error: a SCENARIO or --fault\n"

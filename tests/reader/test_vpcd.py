# SPDX-License-Identifier: Apache-2.0
"""The virtual reader against a vpcd that the test plays itself."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from sscard_chip.reader import ContactInterface, ReaderEvent, VirtualReader, serve
from tests.reader.fake_vpcd import (
    GET_ATR,
    POWER_OFF,
    POWER_ON,
    RESET,
    FakeVpcd,
    frame,
    two_ports,
)
from tests.reader.toy_card import ATR, FCI, HISTORICAL, NAME, RECORDS, ToyCard

SELECT = f"00a404000f{NAME.hex()}"


@pytest.fixture
def card() -> ToyCard:
    return ToyCard()


@pytest.fixture
def vpcd(card: ToyCard) -> Iterator[FakeVpcd]:
    with FakeVpcd() as fake, VirtualReader([ContactInterface(card)], port=fake.port):
        yield fake


def eventually(condition: Callable[[], bool], seconds: float = 60.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def test_atr_is_answered_while_the_card_is_off(vpcd: FakeVpcd, card: ToyCard) -> None:
    assert vpcd.ask(GET_ATR) == ATR
    assert card.power_log == []


def test_power_cycle(vpcd: FakeVpcd, card: ToyCard) -> None:
    for control in (POWER_ON, RESET, POWER_OFF, POWER_ON):
        vpcd.control(control)
    assert vpcd.ask(GET_ATR) == ATR
    assert card.power_log == ["on", "reset", "off", "on"]


def test_commands_are_answered_as_t0(vpcd: FakeVpcd) -> None:
    vpcd.control(POWER_ON)
    assert vpcd.ask_hex(SELECT) == "6118"
    assert vpcd.ask_hex("00c0000018") == FCI.hex() + "9000"
    assert vpcd.ask_hex("00b2010400") == "6c12"
    assert vpcd.ask_hex("00b2010412") == RECORDS[0].hex() + "9000"


def test_power_on_and_get_atr_in_one_segment(vpcd: FakeVpcd) -> None:
    vpcd.raw(frame(POWER_ON) + frame(GET_ATR) + frame(bytes.fromhex("00B2020403")))
    assert vpcd.answer() == ATR
    assert vpcd.answer() == RECORDS[1] + b"\x90\x00"


def test_a_frame_in_many_segments(vpcd: FakeVpcd) -> None:
    vpcd.control(POWER_ON)
    for byte in frame(bytes.fromhex("00B2020403")):
        vpcd.raw(bytes((byte,)))
        time.sleep(0.002)
    assert vpcd.answer() == RECORDS[1] + b"\x90\x00"


@pytest.mark.parametrize("command", ["", "03", "05", "ff", "00a4", "00b201"])
def test_commands_too_short_are_answered_6700(vpcd: FakeVpcd, command: str) -> None:
    vpcd.control(POWER_ON)
    assert vpcd.ask_hex(command) == "6700"


def test_longest_command(vpcd: FakeVpcd, card: ToyCard) -> None:
    vpcd.control(POWER_ON)
    command = bytes.fromhex("00EE0000") + bytes(0xFFFF - 4)
    assert vpcd.ask(command).hex() == "6f00"
    assert card.log[-1] == command


def test_a_fault_of_the_card_is_answered_and_logged_without_data(
    vpcd: FakeVpcd, caplog: pytest.LogCaptureFixture
) -> None:
    vpcd.control(POWER_ON)
    assert vpcd.ask_hex("00ee000003123456") == "6f00"
    assert vpcd.ask_hex("00e0000003123456") == "6f00"
    assert vpcd.ask_hex(SELECT) == "6118"
    assert "00EE0000" in caplog.text
    assert "123456" not in caplog.text
    assert "secret" not in caplog.text


def test_a_command_without_power_is_answered(vpcd: FakeVpcd) -> None:
    assert vpcd.ask_hex(SELECT) == "6f00"
    vpcd.control(POWER_ON)
    assert vpcd.ask_hex(SELECT) == "6118"


class _Broken:
    """A connection on which everything fails but the first look at the ATR."""

    def __init__(self, answer: bytes | None = None) -> None:
        self.looks = 0
        self.answer = answer

    @property
    def atr(self) -> bytes:
        self.looks += 1
        if self.looks > 1:
            raise OSError("memory")
        return ATR

    def power_on(self) -> bytes:
        raise RuntimeError("secret")

    reset = power_on

    def power_off(self) -> None:
        raise RuntimeError("secret")

    def transmit(self, apdu: bytes) -> bytes:
        if self.answer is None:
            raise RuntimeError("secret")
        return self.answer


@pytest.mark.parametrize("answer", [None, b"", b"\x90", bytes(0x10000)])
def test_the_slot_survives_a_connection_that_only_fails(
    answer: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    with FakeVpcd() as vpcd, VirtualReader([_Broken(answer)], port=vpcd.port):
        for _ in range(2):
            for control in (POWER_ON, RESET, POWER_OFF):
                vpcd.control(control)
            assert vpcd.ask(GET_ATR) == ATR
            assert vpcd.ask_hex("00b2010400") == "6f00"
    assert "RuntimeError at test_vpcd.py" in caplog.text
    assert "secret" not in caplog.text


def test_a_restarted_vpcd_finds_the_card_again_powered_off(card: ToyCard) -> None:
    with FakeVpcd() as vpcd, VirtualReader([ContactInterface(card)], port=vpcd.port):
        port = vpcd.port
        for _ in range(3):
            vpcd.control(POWER_ON)
            assert vpcd.ask_hex(SELECT) == "6118"
            vpcd.eject()
            assert eventually(lambda: card.power_log[-1] == "off")
            vpcd.__exit__(None, None, None)
            time.sleep(0.06)
            vpcd = FakeVpcd(port)
            assert vpcd.ask(GET_ATR) == ATR
            assert vpcd.ask_hex("00c0000018") == "6f00"
        vpcd.__exit__(None, None, None)


def test_a_connection_cut_in_the_middle_of_a_frame(card: ToyCard) -> None:
    with FakeVpcd() as vpcd, VirtualReader([ContactInterface(card)], port=vpcd.port):
        vpcd.raw(b"\x00\x05\x00\xb2")
        vpcd.eject()
        vpcd.control(POWER_ON)
        assert vpcd.ask_hex("00b2010412") == RECORDS[0].hex() + "9000"
    assert [c.hex() for c in card.log] == ["00b2010412"]


def test_a_vpcd_that_starts_later_is_found(card: ToyCard, caplog: pytest.LogCaptureFixture) -> None:
    with FakeVpcd() as reserved:
        port = reserved.port
    with VirtualReader([ContactInterface(card)], port=port, max_delay_s=0.1):
        assert eventually(lambda: "no vpcd at 127.0.0.1" in caplog.text)
        time.sleep(0.3)
        with FakeVpcd(port) as vpcd:
            assert vpcd.ask(GET_ATR) == ATR
    assert caplog.text.count("no vpcd at") == 1


def test_two_slots_are_two_cards() -> None:
    cards = [ToyCard(), ToyCard(historical_bytes=HISTORICAL[:-1] + b"\x79")]
    first, second = two_ports()
    slots = [ContactInterface(card) for card in cards]
    with first, second, VirtualReader(slots, port=first.port):
        first.control(POWER_ON)
        second.control(POWER_ON)
        assert first.ask(GET_ATR) == cards[0].atr
        assert second.ask(GET_ATR) == cards[1].atr
        assert first.ask_hex(SELECT) == "6118"
        assert second.ask_hex("00c0000018") == "6f00"
        assert first.ask_hex("00c0000018") == FCI.hex() + "9000"
        second.eject()
        assert first.ask_hex("00b2020403") == RECORDS[1].hex() + "9000"
        assert second.ask(GET_ATR) == cards[1].atr
        assert cards[1].power_log == ["on", "off"]


def test_a_busy_slot_does_not_stop_the_other() -> None:
    release = threading.Event()

    class Slow(ToyCard):
        def transmit(self, apdu: bytes) -> bytes:
            release.wait(10)
            return super().transmit(apdu)

    first, second = two_ports()
    slots = [ContactInterface(Slow()), ContactInterface(ToyCard())]
    with first, second, VirtualReader(slots, port=first.port):
        first.control(POWER_ON)
        second.control(POWER_ON)
        first.control(bytes.fromhex("00B2020403"))
        assert second.ask_hex("00b2020403") == RECORDS[1].hex() + "9000"
        release.set()
        assert first.answer() == RECORDS[1] + b"\x90\x00"


def test_stop_ends_the_threads_and_powers_off(card: ToyCard) -> None:
    with FakeVpcd() as vpcd:
        before = threading.active_count()
        reader = VirtualReader([ContactInterface(card)], port=vpcd.port)
        reader.start()
        vpcd.control(POWER_ON)
        assert vpcd.ask(GET_ATR) == ATR
        started = time.monotonic()
        reader.stop()
        assert time.monotonic() - started < 30
        assert threading.active_count() == before
        assert vpcd.at_end()
        assert card.power_log == ["on", "off"]
        reader.stop()
        reader.wait()


def test_stop_lets_a_running_command_finish() -> None:
    running = threading.Event()

    class Slow(ToyCard):
        def transmit(self, apdu: bytes) -> bytes:
            running.set()
            time.sleep(0.5)
            return super().transmit(apdu)

    with FakeVpcd() as vpcd:
        reader = VirtualReader([ContactInterface(Slow())], port=vpcd.port)
        reader.start()
        vpcd.control(POWER_ON)
        vpcd.control(bytes.fromhex("00B2020403"))
        assert running.wait(10)
        reader.stop()
        assert vpcd.answer() == RECORDS[1] + b"\x90\x00"
        assert vpcd.at_end()


def test_stop_while_no_vpcd_is_there(card: ToyCard) -> None:
    with FakeVpcd() as reserved:
        port = reserved.port
    reader = VirtualReader([ContactInterface(card)], port=port, max_delay_s=600)
    reader.start()
    time.sleep(0.2)
    started = time.monotonic()
    reader.stop()
    assert time.monotonic() - started < 60


def test_wait_returns_on_request_from_another_thread(card: ToyCard) -> None:
    with FakeVpcd() as vpcd, VirtualReader([ContactInterface(card)], port=vpcd.port) as reader:
        timer = threading.Timer(0.05, reader.request_stop)
        timer.start()
        reader.wait()
        timer.join()


def test_a_reader_is_started_once(card: ToyCard) -> None:
    with (
        FakeVpcd() as vpcd,
        VirtualReader([ContactInterface(card)], port=vpcd.port) as reader,
        pytest.raises(RuntimeError),
    ):
        reader.start()


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_ports_that_do_not_exist(card: ToyCard, port: int) -> None:
    with pytest.raises(ValueError, match="port"):
        VirtualReader([ContactInterface(card)], port=port)


def test_last_port_has_room_for_one_slot(card: ToyCard) -> None:
    VirtualReader([ContactInterface(card)], port=65535).stop()
    with pytest.raises(ValueError, match="do not fit"):
        VirtualReader([ContactInterface(card)] * 2, port=65535)


def test_no_card_at_all() -> None:
    with pytest.raises(ValueError, match="no card"):
        VirtualReader([])


def test_observers_see_commands_and_events(card: ToyCard) -> None:
    seen: list[tuple[int, str, str]] = []
    times: list[float] = []
    events: list[tuple[int, ReaderEvent]] = []

    def observe(slot: int, command: bytes, response: bytes, seconds: float) -> None:
        seen.append((slot, command.hex(), response.hex()))
        times.append(seconds)

    began = time.monotonic()
    with FakeVpcd() as vpcd:
        reader = VirtualReader(
            [ContactInterface(card)],
            port=vpcd.port,
            observer=observe,
            event_observer=lambda slot, event: events.append((slot, event)),
        )
        with reader:
            vpcd.control(POWER_ON)
            vpcd.control(RESET)
            vpcd.ask_hex(SELECT)
            vpcd.ask_hex("00b2010400")
            vpcd.control(POWER_OFF)
            vpcd.ask(GET_ATR)
    assert seen == [(0, SELECT, "6118"), (0, "00b2010400", "6c12")]
    assert all(0 <= one <= time.monotonic() - began for one in times)
    assert [event.value for _, event in events] == [
        "connected", "power on", "reset", "power off", "disconnected",
    ]  # fmt: skip
    assert {slot for slot, _ in events} == {0}


def test_a_failing_observer_does_not_stop_the_card(
    card: ToyCard, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("secret")

    with (
        FakeVpcd() as vpcd,
        VirtualReader([ContactInterface(card)], port=vpcd.port, observer=fail, event_observer=fail),
    ):
        vpcd.control(POWER_ON)
        assert vpcd.ask_hex(SELECT) == "6118"
        assert vpcd.ask_hex(SELECT) == "6118"
    assert "observer: RuntimeError" in caplog.text
    assert "secret" not in caplog.text


def test_a_silent_reader_is_reported(
    card: ToyCard, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sscard_chip.reader.vpcdslot._SILENCE_WARNING_S", 0.05)
    with FakeVpcd() as vpcd, VirtualReader([ContactInterface(card)], port=vpcd.port):
        assert eventually(lambda: "another card in this slot" in caplog.text)
        assert vpcd.ask(GET_ATR) == ATR
        time.sleep(0.2)
        assert vpcd.ask(GET_ATR) == ATR


def test_a_connection_to_itself_is_given_up(card: ToyCard, monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeVpcd() as reserved:
        port = reserved.port
    connect = socket.create_connection
    met_itself = threading.Event()

    def from_the_same_port(address: tuple[str, int], timeout: float) -> socket.socket:
        if met_itself.is_set():
            return connect(address, timeout)
        own = socket.socket()
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        own.bind(address)
        own.connect(address)
        met_itself.set()
        return own

    monkeypatch.setattr(socket, "create_connection", from_the_same_port)
    with VirtualReader([ContactInterface(card)], port=port, max_delay_s=0.1):
        assert met_itself.wait(10)
        assert eventually(lambda: _can_listen(port))
        with FakeVpcd(port) as vpcd:
            assert vpcd.ask(GET_ATR) == ATR


def _can_listen(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def test_serve_in_a_thread_leaves_the_signals_alone(card: ToyCard) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with FakeVpcd() as vpcd:
        thread = threading.Thread(
            target=serve, args=([ContactInterface(card)], "127.0.0.1", vpcd.port), daemon=True
        )
        thread.start()
        assert vpcd.ask(GET_ATR) == ATR
    assert signal.getsignal(signal.SIGTERM) is before


_SERVER = """
import logging, sys
from sscard_chip.reader import ContactInterface, serve
from tests.reader.toy_card import ToyCard
card = ToyCard()
logging.basicConfig(level=logging.INFO, stream=sys.stderr)
serve([ContactInterface(card)], port=int(sys.argv[1]))
print("closed", *card.power_log)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("connected", [True, False])
def test_signals_end_serve_cleanly(number: signal.Signals, connected: bool) -> None:
    with FakeVpcd() as vpcd:
        if not connected:
            vpcd.__exit__(None, None, None)
        process = subprocess.Popen(
            [sys.executable, "-c", _SERVER, str(vpcd.port)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        try:
            if connected:
                vpcd.control(POWER_ON)
                assert vpcd.ask(GET_ATR) == ATR
            else:
                assert process.stderr is not None
                assert "no vpcd at" in process.stderr.readline()
            process.send_signal(number)
            output, errors = process.communicate(timeout=60)
        finally:
            process.kill()
            process.wait()
    assert process.returncode == 0, errors
    assert output.split() == ["closed", "on", "off"] if connected else ["closed"]
    assert "Traceback" not in errors


def test_log_level_of_an_ordinary_session(card: ToyCard, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        with FakeVpcd() as vpcd, VirtualReader([ContactInterface(card)], port=vpcd.port):
            vpcd.control(POWER_ON)
            vpcd.ask_hex("0020000003123456")
        assert {record.levelname for record in caplog.records} == {"INFO"}
    assert "123456" not in caplog.text

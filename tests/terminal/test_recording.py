# SPDX-License-Identifier: Apache-2.0
"""A session recorded and replayed; anything else than the session is told by file and line."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from sscard_chip.reader.faulty import ExchangeFault, FaultAt, FaultyConnection
from sscard_chip.terminal.connection import CardRemovedError, Slots, connect_card
from sscard_chip.terminal.driver import FUNCTIONS, Driver
from sscard_chip.terminal.recording import DeviationError, Recording, RecordingError, Replay
from tests.bench.desk import PIN, Desk

READ = bytes.fromhex("00B2072C0B")
SELECT = bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF")


def driver(slots: Slots) -> Driver:
    return Driver(slots, pin_pad=lambda prompt: PIN, random=random.Random(5).randbytes)


@pytest.mark.parametrize("generation", [1, 2, 3])
def test_a_purchase_is_replayed_without_cards(generation: int, tmp_path: Path) -> None:
    desk = Desk(generation)
    path = tmp_path / "sale.jsonl"
    arguments = (1, desk.card_info, "10.00|8.00|20260102030405|")
    with Recording(path) as recording:
        card, sam = desk.contact, desk.psam
        assert sam is not None
        slots = Slots(recording.connection(card, "card"), psam=recording.connection(sam, "psam"))
        live = driver(slots)
        results = [
            FUNCTIONS["iReadCardBas"].call(live, 1),
            FUNCTIONS["iDoDebit"].call(live, *arguments),
        ]
    replay = Replay(path)
    holder, sam_again = replay.connection("card"), replay.connection("psam")
    again = driver(Slots(holder, psam=sam_again))
    assert FUNCTIONS["iReadCardBas"].call(again, 1) == results[0]
    assert FUNCTIONS["iDoDebit"].call(again, *arguments) == results[1]
    assert [code for code, _ in results] == [0, 0]
    holder.require_finished()
    sam_again.require_finished()
    assert path.stat().st_mode & 0o077 == 0  # it holds the PIN


@pytest.fixture
def session(tmp_path: Path) -> Path:
    """Power on, SELECT, a read, the card pulled out at the next one, power off."""
    path = tmp_path / "session.jsonl"
    with Recording(path) as recording:
        faulty = FaultyConnection(connect_card(Desk(2).card), FaultAt(ExchangeFault.REMOVED, 3))
        connection = recording.connection(faulty)
        assert connection.power_on() == connection.atr
        connection.transmit(SELECT)
        connection.transmit(READ)
        with pytest.raises(CardRemovedError):
            connection.transmit(READ)
        connection.power_off()
    return path


def test_errors_are_replayed_too(session: Path) -> None:
    connection = Replay(session).connection()
    assert connection.atr == connection.power_on()
    assert connection.transmit(SELECT)[0] == 0x61
    assert connection.transmit(READ)[-2:] == b"\x90\x00"
    with pytest.raises(CardRemovedError):
        connection.transmit(READ)
    assert not connection.finished
    connection.power_off()
    connection.require_finished()
    with pytest.raises(DeviationError, match=r"session\.jsonl: ended before power on"):
        connection.power_on()


def test_deviations_name_file_line_and_header_and_no_data(session: Path) -> None:
    connection = Replay(session).connection()
    with pytest.raises(DeviationError, match="line 2: expected power on, got reset"):
        connection.reset()
    connection.power_on()
    secret = bytes.fromhex("0020000003123456")
    with pytest.raises(DeviationError) as deviation:
        connection.transmit(secret)
    assert str(deviation.value).endswith("line 3: expected command 00A40400, got command 00200000")
    with pytest.raises(DeviationError, match="expected command 00A40400, got other data"):
        connection.transmit(SELECT + b"\x00")
    with pytest.raises(DeviationError, match="line 3: command 00A40400 was not asked for"):
        connection.require_finished()


def test_an_existing_recording_is_not_overwritten(session: Path) -> None:
    with pytest.raises(FileExistsError):
        Recording(session)


HEAD = {"format": "sscard-recording/1"}
GOOD = {"slot": "card", "do": "power_on", "atr": "3B00"}


@pytest.mark.parametrize(
    ("lines", "rule"),
    [
        ([], "holds no session"),
        ([HEAD], "holds no session"),
        ([{"format": "other"}, GOOD], 'line 1: format: must be "sscard-recording/1"'),
        ([HEAD, []], "line 2: must be an object"),
        ([HEAD, {**GOOD, "atr": 5}], "line 2: atr: must be hexadecimal"),
        ([HEAD, {"do": "power_on", "atr": "3B"}], "line 2: slot: is required"),
        ([HEAD, {**GOOD, "do": "dance"}], "line 2: do: must be power_on, reset, power_off"),
        ([HEAD, {**GOOD, "atr": "3"}], "line 2: atr: must be hexadecimal"),
        ([HEAD, {**GOOD, "note": "x"}], "line 2: note: is not a field of a line"),
        ([HEAD, {**GOOD, "command": "00"}], "line 2: command: a line of power_on does not have it"),
        ([HEAD, {"slot": "card", "do": "reset"}], "line 2: atr: is required of reset"),
        (
            [HEAD, {"slot": "c", "do": "transmit", "answer": "9000"}],
            "line 2: command: is required of transmit",
        ),
        (
            [HEAD, {"slot": "c"}, {"slot": "c", "do": "reset", "atr": "X"}],
            "line 2: do: is required; line 3: atr: must be hexadecimal",
        ),
        ([HEAD, {**GOOD, "error": "SystemExit"}], "line 2: error: must be one of CardRemovedError"),
    ],
)
def test_broken_recordings(lines: list[object], rule: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(RecordingError, match=f"broken.jsonl.*{rule}"):
        Replay(path)


def test_no_json_and_no_such_slot(session: Path, tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="has no slot 'psam'"):
        Replay(session).connection("psam")
    path = tmp_path / "text.jsonl"
    path.write_text("hello\n")
    with pytest.raises(RecordingError, match="line 1: is not JSON"):
        Replay(path)

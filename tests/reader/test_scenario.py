# SPDX-License-Identifier: Apache-2.0
"""A scenario says what goes wrong; every wrong field is named at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from sscard_chip.memory.cut import Kept
from sscard_chip.reader.faulty import ExchangeFault, FaultyConnection
from sscard_chip.reader.scenario import ScenarioError, load_scenario, parse_fault
from tests.reader.toy_card import NAME, ToyCard

VERIFY = bytes.fromhex("0020000003123456")
SELECT = bytes.fromhex("00A404000F") + NAME


def written(folder: Path, text: str) -> Path:
    path = folder / "scenario.toml"
    path.write_text(f'format = "sscard-scenario/1"\n{text}')
    return path


def test_every_field_reaches_its_fault(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """
[[faults]]
fault = "slow"
seconds = 0.25
at = 7
times = 0
[[faults]]
slot = 2
fault = "power-cut"
command = "CREDIT FOR LOAD"
write = 3
kept = "half"
[[faults]]
fault = "wrong-status"
command = "80fa"
status = "6a81"
executed = false
""",
    )
    slots = load_scenario(path, 2).of_slots()
    slow, wrong = slots[0]
    assert (slow.fault, slow.delay_s, slow.exchange, slow.times) == ("slow", 0.25, 7, 0)
    assert slow.command is None
    assert (wrong.status, wrong.executed) == (b"\x6a\x81", False)
    assert wrong.command is not None
    assert wrong.command.code == b"\x80\xfa"
    medical, purse = slots[1]
    assert medical.command is not None
    assert purse.command is not None
    assert {medical.command.code, purse.command.code} == {b"\xb0\x2a", b"\x80\x52"}
    assert (medical.fault, medical.write, medical.kept) == (
        ExchangeFault.POWER_CUT, 3, Kept.HALF,
    )  # fmt: skip


def test_all_findings_at_once(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """
[[faults]]
fault = "deaf"
[[faults]]
fault = "mute"
command = "DANCE"
status = "90"
[[faults]]
fault = "short"
seconds = 5
""",
    )
    with pytest.raises(ScenarioError) as error:
        load_scenario(path)
    text = str(error.value)
    for part in ("faults 1 fault", "faults 2 command", "faults 2 status", "faults 3 seconds"):
        assert part in text
    assert "line 4: faults 1 fault" in text


def test_a_slot_that_the_reader_lacks(tmp_path: Path) -> None:
    path = written(tmp_path, '[[faults]]\nfault = "mute"\nslot = 3\n')
    assert load_scenario(path, 3).of_slots().keys() == {2}
    with pytest.raises(ScenarioError, match="the reader has 2 slots"):
        load_scenario(path, 2)


def test_faults_count_their_own_command_and_times(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        '[[faults]]\nfault = "wrong-status"\ncommand = "VERIFY"\nat = 2\ntimes = 2\n'
        'status = "6581"\n',
    )
    slot = FaultyConnection(ToyCard(), *load_scenario(path).of_slots()[0])
    slot.power_on()
    answers = []
    for _ in range(5):
        slot.transmit(SELECT)
        answers.append(slot.transmit(VERIFY).hex())
    assert answers == ["63c2", "6581", "6581", "63c2", "63c2"]
    assert slot.armed == ()


def test_for_ever_and_disarmed(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        '[[faults]]\nfault = "short"\ncommand = "VERIFY"\ntimes = 0\n',
    )
    slot = FaultyConnection(ToyCard(), *load_scenario(path).of_slots()[0])
    slot.power_on()
    assert [slot.transmit(VERIFY) for _ in range(3)] == [b"\x63"] * 3
    assert len(slot.armed) == 1
    slot.disarm()
    assert slot.transmit(VERIFY).hex() == "63c2"


def test_a_fault_in_a_line() -> None:
    fault = parse_fault('wrong-status command="DEBIT FOR PURCHASE" status=6581 at=2 times=0 slot=2')
    (one, *_) = fault.faults()
    assert (fault.slot, one.fault, one.status, one.exchange, one.times) == (
        2, "wrong-status", b"\x65\x81", 2, 0,
    )  # fmt: skip
    assert one.command is not None
    mute = parse_fault("mute seconds=0.5 executed=false").faults()[0]
    assert (mute.delay_s, mute.executed, mute.command) == (0.5, False, None)
    cut = parse_fault("power-cut write=2 kept=half").faults()[0]
    assert (cut.write, cut.kept) == (2, Kept.HALF)


@pytest.mark.parametrize(
    ("line", "finding"),
    [
        ("deaf", "fault: must be mute, slow"),
        ("", "fault: must be mute, slow"),
        ("mute seconds", "must be a name and NAME=VALUE"),
        ("mute seconds=1 seconds=2", "each name once"),
        ("mute seconds=long", "seconds"),
        ("mute at=x", "at"),
        ("mute executed=maybe", "executed"),
        ('mute "', "quotes closed"),
        ("mute status=6F00", "status: is only for wrong-status"),
        ("mute more=1", "more"),
        ("mute slot=3", "slot: the reader has 2 slots"),
    ],
)
def test_a_line_that_is_no_fault(line: str, finding: str) -> None:
    with pytest.raises(ScenarioError, match=finding):
        parse_fault(line, 2)

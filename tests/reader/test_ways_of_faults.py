# SPDX-License-Identifier: Apache-2.0
"""Each fault, by each way of setting it: Python, scenario file, a line, the control socket."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from sscard_chip.reader import ContactInterface, VirtualReader
from sscard_chip.reader.control import ReaderControl, ask_reader
from sscard_chip.reader.faulty import ExchangeFault, FaultAt
from sscard_chip.reader.scenario import load_scenario, parse_fault
from sscard_chip.standard.commands import SELECT as SELECT_COMMAND
from tests.reader.fake_vpcd import POWER_ON, FakeVpcd
from tests.reader.toy_card import NAME, ToyCard

SELECT = bytes.fromhex("00a404000f") + NAME
RECORD = bytes.fromhex("00b2020403")
FAULTS: dict[str, dict[str, float | str]] = {
    "mute": {"seconds": 0.2},
    "slow": {"seconds": 0.3},
    "short": {},
    "wrong-status": {"status": "6581"},
    "removed": {},
    "power-cut": {},
}
WAYS = ("python", "scenario", "line", "control")
LONG_S = 30.0
"""The delay of a fault that has none: whoever waits for it is seen, on a busy machine too."""


def arm(reader: VirtualReader, name: str, way: str, folder: Path) -> None:
    fields = {"command": "SELECT", **FAULTS[name]}
    if way == "python":
        seconds = float(str(FAULTS[name].get("seconds", LONG_S)))
        fault = FaultAt(
            ExchangeFault(name), status=b"\x65\x81", delay_s=seconds, command=SELECT_COMMAND
        )
        reader.arm(0, fault)
    elif way == "scenario":
        path = folder / "faults.json"
        path.write_text(
            json.dumps({"format": "sscard-scenario/1", "faults": [{"fault": name, **fields}]})
        )
        for slot, faults in load_scenario(path, 1).of_slots().items():
            reader.arm(slot, *faults)
    elif way == "line":
        words = " ".join(f"{key}={value}" for key, value in fields.items())
        reader.arm(0, *parse_fault(f"{name} {words}").faults())
    else:
        with ReaderControl(reader, folder / "r.sock"):
            request = {"do": "fault", "faults": [{"fault": name, **fields}]}
            (status,) = ask_reader(folder / "r.sock", request)
            assert status["faults"] == [name]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault(name: str, way: str, tmp_path: Path) -> None:
    card = ToyCard()
    with (
        FakeVpcd() as vpcd,
        VirtualReader([ContactInterface(card)], port=vpcd.port, max_delay_s=0.1) as reader,
    ):
        vpcd.control(POWER_ON)
        arm(reader, name, way, tmp_path)
        assert vpcd.ask(RECORD)[-2:] == b"\x90\x00"  # not the command that is meant
        started = time.monotonic()
        if name in ("mute", "removed", "power-cut"):
            vpcd.control(SELECT)
            assert vpcd.at_end()
            if name == "mute":
                assert time.monotonic() - started >= 0.2
            assert reader.contents[0].present is (name != "removed")
            vpcd.eject()
            if name == "removed":
                reader.insert(0)
            vpcd.control(POWER_ON)
        else:
            answer = vpcd.ask(SELECT)
            assert answer.hex() == {"slow": "6118", "short": "61", "wrong-status": "6581"}[name]
            assert (0.3 if name == "slow" else 0) <= time.monotonic() - started < LONG_S
        assert vpcd.ask(SELECT) == b"\x61\x18"  # once only
        assert reader.contents[0].armed == ()

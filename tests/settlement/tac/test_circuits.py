# SPDX-License-Identifier: Apache-2.0
"""The circuits are the S-boxes, and the program that found them finds circuits."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from sscard_chip.settlement.tac.circuit import Circuit
from sscard_chip.settlement.tac.des_circuits import CIRCUITS
from sscard_chip.settlement.tac.des_program import BOXES
from sscard_chip.settlement.tac.des_tables import S_BOXES

SCRIPT = Path(__file__).parents[3] / "scripts" / "find_des_circuits.py"
MOST_GATES = 65


@pytest.mark.parametrize("box", range(8))
def test_circuit_is_the_s_box(box: int) -> None:
    assert CIRCUITS[box].table() == S_BOXES[box]
    assert len(CIRCUITS[box].parsed_gates()) < MOST_GATES


@pytest.mark.parametrize("box", range(8))
def test_generated_function_is_the_s_box(box: int) -> None:
    """All 64 inputs under a few keys; the left half takes the output in, whatever it was."""
    circuit = CIRCUITS[box]
    inputs = np.arange(64, dtype=np.uint64)
    for key in (0, 0b101101, 63):
        right = [inputs >> np.uint64(5 - n) & np.uint64(1) for n in range(6)]
        for plane in right:
            plane *= np.uint64(0xFFFFFFFFFFFFFFFF)
        turned = [key >> 5 - n & 1 ^ int(circuit.complemented[n]) for n in range(6)]
        keys = [np.full(64, -turn % 2**64, np.uint64) for turn in turned]
        left = [np.full(64, 0x0123456789ABCDEF << n, np.uint64) for n in range(4)]
        before = [plane.copy() for plane in left]
        scratch = [np.empty(64, np.uint64) for _ in range(BOXES[box].scratch)]
        BOXES[box].function(*right, *keys, *left, *scratch)
        for n, (_, inverse) in enumerate(circuit.parsed_outputs()):
            got = left[n] ^ before[n]
            wanted = [S_BOXES[box][x ^ key] >> 3 - n & 1 ^ int(inverse) for x in range(64)]
            assert got.tolist() == [-bit % 2**64 for bit in wanted]


def test_a_changed_circuit_is_not_the_s_box() -> None:
    circuit = CIRCUITS[0]
    first, _, rest = circuit.gates.partition(" ")
    other = first.replace("^", "&") if "^" in first else first.replace("&", "^").replace("|", "^")
    changed = Circuit(circuit.complemented, f"{other} {rest}", circuit.outputs)
    assert changed.table() != S_BOXES[0]
    with pytest.raises(ValueError, match=r"no gate: 1\+2"):
        Circuit("000000", "1+2", "6 6 6 6").table()


def finder() -> ModuleType:
    spec = importlib.util.spec_from_file_location("find_des_circuits", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def compiler() -> None:
    if shutil.which("cc") is None:
        reason = "no C compiler (apt-get install gcc)"
        if os.environ.get("CI", "").lower() in ("1", "true"):
            pytest.fail(f"CI must have a compiler: {reason}", pytrace=False)
        pytest.skip(reason)


@pytest.mark.usefixtures("compiler")
def test_the_finder_finds_a_circuit(tmp_path: Path) -> None:
    """A short search, twice the same."""
    module = finder()
    program = module.build(tmp_path)
    found = [module.find(program, 3, starts=20, steps=300, seed=5) for _ in range(2)]
    assert found[0] == found[1]
    assert found[0].table() == S_BOXES[3]
    assert module.gate_count(found[0]) < MOST_GATES


@pytest.mark.usefixtures("compiler")
def test_the_finder_writes_the_module(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "found.py"
    options = ["--starts", "3", "--steps", "30", "--seeds", "2", "--output", str(output)]
    assert finder().main(options) == 0
    names: dict[str, Any] = {}
    exec(output.read_text(encoding="utf-8"), names)
    assert tuple(circuit.table() for circuit in names["CIRCUITS"]) == S_BOXES
    lines = capsys.readouterr().out.splitlines()
    best = [min(map(int, re.findall(r"\b\d+\b", line.partition(":")[2]))) for line in lines]
    assert [len(circuit.parsed_gates()) for circuit in names["CIRCUITS"]] == best


@pytest.mark.usefixtures("compiler")
def test_the_finder_believes_no_circuit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = finder()
    program = module.build(tmp_path)
    monkeypatch.setattr(module, "read", lambda text: CIRCUITS[1])
    with pytest.raises(RuntimeError, match="S4: the circuit is wrong"):
        module.find(program, 3, starts=1, steps=1, seed=1)

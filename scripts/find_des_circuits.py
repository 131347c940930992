#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Find circuits for the S-boxes of DES and write them as constants.

The search is in find_des_circuits.c, which this compiles. The same arguments give the same
circuits; those that are checked in took sixteen minutes of one core.

    python scripts/find_des_circuits.py
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from sscard_chip.settlement.tac.circuit import INPUTS, OUTPUTS, Circuit
from sscard_chip.settlement.tac.des_tables import S_BOXES

SOURCE: Final = Path(__file__).with_suffix(".c")
MODULE: Final = SOURCE.parent.parent / "sscard_chip" / "settlement" / "tac" / "des_circuits.py"

STARTS: Final = 1000
STEPS: Final = 100_000
SEEDS: Final = 1

_HEAD: Final = '''\
# SPDX-License-Identifier: Apache-2.0
"""Circuits for the S-boxes of DES. Do not edit: scripts/find_des_circuits.py writes this,
with {how}.

Gates with NOT: {gates}; {total} in all.
"""

from __future__ import annotations

from typing import Final

from sscard_chip.settlement.tac.circuit import Circuit

CIRCUITS: Final = (
'''


def build(folder: Path, compiler: str = "cc") -> Path:
    """Compile the search into ``folder``."""
    program = folder / "find_des_circuits"
    options = ["-O3", "-ffp-contract=off", "-o", str(program), str(SOURCE), "-lm"]
    subprocess.run([compiler, *options], check=True)
    return program


def find(program: Path, box: int, *, starts: int, steps: int, seed: int) -> Circuit:
    """A circuit for S-box ``box`` (0 to 7), checked against its table."""
    table = " ".join(map(str, S_BOXES[box]))
    command = [str(program), str(starts), str(steps), str(seed)]
    done = subprocess.run(command, input=table, stdout=subprocess.PIPE, check=True, text=True)
    circuit = read(done.stdout)
    if circuit.table() != S_BOXES[box]:
        raise RuntimeError(f"S{box + 1}: the circuit is wrong")
    return circuit


def read(text: str) -> Circuit:
    """The circuit that the search printed, in gates that numpy has.

    A wire is held as it is or complemented; whoever wants the other form gets a NOT, once.
    """
    lines = [line.split() for line in text.splitlines()]
    held = [int(word) for word in lines[0]]
    gates: list[str] = []
    forms = {(wire, held[wire]): wire for wire in range(INPUTS)}

    def add(gate: str) -> int:
        gates.append(gate)
        return INPUTS + len(gates) - 1

    def form(wire: int, complement: int) -> int:
        if (wire, complement) not in forms:
            forms[wire, complement] = add(f"~{forms[wire, complement ^ 1]}")
        return forms[wire, complement]

    for kind, *numbers in lines[1:-OUTPUTS]:
        a, not_a, b, not_b, stored = map(int, numbers)
        if kind == "^":
            x, y, sign = form(a, held[a]), form(b, held[b]), "^"
        else:
            x, y, sign = form(a, not_a ^ stored), form(b, not_b ^ stored), "&|"[stored]
        forms[len(held), stored] = add(f"{x}{sign}{y}")
        held.append(stored)
    outputs = [
        f"{'~' * int(inverse)}{forms[int(wire), held[int(wire)]]}"
        for wire, inverse in lines[-OUTPUTS:]
    ]
    return Circuit("".join(map(str, held[:INPUTS])), " ".join(gates), " ".join(outputs))


def gate_count(circuit: Circuit) -> int:
    """Gates with NOT, each an operation on planes."""
    return len(circuit.parsed_gates())


def source(circuits: Sequence[Circuit], how: str) -> str:
    """The module with the constants."""
    counts = list(map(gate_count, circuits))
    entries = []
    for circuit in circuits:
        words = circuit.gates.split()
        parts = [" ".join(words[at : at + 12]) for at in range(0, len(words), 12)]
        literal = "\n        ".join(
            f'"{part} "' if part is not parts[-1] else f'"{part}"' for part in parts
        )
        entries.append(
            f'    Circuit(\n        "{circuit.complemented}",\n        {literal},\n'
            f'        "{circuit.outputs}",\n    ),\n'
        )
    head = _HEAD.format(how=how, gates=", ".join(map(str, counts)), total=sum(counts))
    return head + "".join(entries) + ")\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Search all boxes and write the module."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--starts", type=int, default=STARTS, help="circuits grown for each box")
    parser.add_argument("--steps", type=int, default=STEPS, help="annealing steps for the best")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="searches for each box")
    parser.add_argument("--output", type=Path, default=MODULE)
    options = parser.parse_args(arguments)
    circuits = []
    with tempfile.TemporaryDirectory() as name:
        program = build(Path(name))
        for box in range(len(S_BOXES)):
            found = [
                find(program, box, starts=options.starts, steps=options.steps, seed=seed)
                for seed in range(1, options.seeds + 1)
            ]
            circuits.append(min(found, key=gate_count))
            print(f"S{box + 1}: {', '.join(map(str, map(gate_count, found)))} gates", flush=True)
    how = f"--starts {options.starts} --steps {options.steps} --seeds {options.seeds}"
    options.output.write_text(source(circuits, how), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

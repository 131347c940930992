# SPDX-License-Identifier: Apache-2.0
"""Circuits of AND, OR, XOR and NOT, as text and as gates."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, NamedTuple

INPUTS: Final = 6
OUTPUTS: Final = 4

_GATE: Final = re.compile(r"(\d*)([&|^~])(\d+)")


class Gate(NamedTuple):
    """``&``, ``|`` or ``^`` of the wires ``a`` and ``b``, or ``~`` of both, which are one."""

    kind: str
    a: int
    b: int


@dataclass(frozen=True, slots=True)
class Circuit:
    """A circuit for an S-box.

    Wires 0 to 5 are the input bits, the most significant first; each gate adds one.
    ``complemented`` has a 1 for each input that must be given complemented. ``gates`` are
    written ``0^3 6&1 ~7``, ``outputs`` are the wires of the four output bits, with ``~`` where
    the wire is the complement of the output. Whoever uses a circuit has these complements for
    nothing: they sink into the key and rise out of the result.
    """

    complemented: str
    gates: str
    outputs: str

    def parsed_gates(self) -> list[Gate]:
        """The gates, in an order in which they can be computed."""
        found = []
        for word in self.gates.split():
            match = _GATE.fullmatch(word)
            if match is None:
                raise ValueError(f"no gate: {word}")
            found.append(Gate(match[2], int(match[1] or match[3]), int(match[3])))
        return found

    def parsed_outputs(self) -> list[tuple[int, bool]]:
        """Wire of each output, and whether it is the complement."""
        return [(int(word.lstrip("~")), word[0] == "~") for word in self.outputs.split()]

    def table(self) -> tuple[int, ...]:
        """Output for each of the 64 inputs."""
        ones = (1 << 64) - 1
        wires = []
        for number, complement in enumerate(self.complemented):
            bit = INPUTS - 1 - number
            wire = sum(1 << x for x in range(64) if x >> bit & 1)
            wires.append(wire ^ ones if complement == "1" else wire)
        for kind, a, b in self.parsed_gates():
            x, y = wires[a], wires[b]
            wires.append({"&": x & y, "|": x | y, "^": x ^ y, "~": x ^ ones}[kind])
        columns = [wires[wire] ^ ones * inverse for wire, inverse in self.parsed_outputs()]
        return tuple(
            sum((column >> x & 1) << OUTPUTS - 1 - n for n, column in enumerate(columns))
            for x in range(64)
        )

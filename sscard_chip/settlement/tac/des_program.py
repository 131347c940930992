# SPDX-License-Identifier: Apache-2.0
"""The straight-line program of a DES TAC over planes of bits.

A plane holds one bit of many lanes. Permutations and the key schedule only say which plane is
meant, so they cost nothing, and each lane has its own key at no price. What is left are S-boxes:
one function each, generated from its circuit, called 512 times for the four blocks of a TAC.

Some planes are held complemented, as the circuits have it. Where a state plane meets a key
plane either form of the key plane will do, so both are there and nothing is ever inverted twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, NamedTuple

import numpy as np

from sscard_chip.settlement.tac.circuit import INPUTS, OUTPUTS, Circuit
from sscard_chip.settlement.tac.des_circuits import CIRCUITS
from sscard_chip.settlement.tac.des_tables import (
    INITIAL_PERMUTATION,
    LEFT_SHIFTS,
    PERMUTED_CHOICE_1,
    PERMUTED_CHOICE_2,
    P,
)

BITS: Final = 64
HALF: Final = 32
MESSAGE: Final = 30
TAC_BITS: Final = 32

_UFUNCS: Final = {
    "&": "bitwise_and",
    "|": "bitwise_or",
    "^": "bitwise_xor",
    "~": "invert",
}


class Box(NamedTuple):
    """An S-box as a function over planes, and the number of scratch planes that it needs."""

    function: Callable[..., None]
    scratch: int


# --- S-boxes -------------------------------------------------------------------------------------


def box_source(name: str, circuit: Circuit) -> tuple[str, int]:
    """Text of a function that XORs an S-box into four planes, and its number of scratch planes.

    Its arguments are the six planes of the right half, the six of the key, the four of the left
    half, and the scratch planes. A scratch plane is given anew as soon as its wire is done with,
    so that few of them are in the cache.
    """
    gates = circuit.parsed_gates()
    outputs = circuit.parsed_outputs()
    uses = [0] * (INPUTS + len(gates))
    for gate in gates:
        for wire in dict.fromkeys((gate.a, gate.b)):
            uses[wire] += 1
    for wire, _ in outputs:
        uses[wire] += 1

    lines: list[str] = []
    free: list[int] = []
    count = 0
    held: dict[int, int] = {}

    def hold(wire: int) -> str:
        nonlocal count
        if not free:
            free.append(count)
            count += 1
        held[wire] = free.pop()
        return f"t{held[wire]}"

    def used(wire: int) -> None:
        uses[wire] -= 1
        if not uses[wire]:
            free.append(held.pop(wire))

    def operand(wire: int) -> str:
        if wire not in held:  # an input that is wanted for the first time
            lines.append(f"bitwise_xor(r{wire}, k{wire}, {hold(wire)})")
        return f"t{held[wire]}"

    for number, gate in enumerate(gates, INPUTS):
        operands = [operand(wire) for wire in dict.fromkeys((gate.a, gate.b))]
        for wire in dict.fromkeys((gate.a, gate.b)):
            used(wire)
        lines.append(f"{_UFUNCS[gate.kind]}({', '.join(operands)}, {hold(number)})")
        for place, (wire, _) in enumerate(outputs):
            if wire == number:
                lines.append(f"bitwise_xor(l{place}, t{held[number]}, l{place})")
                used(number)
    parameters = [f"r{n}" for n in range(INPUTS)] + [f"k{n}" for n in range(INPUTS)]
    parameters += [f"l{n}" for n in range(OUTPUTS)] + [f"t{n}" for n in range(count)]
    text = "".join(f"    {line}\n" for line in lines)
    return f"def {name}({', '.join(parameters)}):\n{text}", count


def _compile(name: str, circuit: Circuit) -> Box:
    text, scratch = box_source(name, circuit)
    names: dict[str, Any] = {ufunc: getattr(np, ufunc) for ufunc in _UFUNCS.values()}
    exec(compile(text, f"<{name} of des_circuits>", "exec"), names)
    return Box(names[name], scratch)


BOXES: Final = tuple(_compile(f"s{number}", circuit) for number, circuit in enumerate(CIRCUITS, 1))
SCRATCH: Final = max(box.scratch for box in BOXES)
"""Scratch planes that the S-boxes need."""


# --- which plane is meant ------------------------------------------------------------------------


def plane_of_bit(bit: int) -> int:
    """The plane of bit 1 to 64 of a block whose bytes were read as a little-endian word."""
    byte, place = divmod(bit - 1, 8)
    return 8 * byte + 7 - place


def key_bits() -> list[list[int]]:
    """For each round, the 48 key bits (1 to 64) that meet the expanded right half."""
    c, d = list(PERMUTED_CHOICE_1[:28]), list(PERMUTED_CHOICE_1[28:])
    rounds = []
    for shift in LEFT_SHIFTS:
        c, d = c[shift:] + c[:shift], d[shift:] + d[:shift]
        rounds.append([(c + d)[bit - 1] for bit in PERMUTED_CHOICE_2])
    return rounds


@dataclass(frozen=True, slots=True)
class SboxStep:
    """One S-box of one round: 0 to 7, and the planes that it is given."""

    box: int
    right: tuple[int, ...]
    """State planes, by number."""
    key: tuple[tuple[int, bool], ...]
    """Key planes, and whether the complement is meant."""
    left: tuple[int, ...]
    """State planes that the output is XORed into."""


@dataclass(frozen=True, slots=True)
class Program:
    """All steps for a TAC.

    State planes 0 to 63 begin as those of the first block: plane p is that of the message word
    at byte 0. Before block b is enciphered, ``joins[b]`` XORs message planes into them.
    """

    blocks: tuple[tuple[SboxStep, ...], ...]
    joins: tuple[tuple[tuple[int, int], ...], ...]
    """For each block, pairs (state plane, plane of that block's message word)."""
    tac: tuple[tuple[int, bool], ...]
    """For each plane of the TAC as a little-endian word, its state plane; complemented or not."""


def word_offsets(length: int) -> tuple[int, ...]:
    """Where in a message the words begin; the last overlaps, for want of two bytes."""
    return (*range(0, length - 8, 8), length - 8)


@cache
def program_of(length: int) -> Program:
    """The program for messages of ``length`` bytes, two less than whole blocks."""
    offsets = word_offsets(length)
    left = [plane_of_bit(bit) for bit in INITIAL_PERMUTATION[:HALF]]
    right = [plane_of_bit(bit) for bit in INITIAL_PERMUTATION[HALF:]]
    complemented = [False] * BITS
    rounds = key_bits()
    blocks, joins = [], []
    for block in range(len(offsets)):
        join = []
        for plane, bit in zip(left + right, INITIAL_PERMUTATION, strict=True) if block else ():
            byte = 8 * block + (bit - 1) // 8
            if byte < length:
                skipped = 8 * block - offsets[block]  # bytes that an earlier word has
                join.append((plane, plane_of_bit(bit) + 8 * skipped))
            elif byte == length and bit % 8 == 1:  # the first bit of the padding, 80 00
                complemented[plane] = not complemented[plane]
        joins.append(tuple(join))
        steps = []
        for keys in rounds:
            for box, circuit in enumerate(CIRCUITS):
                meets = tuple(right[(4 * box - 1 + n) % HALF] for n in range(INPUTS))
                key = tuple(
                    (plane_of_bit(bit), complemented[plane] != (wants == "1"))
                    for plane, bit, wants in zip(
                        meets, keys[6 * box : 6 * box + 6], circuit.complemented, strict=True
                    )
                )
                goes = tuple(left[P.index(4 * box + n + 1)] for n in range(OUTPUTS))
                for plane, (_, inverse) in zip(goes, circuit.parsed_outputs(), strict=True):
                    complemented[plane] ^= inverse
                steps.append(SboxStep(box, meets, key, goes))
            left, right = right, left
        left, right = right, left  # the last round does not exchange them
        blocks.append(tuple(steps))
    # Place n of the state is bit IP[n] of the block, before the rounds and after them.
    tac = [0] * TAC_BITS
    for plane, bit in zip(left + right, INITIAL_PERMUTATION, strict=True):
        if bit <= TAC_BITS:
            tac[plane_of_bit(bit)] = plane
    return Program(
        tuple(blocks), tuple(joins), tuple((plane, complemented[plane]) for plane in tac)
    )


PROGRAM: Final = program_of(MESSAGE)
"""That of the medical account."""

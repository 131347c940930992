# SPDX-License-Identifier: Apache-2.0
"""Whatever is sent, a status word that means something comes back and the PSAM goes on."""

from __future__ import annotations

import random

import pytest

from sscard_chip.applications.psam import PSAM
from sscard_chip.standard.status import StatusWord
from tests.bench.sam import ALGORITHMS, BLOCK, Sam

FAULT = StatusWord.NO_GET_RESPONSE_DATA


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_any_bytes_are_answered(algorithm: str) -> None:
    rng = random.Random(9)
    sam = Sam(algorithm)
    levels = [instruction for instruction in PSAM if instruction.command.name != "SELECT"]
    for turn in range(6000):
        chosen = rng.choice(levels)
        p1 = rng.choice((0, 1, 2, 5, 7, 0x62, 0x67, 0x68, 0x99, rng.randrange(256)))
        p2 = rng.choice((0, 1, 2, 3, 8, 9, 0x11, 0x12, 0x13, rng.randrange(256)))
        length = rng.choice((0, 1, 4, 8, 16, 20, 28, 32, 36, 40, 52, 128, rng.randrange(256)))
        apdu = chosen.command.header(p1, p2)
        if length:
            apdu += bytes((length,)) + rng.randbytes(length)
        apdu += rng.choice((b"", b"\x00", b"\x08"))
        assert sam.send(apdu).sw != FAULT, apdu.hex()
        if turn % 50 == 0:
            sam.enter()
            for kid in (1, 2, 3):  # wrong guesses may have locked them
                assert sam.authenticate(kid) in (0x9000, 0x6983)
    sam.enter()
    assert sam.deliver(0x68, 0x09) == 0x9000
    assert sam.cipher(0, bytes(BLOCK[algorithm])).sw == 0x9000


def test_short_commands() -> None:
    sam = Sam()
    for length in range(4):
        assert sam.sw(b"\x80\x70\x01"[:length]) == 0x6700

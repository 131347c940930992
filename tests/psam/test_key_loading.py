# SPDX-License-Identifier: Apache-2.0
"""CREATE KEY and CHANGE KEY: order of the checks, contents, room, and what stays."""

from __future__ import annotations

import pytest

from sscard_chip.memory import Durability, create_image
from sscard_chip.memory.image import open_medium
from tests.bench.sam import ALGORITHMS, IRK, KEY_CODE, ROOT, STK, Sam
from tests.memory.medium import FailingMedium

RECORDS = 96


def content(algorithm: str, use: str = "67", identifier: str = "30", code: str = "") -> str:
    """Key information of CREATE KEY with a key of 16 bytes."""
    return f"{use}{identifier}00{code or KEY_CODE[algorithm]}00000000" + "5A" * 16


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_checks_in_order(algorithm: str) -> None:
    sam = Sam(algorithm)
    challenge = sam.known_challenge()
    create = sam.load("84D40011", content(algorithm), challenge)
    change = sam.load("84D40111", "670800" + "5A" * 16, challenge)
    for command in (create, change):
        assert sam.sw(command[:2] + b"\x02" + command[3:]) == 0x6A86
        assert sam.sw(command[:4] + bytes((len(command) - 6,)) + command[5:-1]) == 0x6700
        assert sam.sw(command) == 0x6982
        assert sam.sw(command[:3] + b"\x14" + command[4:]) == 0x6982
        assert sam.authenticate(2) == 0x9000
        assert sam.sw(command) == 0x6982  # the province's right, the country's file
        assert sam.authenticate(1) == 0x9000
        assert sam.sw(command[:3] + b"\x14" + command[4:]) == 0x6A82
        assert sam.sw(command) == 0x6984
        sam.known_challenge()
        assert sam.sw(command[:-1] + bytes((command[-1] ^ 1,))) == 0x6988
        assert sam.sw(command) == 0x6984  # the challenge is spent
        sam.known_challenge(bytes.fromhex("00112233"))
        assert sam.sw(command) == 0x6988  # the MAC is of another challenge
        sam.known_challenge()
        assert sam.sw(command) == 0x9000
        sam.enter()


@pytest.mark.parametrize(
    ("algorithm", "length"), [("3des", 4), ("3des", 8), ("sm4", 4), ("sm4", 8), ("sm4", 16)]
)
def test_challenge_is_padded_to_the_block(algorithm: str, length: int) -> None:
    sam = Sam(algorithm)
    assert sam.authenticate(1) == 0x9000
    challenge = sam.known_challenge(bytes(range(1, length + 1)))
    assert sam.sw(sam.load("84D40011", content(algorithm), challenge)) == 0x9000


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize(
    ("use", "identifier", "sw"),
    [
        ("67", "30", 0x9000),
        ("66", "30", 0x9000),
        ("68", "30", 0x9000),
        ("69", "30", 0x9000),
        ("6C", "30", 0x9000),
        ("07", "30", 0x9000),
        ("62", "02", 0x9000),
        ("62", "C1", 0x9000),  # a version, no identifier
        ("87", "30", 0x6A80),  # four steps
        ("60", "30", 0x6A80),  # no type of the list
        ("65", "30", 0x6A80),
        ("7F", "30", 0x6A80),
        ("67", "C0", 0x6A80),  # reserved
        ("67", "BF", 0x9000),
        ("67", "08", 0x6985),  # exists
        ("47", "08", 0x6985),  # exists with other steps
        ("68", "08", 0x9000),  # another type
        ("62", "01", 0x6985),
    ],
)
def test_use_and_identifier(algorithm: str, use: str, identifier: str, sw: int) -> None:
    assert Sam(algorithm).create(content(algorithm, use, identifier)) == sw


@pytest.mark.parametrize(
    ("algorithm", "information", "sw"),
    [
        ("3des", "6730000000000000" + "5A" * 16, 0x9000),
        ("3des", "6730000100000000" + "5A" * 8, 0x9000),
        ("3des", "6730000000000000" + "5A" * 8, 0x6A80),  # 3DES with 8 bytes
        ("3des", "6730000100000000" + "5A" * 16, 0x6A80),  # DES with 16
        ("3des", "6730000200000000" + "5A" * 16, 0x6A80),  # SSF33
        ("3des", "6730000300000000" + "5A" * 16, 0x6A80),  # SM4 in the DES environment
        ("sm4", "6730000000000000" + "5A" * 16, 0x6A80),
        ("sm4", "6730000300000000" + "5A" * 16, 0x9000),
        ("sm4", "6730010300000000" + "5A" * 16, 0x6A80),  # RFU
        ("sm4", "6730000301000000" + "5A" * 16, 0x6A80),  # access right
        ("sm4", "6730000300000000" + "5A" * 15, 0x6A80),
        ("sm4", "6730000300000000" + "5A" * 17, 0x6A80),
    ],
)
def test_algorithm_and_length(algorithm: str, information: str, sw: int) -> None:
    assert Sam(algorithm).create(information) == sw


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("length", [0, 23, 25, 200])
def test_length_byte_is_wrong(algorithm: str, length: int) -> None:
    sam = Sam(algorithm)
    assert sam.authenticate(1) == 0x9000
    challenge = sam.known_challenge()
    command = sam.load("84D40011", content(algorithm), challenge, length=length)
    assert sam.sw(command) == 0x6A80
    assert sam.deliver(0x67, 0x30) == 0x6A88


@pytest.mark.parametrize("file", [0x11, 0x12, 0x13])
def test_each_level_has_its_file(file: int) -> None:
    sam = Sam()
    assert sam.create(content("3des"), file) == 0x9000
    assert sam.deliver(0x67, 0x30) == 0x9000
    for other in (0x11, 0x12, 0x13):
        assert sam.authenticate(other - 0x10) == 0x9000
        change = sam.load(f"84D401{other:02X}", "673000" + "A5" * 16, sam.known_challenge())
        assert sam.sw(change) == (0x9000 if other == file else 0x6A88)


@pytest.mark.parametrize(
    ("information", "sw"),
    [
        ("670800" + "5A" * 16, 0x9000),
        ("470800" + "5A" * 16, 0x6A88),  # other steps
        ("660800" + "5A" * 16, 0x6A88),
        ("673100" + "5A" * 16, 0x6A88),
        ("670801" + "5A" * 16, 0x6A80),
        ("670800" + "5A" * 8, 0x6A80),  # the key has 16 bytes
        ("000100" + "5A" * 16, 0x9000),  # KID-01 itself
    ],
)
def test_change_key(information: str, sw: int) -> None:
    sam = Sam("3des", {IRK: ROOT, STK: ROOT})
    assert sam.authenticate(1) == 0x9000
    assert sam.sw(sam.load("84D40111", information, sam.known_challenge())) == sw


def test_changed_access_key_is_the_one_that_counts() -> None:
    sam = Sam()
    assert sam.authenticate(1) == 0x9000
    assert sam.sw(sam.load("84D40111", "000100" + ROOT.hex(), sam.known_challenge())) == 0x9000
    sam.enter()
    assert sam.authenticate(1) == 0x63C2
    assert sam.authenticate(1, ROOT) == 0x9000


def test_file_is_full() -> None:
    sam = Sam("3des", {})
    assert sam.authenticate(1) == 0x9000
    answers = []
    for number in range(RECORDS):
        information = content("3des", "67" if number < 48 else "66", f"{0x30 + number % 48:02X}")
        answers.append(sam.sw(sam.load("84D40011", information, sam.known_challenge())))
    assert answers == [0x9000] * (RECORDS - 1) + [0x6A84]  # KID-01 has a record too
    assert sam.deliver(0x66, 0x30 + 45) == 0x9000


def test_failed_commit_changes_nothing() -> None:
    image = create_image(Sam("3des", {}).memory)
    medium = FailingMedium(image, 0, OSError("no more"))
    sam = Sam("3des", memory=open_medium(medium, Durability.OS))
    assert sam.create(content("3des")) == 0x6581
    assert sam.deliver(0x67, 0x30) == 0x6A88

# SPDX-License-Identifier: Apache-2.0
"""INIT SAM FOR PURCHASE and CREDIT SAM: numbers used once, MAC2 tried once, power cuts."""

from __future__ import annotations

import random

import pytest

from sscard_chip.memory import Durability, create_image
from sscard_chip.memory.image import open_medium
from sscard_chip.standard.commands import INIT_SAM_FOR_MEDICAL_PURCHASE
from tests.bench.sam import ALGORITHMS, CARD, CITY, DPK, FACTORS, ROOT, SELECT_DF01, Sam
from tests.memory.medium import Done, FailingMedium, RamMedium, RecordingMedium

MAC1 = {"3des": "D319F25A", "sm4": "F4E4A0BF"}
MAC2 = {"3des": "B1A0ADFD", "sm4": "9B6D3F77"}
CREDIT = "8072000004"

both_suites = pytest.mark.parametrize("algorithm", ALGORITHMS)


def number(sam: Sam) -> int:
    return int.from_bytes(sam.ok("00B0990004"))


@both_suites
def test_mac2_is_tried_once(algorithm: str) -> None:
    sam = Sam(algorithm)
    right = CREDIT + MAC2[algorithm]
    assert sam.sw(right) == 0x6901
    assert sam.init_purchase().body.hex().upper() == "0000012C" + MAC1[algorithm]
    assert sam.sw(right) == 0x9000
    assert sam.sw(right) == 0x6901
    sam = Sam(algorithm)
    sam.init_purchase()
    assert sam.sw(CREDIT + "00000000") == 0x9302
    assert sam.sw(right) == 0x6901


@both_suites
def test_wrong_mac2_by_the_other_reading(algorithm: str) -> None:
    sam = Sam(algorithm, wrong_mac2_is_63cf=True)
    sam.init_purchase()
    assert sam.sw(CREDIT + "00000000") == 0x63CF
    assert sam.sw(CREDIT + MAC2[algorithm]) == 0x6901
    sam.power_on()
    sam.init_purchase()
    assert sam.sw(CREDIT + "00000000") == 0x63CF


@pytest.mark.parametrize(
    "between",
    [
        "00B0990004",
        "0084000008",
        "00A40200020019",
        SELECT_DF01,
        "80FA00000800000000000000",
        "80720000030000",
        "8072000104B1A0ADFD",
        "00FF0000",
    ],
)
def test_credit_must_be_the_very_next_command(between: str) -> None:
    sam = Sam()
    sam.init_purchase()
    sam.send(between)
    assert sam.sw(CREDIT + MAC2["3des"]) == 0x6901


def test_purchase_takes_the_register() -> None:
    sam = Sam()
    assert sam.deliver(0x67, 0x08) == 0x9000
    sam.init_purchase()
    assert sam.cipher(0x00, bytes(8)).sw == 0x6901


@both_suites
def test_lengths_and_levels(algorithm: str) -> None:
    sam = Sam(algorithm)
    for factors in ("", CARD, CARD + CITY, FACTORS + CARD, FACTORS + "00", FACTORS[:-2]):
        assert sam.init_purchase(factors) == (b"", 0x6700)
    good = bytes.fromhex("8070010034") + bytes(0x34)
    for p1, p2 in ((0, 0), (1, 1), (2, 0)):
        assert sam.sw(good[:2] + bytes((p1, p2)) + good[4:]) == 0x6A86
    assert number(sam) == 0x12C  # nothing of that used one up
    city = Sam(algorithm, {DPK: ROOT}, steps=1)
    assert city.init_purchase(CARD).sw == 0x9000
    assert city.init_purchase(CARD + CITY).sw == 0x6700


@both_suites
def test_version_and_algorithm(algorithm: str) -> None:
    sam = Sam(algorithm)
    other = {"3des": "03", "sm4": "00"}[algorithm]
    assert sam.init_purchase(version=2) == (b"", 0x6A88)
    assert sam.init_purchase(code=other) == (b"", 0x6A88)
    assert sam.init_purchase(code="02") == (b"", 0x6A88)
    sam.ok("00A40000023F00")
    assert sam.init_purchase() == (b"", 0x6985)
    sam.enter()
    assert number(sam) == 0x12C


def test_credit_lengths() -> None:
    sam = Sam()
    assert sam.sw("8072000003" + "000000") == 0x6700
    assert sam.sw("8072010004" + "00000000") == 0x6A86


# --- the terminal transaction number --------------------------------------------------------------


def test_last_number_is_never_given_out() -> None:
    sam = Sam(number=0xFFFFFFFE)
    assert sam.init_purchase().body[:4] == b"\xff\xff\xff\xfe"
    for _ in range(2):
        assert sam.init_purchase() == (b"", 0x6985)
    assert number(sam) == 0xFFFFFFFF


def test_each_attempt_has_a_number_of_its_own() -> None:
    sam = Sam()
    seen = [sam.init_purchase().body[:4] for _ in range(3)]
    sam.power_on()
    seen += [sam.init_purchase().body[:4] for _ in range(2)]
    sam.card.reset()
    sam.enter()
    seen.append(sam.init_purchase().body[:4])
    assert [int.from_bytes(value) for value in seen] == list(range(0x12C, 0x132))


def test_a_too_small_le_uses_no_number() -> None:
    sam = Sam()
    data = bytes.fromhex("A1B2C3D4" + "00" * 14 + "32" + "20151118185001" + "0100" + FACTORS)
    assert sam.send(INIT_SAM_FOR_MEDICAL_PURCHASE.apdu(data=data, le=4)) == (b"", 0x6C08)
    assert sam.sw(CREDIT + "00000000") == 0x6901
    answer = sam.send(INIT_SAM_FOR_MEDICAL_PURCHASE.apdu(data=data, le=8))
    assert answer.body[:4].hex() == "0000012c"


@both_suites
@pytest.mark.parametrize("durability", [Durability.OS, Durability.DISK])
def test_no_number_is_used_twice_whatever_write_is_cut(
    algorithm: str, durability: Durability
) -> None:
    """What has been answered before the cut is behind the recovered number, always."""
    image = create_image(Sam(algorithm, number=0xFE).memory)
    medium = RecordingMedium(image, volatile=durability is Durability.DISK)
    sam = Sam(algorithm, memory=open_medium(medium, durability))
    answered = [0xFD]
    for command in range(1, 9):
        medium.command = command
        answered.append(int.from_bytes(sam.init_purchase().body[:4]))
    assert answered == list(range(0xFD, 0xFD + 9))
    measures = set()
    for cut in medium.cuts(random.Random(1)):
        again = Sam(algorithm, memory=open_medium(RamMedium(cut.content), durability))
        given = int.from_bytes(again.init_purchase().body[:4])
        before = answered[cut.command - 1]  # the last answer that had left
        assert before < given <= before + 2
        measures.add((cut.done, given - before))
    assert {(Done.NONE, 1), (Done.ALL, 2)} <= measures


def test_no_answer_without_a_stored_number() -> None:
    image = create_image(Sam().memory)
    sam = Sam(memory=open_medium(FailingMedium(image, 0, OSError("no more")), Durability.OS))
    assert sam.init_purchase() == (b"", 0x6581)
    assert sam.sw(CREDIT + MAC2["3des"]) == 0x6901

# SPDX-License-Identifier: Apache-2.0
"""The vectors of the personalisation page, section 2.4, through real commands."""

from __future__ import annotations

import pytest

from sscard_chip.security.suite import DES
from sscard_chip.standard.status import StatusWord
from tests.bench.blank import CHALLENGE, NEW, TEMPORARY, TRANSPORT, ZERO, BlankBench

ALGORITHMS = ("3des", "sm4")
KCARD = {
    "3des": bytes.fromhex("D62D066CB177A599BDED1570F30CC39A"),
    "sm4": bytes.fromhex("41A597CDDCC7844D31FCDD80D54F2608"),
}


@pytest.mark.parametrize(
    ("algorithm", "answer"), [("3des", "A84356DF5C390F81"), ("sm4", "F740799FDEEED35E")]
)
def test_transport_authentication(algorithm: str, answer: str) -> None:
    bench = BlankBench(transport_algorithm=algorithm)
    bench.fix_random()
    assert bench.ok("0084000008") == CHALLENGE
    assert bench.sw("0082000008" + answer) == 0x9000


def test_the_published_samples_of_a_zero_key() -> None:
    random = bytes.fromhex("08CDF316E9DA2F96")
    assert DES.encryptor(ZERO)(random).hex().upper() == "F26EE85B78806943"
    mac = DES.key_mac(ZERO, random[:4], bytes.fromhex("8418000004"))
    assert mac.hex().upper() == "9BA006EB"


@pytest.mark.parametrize(
    ("algorithm", "command"),
    [
        (
            "3des",
            "84D401001C 936BC7B37271E3F191137CFD3067E485B7834D4F7C7EA2B8 7AAC8475",
        ),
        (
            "sm4",
            "84D4010024 CAEFA7C8FF251BF181746C945D81DF41A1E2F39E4F431CD43EC694DB935F7042 3C046B01",
        ),
    ],
)
def test_master_key_replacement(algorithm: str, command: str) -> None:
    """The master key of the MF is protected by itself: its ACw 38 has no KP1."""
    bench = BlankBench(algorithm)
    bench.make_mf()
    assert bench.write_key(1, 0, b"\0\0\0" + TEMPORARY, ZERO) == 0x9000
    bench.fix_random()
    bench.ok("0084000004", command)
    assert bench.authenticate(TEMPORARY) == 0x63C2
    assert bench.authenticate(NEW) == 0x9000


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_new_key(algorithm: str) -> None:
    command = {
        "3des": "84D4000224 E686D0AD5209480C484C299E21488860B7CDA4DF051E2E4C64D1E7FEE6724B39"
        " 309A2F72",
        "sm4": "84D4000224 4B99C7A04115D9670888588C3200667E0CCB3712F9DD792216C73437215B3F17"
        " D13F5817",
    }[algorithm]
    bench = BlankBench(algorithm)
    bench.make_ssse()
    # In SSSE a new master key comes under that of the MF: its ACw 3D has KP1.
    assert bench.write_key(1, 0, b"\0\0\0" + TEMPORARY, ZERO) == 0x9000
    bench.fix_random()
    bench.ok("0084000004", command)
    session = bench.card._session
    assert session is not None
    key = session.df.key(0x00, 0x0A, 1)
    assert key is not None
    assert (key.retry_limit, key.level, key.retry_counter) == (3, 0xAA, 3)
    assert key.secret == KCARD[algorithm]


def test_wrong_tries_of_the_transport_key() -> None:
    bench = BlankBench()
    for left in (2, 1, 0):
        assert bench.authenticate(TRANSPORT, wrong=True) == StatusWord.VERIFICATION_FAILED | left
    assert bench.authenticate(TRANSPORT) == 0x6983
    bench.card.power_on()
    assert bench.authenticate(TRANSPORT) == 0x6983
    assert bench.state == 0x0A

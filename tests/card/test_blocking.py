# SPDX-License-Identifier: Apache-2.0
"""APPLICATION BLOCK and CARD BLOCK: who may, and what is left afterwards."""

from __future__ import annotations

import pytest

from sscard_chip.standard.commands import SELECT
from tests.bench.issued import SELECT_SSSE, SSSE, SUITES_OF_CARDS, Bench

BK, LK = 0x05, 0x83


def block_application(bench: Bench, key: str | None = None) -> int:
    stk = bench.key(key or f"STK{bench.at:04X}")
    return bench.sw(bench.secured("841E0001", b"", stk, bench.challenge()))


def block_card(bench: Bench) -> int:
    return bench.sw(bench.secured("84160000", b"", bench.key("STKSSSE"), bench.challenge()))


@pytest.mark.parametrize(("generation", "algorithm"), SUITES_OF_CARDS)
@pytest.mark.parametrize("directory", [0xDF03, 0xDF04])
def test_application(generation: int, algorithm: str, directory: int) -> None:
    bench = Bench(generation, algorithm=algorithm)
    bench.enter(directory)
    assert bench.authenticate(LK) == 0x9000
    assert block_application(bench) == 0x9000
    name = bench.profile.directory(directory).df_name
    select = SELECT.apdu(data=directory.to_bytes(2))
    # While it is current, SELECT of something else is all that is left.
    for command in ("00B2012C00", "0084000008", "00A4020002EF05", "0020000003123456",
                    "00DC012C03200131", "841E000104" + "00" * 4, "B026000104"):  # fmt: skip
        assert bench.sw(command) == 0x9303
    assert bench.sw(select) == 0x9303
    assert bench.sw(SELECT.apdu(0x04, data=name)) == 0x9303
    bench.enter(0xDF01)  # others are as before
    assert bench.verify() == 0x9000
    assert bench.ok("00B2012C00")[0] == 0x20
    assert bench.sw(select) == 0x9303
    assert bench.ok("00B2012C00")[0] == 0x20  # the refused SELECT left everything
    bench.power_cycle()  # for good
    bench.enter(SSSE)
    assert bench.sw(select) == 0x9303
    assert bench.sw(SELECT.apdu(0x01, data=directory.to_bytes(2))) == 0x9303
    assert bench.sw(SELECT.apdu(0x04, data=name)) == 0x9303


def test_partial_names_still_pass_a_blocked_application() -> None:
    bench = Bench(2)
    bench.enter(0xDF03)
    assert bench.authenticate(LK) == 0x9000
    assert block_application(bench) == 0x9000
    assert bench.sw("00A4040006D15600000502") == 0x9303
    assert bench.ok("00A4040006D15600000503")[-1] == 0x03


def test_application_needs_its_key() -> None:
    bench = Bench(2)
    bench.enter(0xDF03)
    before = bytes(bench.memory.cells)
    assert bench.verify() == 0x9000
    for kid in (0x84, 0x85, 0x86, 0x05):
        assert bench.authenticate(kid) == 0x9000
    assert block_application(bench) == 0x6982
    assert bench.authenticate(LK) == 0x9000
    stk = bench.key("STKDF03")
    assert bench.sw(bench.secured("841E0001", b"", stk, bytes(8))) == 0x6984
    assert block_application(bench, "STKSSSE") == 0x6988
    assert block_application(bench, "STKDF04") == 0x6988
    assert bench.memory.cells == before
    assert block_application(bench) == 0x9000


@pytest.mark.parametrize("directory", [0xDF01, 0xDF02, 0xDF07])
def test_an_update_key_of_the_same_number_is_no_blocking_key(directory: int) -> None:
    """kid 83 is LK in DF03 and DF04 alone."""
    bench = Bench(2)
    bench.enter(directory)
    before = bytes(bench.memory.cells)
    assert bench.authenticate(LK) == 0x9000
    assert block_application(bench) == 0x6982
    assert bench.memory.cells == before


def test_the_environment_is_no_application() -> None:
    bench = Bench(2)
    bench.enter(SSSE)
    assert bench.authenticate(BK) == 0x9000
    assert block_application(bench, "STKSSSE") == 0x6985


@pytest.mark.parametrize(("generation", "algorithm"), SUITES_OF_CARDS)
@pytest.mark.parametrize("directory", [SSSE, 0xDF02])
def test_card(generation: int, algorithm: str, directory: int) -> None:
    bench = Bench(generation, algorithm=algorithm)
    bench.enter(directory)
    assert bench.authenticate(BK) == 0x9000
    assert block_card(bench) == 0x9000
    for _ in range(2):
        for command in (SELECT_SSSE, "00A40000023F00", "00B2012C00", "0084000008", "0020000000",
                        "841600000400000000", "B0280101" + "13" + "00" * 19,
                        "B02C01000F" + "00" * 15, "00FF0000", "FF000000"):  # fmt: skip
            assert bench.sw(command) == 0x6A81
        bench.power_cycle()


def test_card_needs_its_key() -> None:
    bench = Bench(2)
    bench.enter(SSSE)
    assert bench.verify() == 0x9000
    for kid in (0x04, 0x06, 0x0A):
        assert bench.authenticate(kid) == 0x9000
    assert block_card(bench) == 0x6982
    assert bench.authenticate(BK) == 0x9000
    before = bytes(bench.memory.cells)
    stk = bench.key("STKSSSE")
    assert bench.sw(bench.secured("84160000", b"", stk, bytes(8))) == 0x6984
    wrong = bench.secured("84160000", b"", bench.key("STKDF01"), bench.challenge())
    assert bench.sw(wrong) == 0x6988
    assert bench.memory.cells == before
    assert block_card(bench) == 0x9000


@pytest.mark.parametrize("header", ["84160000", "841E0001"])
def test_any_number_of_failures(header: str) -> None:
    """Neither the key of authorisation nor STK is ever locked."""
    bench = Bench(2)
    card = header == "84160000"
    bench.enter(SSSE if card else 0xDF04)
    kid = BK if card else LK
    for _ in range(20):
        assert bench.authenticate(kid, wrong=True) == 0x63CF
        assert bench.authenticate(kid) == 0x9000
        bench.challenge()
        assert bench.sw(header + "0400000000") == 0x6988
    assert (block_card if card else block_application)(bench) == 0x9000


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("841600010400000000", 0x6A86),
        ("841601000400000000", 0x6A86),
        ("8416000003000000", 0x6700),
        ("84160000", 0x6700),
        ("001600000400000000", 0x6E00),
        ("841E00000400000000", 0x6A86),
        ("841E0001050000000000", 0x6700),
        ("001E00010400000000", 0x6E00),
    ],
)
def test_refused(command: str, expected: int) -> None:
    bench = Bench(2)
    bench.enter(0xDF04)
    assert bench.authenticate(LK) == 0x9000
    assert bench.authenticate(BK) == 0x9000
    assert bench.sw(command) == expected

# SPDX-License-Identifier: Apache-2.0
"""How long rights live: reset, power, change of the DF, selection inside it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.bench.issued import SELECT_SSSE, SSSE, Bench

READ = "00B2012C00"  # DF01 EF05, read by PIN or RK1DF01
UPDATE = "00DC012C0420023131"  # written with UK1DF01
AWAY: dict[str, Callable[[Bench], object]] = {
    "ssse": lambda bench: bench.enter(SSSE),
    "mf": lambda bench: bench.enter(0x3F00),
    "sibling": lambda bench: bench.ok("00A4000002DF02"),
    "name": lambda bench: bench.ok("00A4040006D15600000501"),
    "parent": lambda bench: bench.ok("00A40300"),
}


@pytest.fixture
def bench() -> Bench:
    bench = Bench(2)
    bench.enter(0xDF01)
    return bench


def test_nothing_at_first(bench: Bench) -> None:
    assert bench.sw(READ) == 0x6982
    assert bench.sw(UPDATE) == 0x6982


@pytest.mark.parametrize("where", AWAY)
def test_keys_are_lost_and_the_pin_stays(bench: Bench, where: str) -> None:
    assert bench.authenticate(0x83) == 0x9000
    assert bench.authenticate(0x88) == 0x9000
    assert bench.sw(UPDATE) == 0x9000
    AWAY[where](bench)
    bench.enter(0xDF01)
    assert bench.sw(READ) == 0x6982
    assert bench.sw(UPDATE) == 0x6982
    assert bench.verify() == 0x9000
    AWAY[where](bench)
    bench.enter(0xDF01)
    assert bench.ok(READ)[0] == 0x20
    assert bench.sw(UPDATE) == 0x6982


@pytest.mark.parametrize("power", ["reset", "power_cycle"])
def test_power_takes_everything(bench: Bench, power: str) -> None:
    assert bench.authenticate(0x83) == 0x9000
    assert bench.verify() == 0x9000
    getattr(bench, power)()
    assert bench.sw("00B2000400") == 0x6986  # the MF, and no EF
    bench.enter(0xDF01)
    assert bench.sw(READ) == 0x6982
    assert bench.sw(UPDATE) == 0x6982


@pytest.mark.parametrize(
    "command",
    [
        "00A4000002DF01",  # the DF that is current
        "00A4040006D15600000500",
        "00A4020002EF06",
        "00A4020002EFEE",
        "00A40000027F01",
        "00B2093400",
        "0020000003999999",
        "0082008310" + "00" * 16,
        "0000",
        "FFFF000000",
    ],
)
def test_what_does_not_touch_rights(bench: Bench, command: str) -> None:
    assert bench.authenticate(0x83) == 0x9000
    assert bench.authenticate(0x88) == 0x9000
    bench.send(command)
    assert bench.ok(READ)[0] == 0x20
    assert bench.sw(UPDATE) == 0x9000


def test_each_key_opens_its_own_files_alone(bench: Bench) -> None:
    updates = {
        0x83: UPDATE,
        0x86: "00DC033411280F" + "30" * 15,
        0x84: "00DC013C03290131",
        0x85: "00DC014403" + "2B0131",
        0x87: "00DC015405" + "370343484E",
        0x89: "00DC01AC03" + "2A0111",
    }
    for kid, command in updates.items():
        bench.enter(SSSE)
        bench.enter(0xDF01)
        assert bench.authenticate(kid) == 0x9000
        for other, refused in updates.items():
            assert bench.sw(refused) == (0x9000 if other == kid else 0x6982)
        assert bench.sw(READ) == 0x6982
        assert bench.sw(command) == 0x9000


def test_keys_add_up(bench: Bench) -> None:
    for kid in (0x83, 0x86):
        assert bench.authenticate(kid) == 0x9000
    assert bench.sw(UPDATE) == 0x9000
    assert bench.sw("00DC033411280F" + "30" * 15) == 0x9000


def test_a_failure_takes_back_nothing(bench: Bench) -> None:
    assert bench.authenticate(0x83) == 0x9000
    assert bench.authenticate(0x83, wrong=True) == 0x63C2
    assert bench.sw(UPDATE) == 0x9000


def test_the_same_number_in_another_application() -> None:
    """kid 83 of DF02 opens DF02 EF05, and nothing in DF01."""
    bench = Bench(2)
    bench.enter(0xDF02)
    assert bench.authenticate(0x83) == 0x9000
    bench.ok("00A4000002DF01")
    assert bench.sw(UPDATE) == 0x6982


def test_local_and_global_levels_are_two_things() -> None:
    bench = Bench(2)
    bench.enter(0xDF01)
    assert bench.authenticate(0x0A) == 0x9000  # RKSSSE, level A; UK7DF01 has it too
    assert bench.sw("00D6960001AA") == 0x6982
    assert bench.authenticate(0x8A) == 0x9000
    assert bench.sw("00D6960001AA") == 0x9000


def test_two_cards_share_nothing() -> None:
    first, second = Bench(2), Bench(2)
    for bench in (first, second):
        bench.enter(0xDF01)
    assert first.verify() == 0x9000
    assert first.ok(READ)[0] == 0x20
    assert second.sw(READ) == 0x6982
    second.ok(SELECT_SSSE)
    assert first.ok(READ)[0] == 0x20


def test_no_pin_set_satisfies_the_pin() -> None:
    bench = Bench(2, pin=None)
    bench.enter(0xDF01)
    assert bench.ok(READ)[0] == 0x20
    assert bench.sw(UPDATE) == 0x6982
    bench.enter(0xDF04)
    assert bench.sw("00B2013400") == 0x6982  # PIN and RK1DF04
    assert bench.authenticate(0x84) == 0x9000
    assert bench.ok("00B2013400")[0] == 0x90


@pytest.mark.parametrize("order", ["pin first", "key first"])
def test_pin_and_key_in_any_order(order: str) -> None:
    bench = Bench(2)
    bench.enter(0xDF04)
    steps: list[Callable[[], int]] = [bench.verify, lambda: bench.authenticate(0x84)]
    for step in steps if order == "pin first" else reversed(steps):
        assert bench.sw("00B2013400") == 0x6982
        assert step() == 0x9000
    assert bench.ok("00B2013400")[0] == 0x90

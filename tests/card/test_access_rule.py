# SPDX-License-Identifier: Apache-2.0
"""Access byte and right bytes, every combination of a right XY with the PIN, read from the page.

The rules are written out here once more, digit by digit: a right byte XY with X = 0 is free, with
X <= Y it wants any level X..Y, with X > Y it is never satisfied. Bit 0 of the access byte wants the
PIN; bit 1 says that the PIN *or* the right is enough.
"""

from __future__ import annotations

import pytest

from sscard_chip.security.access import AccessRule, permits
from sscard_chip.security.status import SecurityStatus
from tests.bench.issued import Bench

PIN_AND, PIN_OR = 0x01, 0x03


def status(*, environment: tuple[int, ...] = (), local: tuple[int, ...] = ()) -> SecurityStatus:
    """Levels that have been reached, as the keys of the card would have set them."""
    found = SecurityStatus()
    found.global_levels = sum(1 << level for level in environment)
    found.local_levels = sum(1 << level for level in local)
    return found


def allows(access: int, right: int, found: SecurityStatus, *, pin: bool) -> bool:
    rule = AccessRule.decode(access, right)
    return permits(rule, found, pin_satisfied=pin, masters=(0, 0))


@pytest.mark.parametrize("y", range(1, 16))
@pytest.mark.parametrize("side", [0, 8], ids=["local", "environment"])
def test_x_of_zero_is_free_and_the_pin_is_asked_for_all_the_same(side: int, y: int) -> None:
    right, nothing = y << side, status()
    assert allows(0x00, right, nothing, pin=False)
    assert not allows(PIN_AND, right, nothing, pin=False)
    assert allows(PIN_AND, right, nothing, pin=True)
    assert allows(PIN_OR, right, nothing, pin=False)  # the right is there, without any key


@pytest.mark.parametrize("pin", [False, True])
@pytest.mark.parametrize("access", [0x00, PIN_AND, PIN_OR])
def test_every_right_byte_with_every_single_level(access: int, pin: bool) -> None:
    for right in range(256):
        x, y = divmod(right, 16)
        for level in range(16):
            reached = x == 0 or (x <= level <= y)
            wanted = {0x00: reached, PIN_AND: reached and pin, PIN_OR: reached or pin}[access]
            levels = (level,) if level else ()
            where = f"right {right:02X}, level {level}"
            assert allows(access, right, status(local=levels), pin=pin) is wanted, where
            assert allows(access, right << 8, status(environment=levels), pin=pin) is wanted, where


def test_both_bytes_must_hold() -> None:
    for local, environment, wanted in (
        ((), (), False), ((4,), (), False), ((), (5,), False), ((4,), (5,), True),
    ):  # fmt: skip
        assert allows(0x00, 0x5544, status(local=local, environment=environment), pin=False) is (
            wanted
        )


def test_a_card_whose_file_has_x_of_zero_and_the_pin() -> None:
    """The same on a card: right 0003 with the PIN needs the PIN and no key."""
    bench = Bench(2)
    bench.enter(0xDF01)
    ef = next(d for d in bench.card.files.directories if d.fid == 0xDF01).files[0xEF05]
    ef.read_rule = AccessRule.decode(PIN_AND, 0x0003)
    assert bench.sw("00B2012C00") == 0x6982
    assert bench.verify() == 0x9000
    assert bench.ok("00B2012C00")[0] == 0x20

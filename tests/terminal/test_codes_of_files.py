# SPDX-License-Identifier: Apache-2.0
"""Return codes of reading and writing."""

from __future__ import annotations

import pytest

from tests.bench.desk import TERMINAL, Desk
from tests.bench.issued import GENERATIONS
from tests.terminal.calls import READ


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("DF01EF1F|20|$", -27266),
        ("DF0BEF05|20|$", -27266),
        ("SSSEEF09|20|$", -27266),
        ("DF01EF05|99|$", -27267),
        ("DF01EF05|20:2|$", -27267),
        ("DF02EF07|4|$", -27267),
        ("DF01EF05|2|$", -14),
        ("DF01EF05|20:0|$", -14),
        ("DF02EF07|0|$", -14),
        ("DF02EF07|255|$", -14),
        ("DF01EF05|20|", -14),
        ("SSSEEF07|01|$", -14),
    ],
)
def test_files_and_items_that_are_not_there(generation: int, address: str, code: int) -> None:
    assert Desk(generation).read(address)[0] == code


@pytest.mark.parametrize("authentication", [0, 3])
def test_an_unknown_authentication(authentication: int) -> None:
    desk = Desk(2)
    assert desk.read(READ, authentication)[0] == -14


@pytest.mark.parametrize(
    ("address", "data", "code"),
    [
        ("DF01EF05|20|$", "111|$", -42),
        ("DF01EF05|0E|$", "5101040|$", -42),
        ("DF01EF05|0E|$", "51010x|$", -41),
        ("DF01EF05|21|$", "路^1|$", -41),
        ("DF01EF05|21|$", "路\ufffd|$", -41),
        ("DF01EF05|21|$", "路" * 41 + "|$", -42),
        ("DF01EF05|20|$", "11|12|$", -14),
        ("DF01EF05|20|21|$", "11|$", -14),
        ("DF01EF05|99|$", "11|$", -27267),
        ("DF01EF15|40:4|$", "1^1^1^|$", -27267),
        ("DF01EF15|40|$", "1^1^|$", -14),
        ("DF01EF15|40|$", "1^123456^x|$", -14),
        ("DF01EF15|40|$", "1^A^x^|$", -41),
        ("DF02EF07|$", "1^2^3^|$", -14),
        ("DF02EF07|1|$", "1^20200101^20200101^x^|$", -14),
        ("DF01EF16|$", "ABC|$", -41),
        ("DF01EF16|$", "A1|B2|$", -14),
        ("DF01EF16|$", "A1" * 0x129 + "|$", -42),
        ("DF01EF16|20|$", "A1|$", -14),
        ("DF01EF1F|20|$", "A1|$", -27266),
        ("DF04EF08|$", f"0001^2^{TERMINAL}^20260102030405^00000001^00000001^00000001^|$", -27010),
    ],
)
def test_writes_that_are_refused(address: str, data: str, code: int) -> None:
    desk = Desk(2)
    before = desk.card.image()
    assert desk.write(address, data)[0] == code
    assert desk.card.image() == before


def test_nothing_is_written_when_a_later_item_is_wrong() -> None:
    desk = Desk(2)
    assert desk.write("DF01EF05|20|$DF01EF07|29|$", "21|$33|$")[0] == -42
    assert desk.read("DF01EF05|20|$") == (0, "DF01EF05|11|$")


def test_an_answer_longer_than_the_callers_buffer() -> None:
    desk = Desk(2)
    assert desk.write("SSSEEF08|$", "5A" * 0x1000 + "|$")[0] == 0
    code, text = desk.read("SSSEEF08|$")
    assert (code, len(text)) == (0, len("SSSEEF08||$") + 0x2000)
    assert desk.read("SSSEEF08|$" * 3)[0] == -42

# SPDX-License-Identifier: Apache-2.0
"""Return codes about the PSAM, and the turn to the HSM."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from issuance.psam import make_psam
from sscard_chip.memory import Memory
from sscard_chip.profile.psam_keys import KEYS
from tests.bench import sam as psams
from tests.bench.desk import PAY, TERMINAL, Desk, psam_memory
from tests.bench.issued import GENERATIONS, roots
from tests.terminal.calls import READ

OTHER_CITY = "510300"
FAIL_OVER = {-2201, -2202, -2203, -27272, -24}


def foreign(level: int) -> Memory:
    return psam_memory(level, city=OTHER_CITY)


@pytest.mark.parametrize("algorithm", ["3des", "sm4"])
def test_a_psam_of_another_city(algorithm: str) -> None:
    """Keys of another city prove nothing; the ministry's and the province's serve both."""
    desk = Desk(3, algorithm, psam=foreign(3))
    assert desk.code("iReadCardBas", 1) == -21
    for left in (2, 1, 0):
        assert desk.read(READ, 2)[0] == -(0x63C0 + left)
    assert desk.read(READ, 2)[0] == -27011  # 6983: the key is locked
    for level in (1, 2):
        assert Desk(3, algorithm, psam=foreign(level)).code("iReadCardBas", 1) == 0


@pytest.mark.parametrize("generation", [1, 2])
def test_a_card_that_cannot_prove_itself(generation: int) -> None:
    """Genuine card, wrong PSAM: to the terminal it is the card that fails."""
    desk = Desk(generation, psam=foreign(3))
    assert desk.call("iReadCardBas", 1) == (-21, "the card is not genuine")


FAILURES: list[tuple[str, int, Callable[[], Memory | None], int]] = [
    ("none", 3, lambda: None, -2201),
    ("no SM4", 3, lambda: psam_memory(3, "3des"), -2202),
    ("level", 3, lambda: _both(steps=0), -24),
    ("no RKSSSE", 3, lambda: _without("RKSSSE"), -2203),
    ("no RK1DF01", 2, lambda: _without("RK1DF01"), -27272),
    ("no SM4 for the rest", 2, lambda: psam_memory(3, "sm4"), -27272),
]


def _without(root: str) -> Memory:
    """A PSAM of a city that lacks a key."""
    rows = tuple(row for row in KEYS if row.root != root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("issuance.psam.KEYS", rows)
        return make_psam(roots(), level=3, terminal_id=TERMINAL, serial="1")


def _both(steps: int) -> Memory:
    return psams.make(("3des", "sm4"), psams.SERVED, steps=steps)


@pytest.mark.parametrize(
    ("generation", "psam", "code"), [row[1:] for row in FAILURES], ids=[row[0] for row in FAILURES]
)
def test_psams_that_cannot_help_send_the_caller_to_the_hsm(
    generation: int, psam: Callable[[], Memory | None], code: int
) -> None:
    memory = psam()
    desk = Desk(generation, psam=memory, psam_level=None)
    address = "SSSEEF06|08|$" if generation == 3 else "DF01EF05|20|$"
    result, text = desk.read(address, 2)
    assert result == code
    assert code in FAIL_OVER
    assert "|" not in text
    if generation == 3:
        closed, text = desk.call("iReadCardBas", 1)
        assert closed == code
        assert text.split("|")[1:5:3] == ["", ""]
        opened = desk.with_hsm("iReadCardBas", 1)
        assert (opened.code, opened.output.split("|")[1]) == (0, "990000200102030012")
    answer = desk.with_hsm("iReadCard", 1, desk.card_info, address)
    assert (answer.code, answer.output.startswith(address[:9])) == (0, True)


def test_an_empty_psam_slot_is_no_psam() -> None:
    desk = Desk(2)
    assert desk.psam is not None
    desk.psam.remove()
    assert desk.read("DF01EF05|20|$", 2)[0] == -2201
    assert desk.code("iReadCardBas", 1) == 0  # generation 2 gives it freely


def test_an_stk_that_only_macs_unblocks_and_does_not_reload() -> None:
    desk = Desk(2, psam=psam_memory(3, stk_reloads_pin=False))
    assert desk.code("iUnblockPIN", 1, desk.card_info) == 0
    assert desk.code("iReloadPIN", 1, desk.card_info) == -27272


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("generation", GENERATIONS)
def test_psams_with_later_key_versions(version: int, generation: int) -> None:
    desk = Desk(generation, psam=psam_memory(3, key_version=version))
    assert desk.code("iReadCardBas", 1) == 0
    assert desk.read("DF03EF07|6C|$", 2)[0] == 0
    assert desk.write("DF03EF07|6C|$", "20600101|$")[0] == 0
    assert desk.code("iUnblockPIN", 1, desk.card_info) == 0
    code, text = desk.call("iDoDebit", 1, desk.card_info, PAY)
    assert (code, text.split("|")[1]) == (0, {2: "0199", 3: "019C"}[version])


def test_ssf33_is_not_public() -> None:
    desk = Desk(2, city="110000")
    assert desk.code("iReadCardBas", 1) == -2202
    assert Desk(2, psam_level=None, city="110000").code("iReadCardBas", 1) == 0

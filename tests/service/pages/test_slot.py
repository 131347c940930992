# SPDX-License-Identifier: Apache-2.0
"""The kiosk's slot: what proves a card, and what does not."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from issuance.roots import create_roots
from sscard_chip.card import Card
from sscard_chip.terminal.connection import Connection, EmptySlot, Slots
from sscard_chip.terminal.hsm import Hsm
from sscard_service.pages import ImagePort, KioskSlot, SlotError
from tests.bench.desk import PIN, issue, psam_memory
from tests.bench.issued import roots
from tests.service.pages.conftest import CARD, identification


def psam() -> Connection:
    found = Slots.of_card(Card(psam_memory(3).copy())).contact
    assert found is not None
    return found


def port(tmp_path: Path, generation: int = 2) -> ImagePort:
    path = tmp_path / "card.ssc"
    Card(issue(generation, "sm4" if generation == 3 else "3des")).save(path)
    return ImagePort(path)


@pytest.mark.parametrize("generation", [1, 2, 3])
@pytest.mark.parametrize("with_psam", [True, False], ids=["psam", "hsm"])
def test_a_card_of_each_generation_proves_itself(
    tmp_path: Path, generation: int, with_psam: bool
) -> None:
    place = port(tmp_path, generation)
    code = identification(place.path)
    place.insert()
    slot = KioskSlot(
        place, psam=psam() if with_psam else None, hsm=None if with_psam else Hsm(roots())
    )
    proof = slot.prove(PIN)
    assert (proof.card_id_code, proof.authenticated, proof.pin_verified) == (code, True, True)
    place.close()


def test_a_card_of_other_keys_is_not_genuine(tmp_path: Path) -> None:
    place = port(tmp_path)
    place.insert()
    other = Hsm(create_roots(random.Random(8).randbytes))
    with pytest.raises(SlotError) as caught:
        KioskSlot(place, hsm=other).prove(PIN)
    assert caught.value.code == "not_genuine"
    place.close()


@pytest.mark.parametrize("generation", [1, 2, 3])
def test_nothing_proves_a_card_without_a_psam_that_answers(tmp_path: Path, generation: int) -> None:
    place = port(tmp_path, generation)
    place.insert()
    for sam in (None, EmptySlot()):
        with pytest.raises(SlotError):
            KioskSlot(place, psam=sam).prove(PIN)
    place.close()


def test_wrong_pins_are_counted_and_what_is_no_pin_is_not(tmp_path: Path) -> None:
    place = port(tmp_path)
    place.insert()
    slot = KioskSlot(place, psam=psam())
    left = []
    for pin in ("111111", "12", "abc", "", "222222"):
        with pytest.raises(SlotError) as caught:
            slot.prove(pin)
        left.append((caught.value.code, caught.value.tries))
    first = left[0][1]
    assert first is not None
    assert left[1:4] == [("pin_format", None)] * 3
    assert left[4] == ("pin_wrong", first - 1)
    assert slot.prove(PIN).pin_verified
    place.close()


def test_another_card_is_not_the_one_that_the_visit_began_with(tmp_path: Path) -> None:
    place = port(tmp_path)
    with pytest.raises(SlotError) as gone:
        KioskSlot(place, psam=psam()).prove(PIN)
    assert gone.value.code == "no_card"
    place.insert()
    slot = KioskSlot(place, psam=psam())
    code = slot.prove(PIN).card_id_code
    place.remove()
    place.path.unlink()
    Card(issue(3, "sm4", card_number=CARD)).save(place.path)
    place.insert()
    for work in (
        lambda: slot.contents(PIN, card=code),
        lambda: slot.change_pin(PIN, "246802", "246802", card=code),
    ):
        with pytest.raises(SlotError) as caught:
            work()
        assert caught.value.code == "other_card"
    place.close()

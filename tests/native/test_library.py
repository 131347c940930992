# SPDX-License-Identifier: Apache-2.0
"""The Python side of the shared library, without C: opening, faults, bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from sscard_chip.card import Card
from sscard_driver.library import INPUT_LIMIT, DriverLibrary, encode_answer
from tests.bench.desk import Desk
from tests.bench.issued import roots
from tests.native.native import Images


def library(images: Images, **options: str) -> DriverLibrary:
    given = images.options | options
    return DriverLibrary({f"SSCARD_DRIVER_{name.upper()}": value for name, value in given.items()})


@pytest.fixture
def images(tmp_path: Path) -> Images:
    return Images.of(Desk(2), tmp_path)


def test_an_answer_that_just_fits_and_one_that_does_not() -> None:
    assert encode_answer(0, "社保卡x", "gb18030", 8) == (0, "社保卡x\0".encode("gbk"))
    code, data = encode_answer(0, "社保卡xy", "gb18030", 8)
    assert code == -42
    assert len(data) == 8
    assert data[-1] == 0
    assert encode_answer(0, "社保卡", "utf-8", 9)[0] == -42
    assert encode_answer(-51, "two tries", "utf-8", 1024) == (-51, b"two tries\0")


def test_characters_outside_of_gbk_are_gb18030() -> None:
    assert encode_answer(0, "\U00020000", "gb18030", 8) == (0, b"\x95\x32\x82\x36\0")


def test_opening_is_tried_again(images: Images) -> None:
    with Card.open(images.card):
        called = library(images)
        code, text = called.call("iReadCardBas", [1], 1024)
        assert code == -12
        assert b"card.ssc" in text
        with Card.open(images.psam):
            pass  # nothing was left open
    assert called.call("iReadCardBas", [1], 1024)[0] == 0
    called.close()
    with Card.open(images.card), Card.open(images.psam):
        pass


def test_wrong_parameters(images: Images) -> None:
    called = library(images, encoding="utf-8")
    code, text = called.call("iReloadPIN", [1, "卡".encode("gbk")], 1024)
    assert (code, text) == (-41, b"a parameter is not text in UTF-8\0")
    assert called.call("iReloadPIN", [1, b"1" * INPUT_LIMIT], 1024)[0] == -42
    assert called.call("iReadCardBas", [9], 1024)[0] == -14
    called.close()


def test_a_fault_is_logged_without_what_it_says(images: Images, tmp_path: Path) -> None:
    log = tmp_path / "driver.log"
    called = library(images, log=str(log))
    assert called.call("135790", [], 1024) == (-5, b"internal error\0")
    text = log.read_text()
    assert "KeyError at library.py:" in text
    called.close()


def test_steps_that_an_hsm_does_not_answer(images: Images) -> None:
    keys = images.card.with_name("roots.json")
    roots().save(keys)
    called = library(images, keys=str(keys))
    assert called.call("iHSM_Answer", [b"iReadCard", b"x"], 1024)[0] == -14
    assert called.call("iHSM_Answer", [b"iReadCard_HSM_Step1", b"x"], 1024)[0] == -3
    code, text = called.call("iHSM_Answer", [b"iReadCardBas_HSM_Step1", b"x"], 1024)
    assert code == -23
    assert b"8 fields" in text
    called.close()


def test_pin_services_with_the_hsm(images: Images) -> None:
    """All three steps of iReloadPIN and iUnblockPIN, as a program in C would make them."""
    keys = images.card.with_name("roots.json")
    roots().save(keys)
    called = library(images, keys=str(keys), new_pin="246802")
    card = images.desk.card_info.encode()
    for name in ("iReloadPIN", "iUnblockPIN"):
        code, request = called.call(f"{name}_HSM_Step1", [1, card], 1024)
        for step in (1, 2):
            assert code == 0
            previous = f"{name}_HSM_Step{step}"
            code, key = called.call("iHSM_Answer", [previous.encode(), request[:-1]], 1024)
            assert code == 0
            code, request = called.call(f"{name}_HSM_Step{step + 1}", [key[:-1]], 1024)
        assert (code, request) == (0, b"\0")
    assert called.call("iVerifyPIN", [1], 1024)[0] == -51
    called.close()
    called = library(images, pin="246802")
    assert called.call("iVerifyPIN", [1], 1024)[0] == 0
    called.close()

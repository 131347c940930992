# SPDX-License-Identifier: Apache-2.0
"""Return codes of the HSM steps."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sscard_chip.profile import for_generation
from sscard_chip.profile.local import load_local_file
from sscard_chip.terminal.driver import (
    Settings,
)
from tests.bench.desk import PAY, Desk
from tests.bench.issued import GENERATIONS
from tests.terminal.calls import KEY, LATER, READ, arguments

GOOD_KEYS = {
    "iDoDebit_HSM_Step2": "00000001|20260102030405|00000000|",
    "iReadCardBas_HSM_Step2": f"{KEY}|{KEY}|",
}


@pytest.mark.parametrize("name", LATER)
def test_a_step_without_the_one_before(name: str) -> None:
    desk = Desk(2)
    given = arguments(desk, name)
    given[0] = GOOD_KEYS.get(name, KEY)
    assert desk.call(name, *given) == (-3, "the step before this one was not done")


@pytest.mark.parametrize("between", ["iReadCardBas", "iVerifyPIN"])
def test_another_function_ends_what_was_begun(between: str) -> None:
    desk = Desk(2)
    assert desk.code("iReadCard_HSM_Step1", 1, desk.card_info, READ) == 0
    assert desk.code(between, 1) == 0
    assert desk.code("iReadCard_HSM_Step2", KEY) == -3


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("iReadCard_HSM_Step1", "iWriteCard_HSM_Step2"),
        ("iWriteCard_HSM_Step1", "iReadCard_HSM_Step2"),
        ("iReloadPIN_HSM_Step1", "iUnblockPIN_HSM_Step2"),
        ("iUnblockPIN_HSM_Step1", "iReloadPIN_HSM_Step3"),
        ("iReloadPIN_HSM_Step1", "iReloadPIN_HSM_Step3"),
        ("iReadCardBas_HSM_Step1", "iDoDebit_HSM_Step2"),
    ],
)
def test_a_step_of_another_function(first: str, second: str) -> None:
    desk = Desk(2)
    assert desk.code(first, *arguments(desk, first)) == 0
    given = arguments(desk, second)
    given[0] = GOOD_KEYS.get(second, KEY)
    assert desk.code(second, *given) == -3


def test_no_hsm_is_needed_for_free_files() -> None:
    for generation in GENERATIONS:
        desk = Desk(generation)
        assert desk.code("iReadCard_HSM_Step1", 1, desk.card_info, "SSSEEF05|07|$") == -2204
    desk = Desk(2)
    assert desk.code("iReadCard_HSM_Step1", 1, desk.card_info, "DF04EF08|$") == -2204


def test_one_key_for_each_call() -> None:
    desk = Desk(2)
    address = "DF01EF05|20|$DF02EF06|4C|$"
    assert desk.code("iReadCard_HSM_Step1", 1, desk.card_info, address) == -14


def test_a_wrong_answer_of_the_hsm() -> None:
    desk = Desk(2)
    assert desk.code("iReadCard_HSM_Step1", 1, desk.card_info, READ) == 0
    assert desk.code("iReadCard_HSM_Step2", KEY) == -25538  # 63C2
    assert desk.code("iReadCardBas_HSM_Step1", 1) == 0
    assert desk.code("iReadCardBas_HSM_Step2", f"{KEY}||") == -25
    assert desk.code("iDoDebit_HSM_Step1", 1, desk.card_info, PAY) == 0
    assert desk.code("iDoDebit_HSM_Step2", GOOD_KEYS["iDoDebit_HSM_Step2"]) == -37634  # 9302
    assert desk.call("iReadDebitRecord", 1) == (0, "")


def test_step_2_wants_the_external_proof_of_generation_3() -> None:
    desk = Desk(3)
    _, request = desk.call("iReadCardBas_HSM_Step1", 1)
    internal, _, _ = desk.hsm.read_card_bas(request).partition("|")
    assert desk.code("iReadCardBas_HSM_Step2", f"{internal}||") == -14


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda command: command[:-2], -42),
        (lambda command: command + "00", -42),
        (lambda command: "80" + command[2:], -14),
        (lambda command: command[:-8] + "00000000", -27016),  # 6988
    ],
)
@pytest.mark.parametrize("name", ["iReloadPIN", "iUnblockPIN"])
def test_step_3_with_another_command(name: str, change: Callable[[str], str], code: int) -> None:
    desk = Desk(2)
    _, request = desk.call(f"{name}_HSM_Step1", 1, desk.card_info)
    hsm = desk.hsm.card(desk.driver.division, desk.driver.reset_information)
    code_2, request = desk.call(f"{name}_HSM_Step2", hsm.authenticate(request))
    assert code_2 == 0
    assert desk.code(f"{name}_HSM_Step3", change(hsm.pin_command(request))) == code
    assert desk.code("iVerifyPIN", 1) == 0


def test_step_2_of_writing_checks_its_values() -> None:
    desk = Desk(2)
    info = desk.card_info
    for data, code in (("1|$2|$", -14), ("111|$", -42)):
        code_1, request = desk.call("iWriteCard_HSM_Step1", 1, info, "DF01EF05|20|$")
        assert code_1 == 0
        hsm = desk.hsm.card(desk.driver.division, desk.driver.reset_information)
        assert desk.code("iWriteCard_HSM_Step2", hsm.authenticate(request), data) == code


def test_a_key_without_address() -> None:
    local = load_local_file("examples/local-files.toml")
    profile = for_generation(2, local_files=[local])
    settings = Settings(profiles=lambda generation: profile)
    keyed = next(
        (directory, file)
        for directory in profile.directories
        for file in directory.files
        if (file.write.kid is not None)
        and any(key.kid == file.write.kid and "LOCAL" in key.root for key in directory.keys)
    )
    address = f"{'SSSE' if keyed[0].fid == 0xDDF1 else f'{keyed[0].fid:04X}'}{keyed[1].fid:04X}|$"
    desk = Desk(2, settings=settings)
    assert desk.code("iWriteCard_HSM_Step1", 1, desk.card_info, address) == -27272
    assert desk.code("iWriteCard", 1, desk.card_info, address, "0|$") != 0

# SPDX-License-Identifier: Apache-2.0
"""PIN functions and purchases on each generation and suite, against what they must say."""

from __future__ import annotations

import dataclasses

import pytest

from sscard_chip.profile import for_generation
from sscard_chip.standard.settlement_mode import Split
from sscard_chip.terminal.driver import FUNCTIONS, InterfaceType, PinPrompt
from sscard_chip.terminal.driver.strings import card_info
from tests.bench.desk import (
    CARDS,
    PAY,
    PIN,
    TERMINAL,
    Desk,
    issue,
)
from tests.bench.issued import GENERATIONS, roots
from tests.bench.reference import social as reference
from tests.terminal.calls import OF_VENDORS

KINDS = {1: (1, 3, 4), 2: (1, 3, 4), 3: (1, 2, 3, 4)}
"""The types by which a card with these interfaces is reached."""

# --- PIN -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("generation", "algorithm"), CARDS)
def test_pin_functions(generation: int, algorithm: str) -> None:
    desk = Desk(generation, algorithm)
    kinds = KINDS[generation]
    for kind in kinds:
        assert desk.call("iVerifyPIN", kind) == (0, "")
    desk.typed = [PIN, "24680", "24680"]
    assert desk.call("iChangePIN", kinds[-1]) == (0, "")
    assert desk.prompts[-3:] == [PinPrompt.CURRENT, PinPrompt.NEW, PinPrompt.REPEAT]
    assert desk.code("iVerifyPIN", 1) == -51
    assert desk.call("iUnblockPIN", 1, desk.card_info) == (0, "")
    desk.typed = ["864201", "864201"]
    assert desk.call("iReloadPIN", kinds[-1], desk.card_info) == (0, "")
    desk.pin = "864201"
    assert desk.call("iVerifyPIN", 1) == (0, "")


@pytest.mark.parametrize(("generation", "algorithm"), CARDS)
def test_a_locked_pin_is_unblocked_and_reloaded_with_the_hsm(
    generation: int, algorithm: str
) -> None:
    desk = Desk(generation, algorithm, psam_level=None)
    info = desk.card_info

    def lock() -> None:
        desk.pin = "000000"
        while desk.code("iVerifyPIN", 1) != -52:
            pass

    lock()
    result = desk.with_hsm("iUnblockPIN", 1, info)
    assert (result.code, result.output) == (0, "")
    desk.pin = PIN
    assert desk.code("iVerifyPIN", 1) == 0
    lock()
    desk.pin = "13579086"
    result = desk.with_hsm("iReloadPIN", 1, info)
    assert (result.code, result.output) == (0, "")
    assert desk.code("iVerifyPIN", 1) == 0


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("reload", [True, False])
def test_steps_of_the_pin_services(generation: int, reload: bool) -> None:
    desk = Desk(generation, psam_level=None)
    algorithm = "03" if generation == 3 else "01"
    name = "iReloadPIN" if reload else "iUnblockPIN"
    code, text = desk.call(f"{name}_HSM_Step1", 1, desk.card_info)
    assert (code, text.split("|")[:2]) == (0, [algorithm, "0090"])
    key = desk.hsm.card(desk.driver.division, desk.driver.reset_information).authenticate(text)
    code, text = desk.call(f"{name}_HSM_Step2", key)
    header = ("8424000114" if generation == 3 else "842400010C") if reload else "8424000004"
    fields = text.split("|")
    assert (code, fields[:2], fields[3:]) == (
        0,
        [algorithm, "0173"],
        [header, PIN if reload else "", ""],
    )
    assert desk.prompts == ([PinPrompt.NEW, PinPrompt.REPEAT] if reload else [])


# --- purchases -----------------------------------------------------------------------------------


def tac(desk: Desk, algorithm: str, terminal: str, number: int, amounts: str, time: str) -> str:
    """The TAC as LD/T 32.4 has it, by other code than ours."""
    chain = _chain(desk)
    (key,) = roots().diversify(algorithm, "DTK", 1, [chain])
    what = bytes.fromhex("00000000" + amounts + "32" + terminal + f"{number:08X}" + time)
    return reference.tac(algorithm, key, what).hex().upper()


def _chain(desk: Desk) -> tuple[bytes, bytes, bytes]:
    return (b"510000sh", b"510100sx", desk.card.historical_bytes[-8:])


@pytest.mark.parametrize(("generation", "algorithm"), CARDS)
def test_do_debit_and_its_records(generation: int, algorithm: str) -> None:
    desk = Desk(generation, algorithm)
    code_of_algorithm = "03" if algorithm == "sm4" else "01"
    for number, kind in enumerate(KINDS[generation], 1):
        code, text = desk.call("iDoDebit", kind, desk.card_info, PAY)
        proof = tac(desk, algorithm, TERMINAL, number, "000003E800000320", "20260102030405")
        head = f"{code_of_algorithm}|017F|000003E800000320|32|{TERMINAL}|"
        assert (code, text) == (0, f"{head}{number:08X}|20260102030405|{proof}|")
        assert desk.prompts[-1] is PinPrompt.PAYMENT
    count = len(KINDS[generation])
    record = f"^{TERMINAL}^20260102030405^10.00^8.00^|"
    expected = "".join(f"{number}{record}" for number in reversed(range(count)))
    for kind in KINDS[generation]:
        assert desk.call("iReadDebitRecord", kind) == (0, expected)


@pytest.mark.parametrize(("generation", "algorithm"), CARDS)
def test_do_debit_with_the_hsm(generation: int, algorithm: str) -> None:
    desk = Desk(generation, algorithm, psam_level=None)
    code, request = desk.call("iDoDebit_HSM_Step1", 1, desk.card_info, PAY)
    fields = request.split("|")
    name = "03" if algorithm == "sm4" else "01"
    assert (code, fields[:2], fields[3]) == (0, [name, "017F"], "0000")
    assert fields[4:] == ["000003E800000320", "32", "0" * 12, "20260102030405", ""]
    hsm = desk.hsm.card(desk.driver.division, desk.driver.reset_information)
    code, result = desk.call("iDoDebit_HSM_Step2", hsm.init_debit(request))
    proof = tac(desk, algorithm, "0" * 12, 1, "000003E800000320", "20260102030405")
    assert code == 0
    assert result[9:] == (
        f"{name}|017F|000003E800000320|32|{'0' * 12}|00000001|20260102030405|{proof}|"
    )
    assert hsm.check_debit(request, result)


LOG = [
    ["0007", "1", TERMINAL, "20251231235959", "00002710", "00000000", "00000000"],
    ["0006", "2", TERMINAL, "20251118185001", "000001F4", "0000012C", "000000C8"],
    ["0005", "2", TERMINAL, "20251018185001", "00000000", "000003E8", "000001F4"],
]
"""A load, a purchase of mode 3 (an account amount), one of mode 1 or of mode 3."""


@pytest.mark.parametrize("usage", ["1", "2"])
def test_debit_records_of_all_modes(usage: str) -> None:
    """8F = 2: the three amounts are parts of the bill. A load is no debit."""
    desk = Desk(2, files={"DF04": {"EF05": {"8F": usage}, "EF08": LOG}})
    last = "15.00^5.00" if usage == "2" else "10.00^5.00"
    assert desk.call("iReadDebitRecord", 1) == (
        0,
        f"6^{TERMINAL}^20251118185001^10.00^7.00^|5^{TERMINAL}^20251018185001^{last}^|",
    )


def test_debit_records_of_a_card_with_an_account_alone() -> None:
    profile = for_generation(2, account_only=True)
    log = [record[:5] for record in LOG]
    memory = issue(2, "3des", profile, files={"DF04": {"EF08": log}})
    code, text = Desk(2, memory=memory).call("iReadDebitRecord", 1)
    first, second = (f"6^{TERMINAL}^20251118185001^5.00^5.00^|", "5^")
    assert (code, text[: len(first) + 2]) == (0, first + second)


def test_a_debit_of_mode_3_goes_to_the_card_as_it_is() -> None:
    desk = Desk(2)
    info = card_info(desk.card_info)
    result = desk.driver.debit(InterfaceType.CONTACT, info, Split(500, 300, 200), "20260102030405")
    assert result.mac2_right
    (record,) = desk.driver.read_debit_records(InterfaceType.CONTACT)
    assert dataclasses.astuple(record) == (0, TERMINAL, "20260102030405", 1000, 700)


def test_no_records() -> None:
    assert Desk(2).call("iReadDebitRecord", 1) == (0, "")


def test_the_table_has_all_functions_of_the_standard() -> None:
    steps = {"iReadCardBas": 2, "iReadCard": 2, "iWriteCard": 2, "iDoDebit": 2}
    steps |= {"iReloadPIN": 3, "iUnblockPIN": 3}
    names = {"iVerifyPIN", "iChangePIN", "iReadDebitRecord", *steps}
    names |= {f"{name}_HSM_Step{n}" for name, count in steps.items() for n in range(1, count + 1)}
    assert set(FUNCTIONS) == {*names, *OF_VENDORS}
    assert all(function.name == name for name, function in FUNCTIONS.items())

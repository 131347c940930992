# SPDX-License-Identifier: Apache-2.0
"""The HSM functions played, step by step, with an HSM of ours in the back office's place.

>>> steps = run_with_hsm(driver, Hsm(roots), "iReadCardBas_HSM", 1)
>>> steps[-1].output.split("|")[:3]
['510100', '990000200102030012', 'Z00000013']
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from sscard_chip.terminal.codes import ReturnCode
from sscard_chip.terminal.driver.core import Driver
from sscard_chip.terminal.driver.functions import FUNCTIONS, Parameter
from sscard_chip.terminal.hsm import CardHsm, Hsm

Argument = int | str


@dataclass(frozen=True, slots=True)
class StepResult:
    """What one step gave."""

    function: str
    code: int
    output: str = field(repr=False)


def _basics(card: CardHsm, request: str) -> str:
    return card.hsm.read_card_bas(request)


_PLAYS: Final[dict[str, tuple[Callable[[CardHsm, str], str], ...]]] = {
    "iReadCardBas": (_basics,),
    "iReadCard": (CardHsm.authenticate,),
    "iWriteCard": (CardHsm.authenticate,),
    "iReloadPIN": (CardHsm.authenticate, CardHsm.pin_command),
    "iUnblockPIN": (CardHsm.authenticate, CardHsm.pin_command),
    "iDoDebit": (CardHsm.init_debit,),
}
"""What the HSM does with the output of Step 1, and of Step 2."""

HSM_FUNCTIONS: Final = tuple(f"{name}_HSM" for name in _PLAYS)


def hsm_parameters(name: str) -> tuple[Parameter, ...]:
    """What :func:`run_with_hsm` takes: the parameters of Step 1, of iWriteCard pWriteData too."""
    base = name.removesuffix("_HSM")
    first = FUNCTIONS[f"{base}_HSM_Step1"].parameters
    return first + FUNCTIONS[f"{base}_HSM_Step2"].parameters[1:]


def run_with_hsm(driver: Driver, hsm: Hsm, name: str, *arguments: Argument) -> list[StepResult]:
    """Play all steps of an HSM function, up to the first that does not return 0.

    :param name: ``iReadCard`` or ``iReadCard_HSM``, and so on.
    :param arguments: see :func:`hsm_parameters`.
    :raises HsmError: the HSM refuses. :raises KeyStoreError: it lacks a root key.
    """
    base = name.removesuffix("_HSM")
    count = len(FUNCTIONS[f"{base}_HSM_Step1"].parameters)
    first, rest = arguments[:count], arguments[count:]
    results = [_step(driver, base, 1, *first)]
    try:
        for number, answer in enumerate(_PLAYS[base], 2):
            if results[-1].code != ReturnCode.OK:
                break
            card = hsm.card(driver.division, driver.reset_information)
            key = answer(card, results[-1].output)
            results.append(_step(driver, base, number, key, *rest))
    finally:
        driver.close()
    return results


def _step(driver: Driver, base: str, number: int, *arguments: Argument) -> StepResult:
    function = FUNCTIONS[f"{base}_HSM_Step{number}"]
    return StepResult(function.name, *function.call(driver, *arguments))

# SPDX-License-Identifier: Apache-2.0
"""iHSM_Answer: an HSM with root keys of a test bench, for programs that play the HSM steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sscard_chip.security.keystore import KeyStoreError
from sscard_chip.terminal.codes import DriverError, ReturnCode
from sscard_chip.terminal.driver import Driver, Function, Parameter
from sscard_chip.terminal.hsm import CardHsm, Hsm

_ANSWERS: Final[dict[str, Callable[[CardHsm, str], str]]] = {
    "iReadCard_HSM_Step1": CardHsm.authenticate,
    "iWriteCard_HSM_Step1": CardHsm.authenticate,
    "iReloadPIN_HSM_Step1": CardHsm.authenticate,
    "iReloadPIN_HSM_Step2": CardHsm.pin_command,
    "iUnblockPIN_HSM_Step1": CardHsm.authenticate,
    "iUnblockPIN_HSM_Step2": CardHsm.pin_command,
    "iDoDebit_HSM_Step1": CardHsm.init_debit,
}
"""What the HSM does with the output of a step. That of iReadCardBas names its card itself."""
_BASICS: Final = "iReadCardBas_HSM_Step1"

PARAMETERS: Final = (Parameter("pFunction", str), Parameter("pRequest", str))
NAME: Final = "iHSM_Answer"


def hsm_function(hsm: Hsm | None) -> Function:
    """iHSM_Answer as a function of the driver, between two of its steps.

    Its errors are DriverError: -12 there is no store of root keys, -14 no such step, -23 a wrong
    request, or a root key that the store lacks.
    """

    def run(driver: Driver, step: str, request: str) -> str:
        if hsm is None:
            raise DriverError(ReturnCode.NOT_CONNECTED, "no root keys are configured for the HSM")
        try:
            if step == _BASICS:
                return hsm.read_card_bas(request)
            if step not in _ANSWERS:
                raise DriverError(
                    ReturnCode.PARAMETER, "pFunction: an HSM has no answer to this step"
                )
            card = hsm.card(driver.division, driver.reset_information)
            return _ANSWERS[step](card, request)
        except KeyStoreError as error:
            raise DriverError(ReturnCode.INPUT, str(error)) from None

    return Function(NAME, PARAMETERS, run)

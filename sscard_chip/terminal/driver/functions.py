# SPDX-License-Identifier: Apache-2.0
"""The functions of LD/T 33 by their names: integers and strings in, code and string out.

>>> code, text = FUNCTIONS["iReadCardBas"].call(driver, 1)
>>> code
0

A command line, a C library or a test calls any of them through :data:`FUNCTIONS`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from sscard_chip.reader.faults import describe_fault
from sscard_chip.terminal.codes import Code, DriverError, code_of
from sscard_chip.terminal.driver import strings
from sscard_chip.terminal.driver.basics import PartialBasicsError
from sscard_chip.terminal.driver.core import Driver

_LOG: Final = logging.getLogger(__name__)

SMALL, LARGE = 1024, 20 * 1024
"""Bytes of the caller's buffer for pOutInfo, the final NUL included."""
ENCODING: Final = "gb18030"
"""Coding of strings in programs that are not Python."""

_INT, _TEXT = int, str


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter before pOutInfo: its name in the standard, ``int`` or ``str``."""

    name: str
    type: type[int] | type[str]


@dataclass(frozen=True, slots=True)
class Function:
    """One function. ``long name(parameters…, char *pOutInfo)`` in C.

    ``buffer`` is the size in bytes of the caller's pOutInfo.
    """

    name: str
    parameters: tuple[Parameter, ...]
    run: Callable[..., str]
    buffer: int = SMALL

    def call(self, driver: Driver, *arguments: int | str) -> tuple[int, str]:
        """Return code and pOutInfo. Never raises for anything that a card, a reader or a
        parameter can do; on an error pOutInfo says in one line what it was, without PIN, key
        or holder's data, but for iReadCardBas of a 3.0 card that stayed closed.
        """
        try:
            if len(arguments) != len(self.parameters):
                raise DriverError(Code.PARAMETER, f"{self.name}: wrong number of parameters")
            for value, parameter in zip(arguments, self.parameters, strict=True):
                if not isinstance(value, parameter.type):
                    raise DriverError(Code.PARAMETER, f"{parameter.name}: wrong type")
            text = self.run(driver, *arguments)
            if len(text.encode(ENCODING, "replace")) >= self.buffer:
                raise DriverError(Code.LENGTH, "the answer is longer than pOutInfo")
        except Exception as error:
            return _explain(self.name, error)
        return int(Code.OK), text


def _explain(name: str, error: Exception) -> tuple[int, str]:
    code = int(code_of(error))
    if isinstance(error, PartialBasicsError):
        return code, strings.basics(error.basics)
    if isinstance(error, DriverError) and error.output is not None:
        return code, error.output
    if code == Code.LIBRARY:
        _LOG.error("%s: %s", name, describe_fault(error))
        return code, "internal error"
    return code, str(error)


# --- the functions -------------------------------------------------------------------------------


def _read_card_bas(driver: Driver, kind: int) -> str:
    return strings.basics(driver.read_card_basics(strings.interface(kind)))


def _read_card_bas_1(driver: Driver, kind: int) -> str:
    return strings.basics_request(driver.begin_card_basics(strings.interface(kind)))


def _read_card_bas_2(driver: Driver, key: str) -> str:
    return strings.basics(driver.finish_card_basics(*strings.proofs(key)))


def _read_card(driver: Driver, kind: int, authentication: int, card: str, address: str) -> str:
    return strings.files(
        driver.read_files(
            strings.interface(kind),
            strings.authentication(authentication),
            strings.card_info(card),
            strings.file_addresses(address),
        )
    )


def _read_card_1(driver: Driver, kind: int, card: str, address: str) -> str:
    request = driver.begin_read(
        strings.interface(kind), strings.card_info(card), strings.file_addresses(address)
    )
    return strings.proof_request(request)


def _read_card_2(driver: Driver, key: str) -> str:
    return strings.files(driver.finish_read(strings.proof(key)))


def _write_card(driver: Driver, kind: int, card: str, address: str, data: str) -> str:
    addresses = strings.file_addresses(address)
    driver.write_files(
        strings.interface(kind), strings.card_info(card), strings.file_values(data, addresses)
    )
    return ""


def _write_card_1(driver: Driver, kind: int, card: str, address: str) -> str:
    request = driver.begin_write(
        strings.interface(kind), strings.card_info(card), strings.file_addresses(address)
    )
    return strings.proof_request(request)


def _write_card_2(driver: Driver, key: str, data: str) -> str:
    driver.finish_write(strings.proof(key), strings.write_data(data))
    return ""


def _verify_pin(driver: Driver, kind: int) -> str:
    driver.verify_pin(strings.interface(kind))
    return ""


def _change_pin(driver: Driver, kind: int) -> str:
    driver.change_pin(strings.interface(kind))
    return ""


def _reload_pin(driver: Driver, kind: int, card: str) -> str:
    driver.reload_pin(strings.interface(kind), strings.card_info(card))
    return ""


def _unblock_pin(driver: Driver, kind: int, card: str) -> str:
    driver.unblock_pin(strings.interface(kind), strings.card_info(card))
    return ""


def _pin_step_1(*, reload: bool) -> Callable[[Driver, int, str], str]:
    def step(driver: Driver, kind: int, card: str) -> str:
        request = driver.begin_pin_service(
            strings.interface(kind), strings.card_info(card), reload=reload
        )
        return strings.proof_request(request)

    return step


def _pin_step_2(*, reload: bool) -> Callable[[Driver, str], str]:
    def step(driver: Driver, key: str) -> str:
        request = driver.authorise_pin_service(strings.proof(key), reload=reload)
        return strings.command_request(request)

    return step


def _pin_step_3(*, reload: bool) -> Callable[[Driver, str], str]:
    def step(driver: Driver, key: str) -> str:
        driver.finish_pin_service(strings.command(key), reload=reload)
        return ""

    return step


def _do_debit(driver: Driver, kind: int, card: str, pay: str) -> str:
    result = driver.debit(strings.interface(kind), strings.card_info(card), *strings.pay_info(pay))
    text = strings.debit_result(result)
    if result.mac2_right is False:
        # The card has paid and is suspect: the caller needs both the code and the TAC.
        raise DriverError(Code.MAC_WRONG, "MAC2 of the card is wrong", text)
    return text


def _do_debit_1(driver: Driver, kind: int, card: str, pay: str) -> str:
    request = driver.begin_debit(
        strings.interface(kind), strings.card_info(card), *strings.pay_info(pay)
    )
    return strings.debit_request(request)


def _do_debit_2(driver: Driver, key: str) -> str:
    return strings.debit_result(driver.finish_debit(*strings.debit_key(key)), with_mac2=True)


def _read_debit_record(driver: Driver, kind: int) -> str:
    return strings.debit_records(driver.read_debit_records(strings.interface(kind)))


def _read_pboc_account(driver: Driver, kind: int) -> str:
    return strings.bank_account(driver.read_bank_account(strings.interface(kind)))


_KIND: Final = Parameter("iType", _INT)
_CARD: Final = Parameter("pCardInfo", _TEXT)
_ADDRESS: Final = Parameter("pFileAddr", _TEXT)
_DATA: Final = Parameter("pWriteData", _TEXT)
_PAY: Final = Parameter("pPayInfo", _TEXT)
_KEY: Final = Parameter("pKey", _TEXT)


def _row(
    name: str, run: Callable[..., Any], *parameters: Parameter, buffer: int = SMALL
) -> tuple[str, Function]:
    return name, Function(name, parameters, run, buffer)


# LD/T 33. Which parameters Step 1 and 2 of reading and writing take is not printed beyond "as
# the function itself"; these are what the strings they must give and get leave open [M].
FUNCTIONS: Final[dict[str, Function]] = dict(
    (
        _row("iReadCardBas", _read_card_bas, _KIND),
        _row("iReadCardBas_HSM_Step1", _read_card_bas_1, _KIND),
        _row("iReadCardBas_HSM_Step2", _read_card_bas_2, _KEY),
        _row(
            "iReadCard",
            _read_card,
            _KIND,
            Parameter("iAuthType", _INT),
            _CARD,
            _ADDRESS,
            buffer=LARGE,
        ),
        _row("iReadCard_HSM_Step1", _read_card_1, _KIND, _CARD, _ADDRESS),
        _row("iReadCard_HSM_Step2", _read_card_2, _KEY, buffer=LARGE),
        _row("iWriteCard", _write_card, _KIND, _CARD, _ADDRESS, _DATA),
        _row("iWriteCard_HSM_Step1", _write_card_1, _KIND, _CARD, _ADDRESS),
        _row("iWriteCard_HSM_Step2", _write_card_2, _KEY, _DATA),
        _row("iVerifyPIN", _verify_pin, _KIND),
        _row("iChangePIN", _change_pin, _KIND),
        _row("iReloadPIN", _reload_pin, _KIND, _CARD),
        _row("iReloadPIN_HSM_Step1", _pin_step_1(reload=True), _KIND, _CARD),
        _row("iReloadPIN_HSM_Step2", _pin_step_2(reload=True), _KEY),
        _row("iReloadPIN_HSM_Step3", _pin_step_3(reload=True), _KEY),
        _row("iUnblockPIN", _unblock_pin, _KIND, _CARD),
        _row("iUnblockPIN_HSM_Step1", _pin_step_1(reload=False), _KIND, _CARD),
        _row("iUnblockPIN_HSM_Step2", _pin_step_2(reload=False), _KEY),
        _row("iUnblockPIN_HSM_Step3", _pin_step_3(reload=False), _KEY),
        _row("iDoDebit", _do_debit, _KIND, _CARD, _PAY),
        _row("iDoDebit_HSM_Step1", _do_debit_1, _KIND, _CARD, _PAY),
        _row("iDoDebit_HSM_Step2", _do_debit_2, _KEY),
        _row("iReadDebitRecord", _read_debit_record, _KIND, buffer=LARGE),
        _row("iReadPBOCAccount", _read_pboc_account, _KIND),
    )
)
"""Every function of the interface (LD/T 33) by its name; those of an HSM stand apart."""

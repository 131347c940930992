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
from functools import partial
from typing import Any, Final

from sscard_chip.faults import describe_fault
from sscard_chip.standard.text import encode_text
from sscard_chip.terminal.codes import DriverError, ReturnCode, code_of
from sscard_chip.terminal.driver import strings
from sscard_chip.terminal.driver.basics import PartialBasicsError
from sscard_chip.terminal.driver.core import Driver
from sscard_chip.terminal.driver.values import CardInfo, DebitResult, FileAddress, InterfaceType

_LOG: Final = logging.getLogger(__name__)

SMALL, LARGE = 1024, 20 * 1024
"""Bytes of the caller's buffer for pOutInfo, the final NUL included."""


def _unchanged(value: Any) -> Any:
    return value


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter before pOutInfo: its name in the standard, ``int`` or ``str``.

    ``parse`` makes the driver's argument of it; a tuple is several arguments.
    """

    name: str
    type: type[int] | type[str]
    parse: Callable[[Any], Any] = _unchanged


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
                raise DriverError(ReturnCode.PARAMETER, f"{self.name}: wrong number of parameters")
            for value, parameter in zip(arguments, self.parameters, strict=True):
                if not isinstance(value, parameter.type):
                    raise DriverError(ReturnCode.PARAMETER, f"{parameter.name}: wrong type")
            text = self.run(driver, *arguments)
            if len(encode_text(text)) >= self.buffer:
                raise DriverError(ReturnCode.LENGTH, "the answer is longer than pOutInfo")
        except Exception as error:
            return _explain(self.name, error)
        return int(ReturnCode.OK), text


def _explain(name: str, error: Exception) -> tuple[int, str]:
    code = int(code_of(error))
    if isinstance(error, PartialBasicsError):
        return code, strings.basics(error.basics)
    if isinstance(error, DriverError) and error.output is not None:
        return code, error.output
    if code == ReturnCode.LIBRARY:
        _LOG.error("%s: %s", name, describe_fault(error))
        return code, "internal error"
    return code, str(error)


# --- the functions -------------------------------------------------------------------------------


def _write_card(
    driver: Driver, kind: InterfaceType, card: CardInfo, addresses: list[FileAddress], data: str
) -> None:
    driver.write_files(kind, card, strings.file_values(data, addresses))


def _debit_text(result: DebitResult) -> str:
    text = strings.debit_result(result)
    if result.mac2_right is False:
        # The card has paid and is suspect: the caller needs both the code and the TAC.
        raise DriverError(ReturnCode.MAC_WRONG, "MAC2 of the card is wrong", text)
    return text


def _nothing(_result: None) -> str:
    return ""


_KIND: Final = Parameter("iType", int, strings.interface)
_AUTHENTICATION: Final = Parameter("iAuthType", int, strings.authentication)
_CARD: Final = Parameter("pCardInfo", str, strings.card_info)
_ADDRESS: Final = Parameter("pFileAddr", str, strings.file_addresses)
_CONTENT: Final = Parameter("pWriteData", str)
_VALUES: Final = Parameter("pWriteData", str, strings.write_data)
_PAY: Final = Parameter("pPayInfo", str, strings.pay_info)
_PROOF, _PROOFS, _COMMAND, _DEBIT_KEY = (
    Parameter("pKey", str, parse)
    for parse in (strings.proof, strings.proofs, strings.command, strings.debit_key)
)


def _row(
    name: str,
    method: Callable[..., Any],
    *parameters: Parameter,
    answer: Callable[[Any], str] = _nothing,
    buffer: int = SMALL,
) -> tuple[str, Function]:
    """A function that calls ``method`` of the driver; ``answer`` makes pOutInfo of the result."""

    def run(driver: Driver, *arguments: int | str) -> str:
        values: list[Any] = []
        for parameter, argument in zip(parameters, arguments, strict=True):
            value = parameter.parse(argument)
            values += value if isinstance(value, tuple) else (value,)
        return answer(method(driver, *values))

    return name, Function(name, parameters, run, buffer)


def _pin_rows(name: str, method: Callable[..., Any], *, reload: bool) -> list[tuple[str, Function]]:
    """A PIN service with the PSAM, and its three steps with an HSM."""
    begin = partial(Driver.begin_pin_service, reload=reload)
    authorise = partial(Driver.authorise_pin_service, reload=reload)
    finish = partial(Driver.finish_pin_service, reload=reload)
    return [
        _row(name, method, _KIND, _CARD),
        _row(f"{name}_HSM_Step1", begin, _KIND, _CARD, answer=strings.proof_request),
        _row(f"{name}_HSM_Step2", authorise, _PROOF, answer=strings.command_request),
        _row(f"{name}_HSM_Step3", finish, _COMMAND),
    ]


_USER_PIN, _IN_DATA = Parameter("pUserPin", str), Parameter("pInData", str)
_SIGNED: Final = (
    _USER_PIN,
    *(Parameter(name, str) for name in ("pCert", "pClearText", "pSignature")),
)
_ANSWER: Final = tuple(
    Parameter(name, str) for name in ("pQMZS", "pJMZS", "pJMMY", "pGLYPIN", "pZKMY")
)
_FILES: Final = (_KIND, _CARD, _ADDRESS)
_PAID: Final = partial(strings.debit_result, with_mac2=True)

# LD/T 33. Which parameters Step 1 and 2 of reading and writing take is not printed beyond "as
# the function itself"; these are what the strings they must give and get leave open [M].
FUNCTIONS: Final[dict[str, Function]] = dict(
    (
        _row("iReadCardBas", Driver.read_card_basics, _KIND, answer=strings.basics),
        _row(
            "iReadCardBas_HSM_Step1",
            Driver.begin_card_basics,
            _KIND,
            answer=strings.basics_request,
        ),
        _row("iReadCardBas_HSM_Step2", Driver.finish_card_basics, _PROOFS, answer=strings.basics),
        _row(
            "iReadCard",
            Driver.read_files,
            *(_KIND, _AUTHENTICATION, _CARD, _ADDRESS),
            answer=strings.files,
            buffer=LARGE,
        ),
        _row("iReadCard_HSM_Step1", Driver.begin_read, *_FILES, answer=strings.proof_request),
        _row("iReadCard_HSM_Step2", Driver.finish_read, _PROOF, answer=strings.files, buffer=LARGE),
        _row("iWriteCard", _write_card, *_FILES, _CONTENT),
        _row("iWriteCard_HSM_Step1", Driver.begin_write, *_FILES, answer=strings.proof_request),
        _row("iWriteCard_HSM_Step2", Driver.finish_write, _PROOF, _VALUES),
        _row("iVerifyPIN", Driver.verify_pin, _KIND),
        _row("iChangePIN", Driver.change_pin, _KIND),
        *_pin_rows("iReloadPIN", Driver.reload_pin, reload=True),
        *_pin_rows("iUnblockPIN", Driver.unblock_pin, reload=False),
        _row("iDoDebit", Driver.debit, _KIND, _CARD, _PAY, answer=_debit_text),
        _row(
            "iDoDebit_HSM_Step1",
            Driver.begin_debit,
            *(_KIND, _CARD, _PAY),
            answer=strings.debit_request,
        ),
        _row("iDoDebit_HSM_Step2", Driver.finish_debit, _DEBIT_KEY, answer=_PAID),
        _row(
            "iReadDebitRecord",
            Driver.read_debit_records,
            _KIND,
            answer=strings.debit_records,
            buffer=LARGE,
        ),
        _row("iReadPBOCAccount", Driver.read_bank_account, _KIND, answer=strings.bank_account),
        _row(
            "PKI_SignData",
            Driver.sign_text,
            *(_USER_PIN, _IN_DATA, _KIND),
            answer=strings.signature,
        ),
        _row("PKI_VerifySign", Driver.verify_text, *_SIGNED, _KIND),
        _row("iReadSignatureKey", Driver.read_signature_key, _KIND, answer=strings.public_key),
        _row("iWriteCA", Driver.write_certificates, _KIND, *_ANSWER),
    )
)
"""Every function of the interface (LD/T 33) by its name; those of an HSM stand apart."""

# SPDX-License-Identifier: Apache-2.0
"""HeaSecReadInfo: the library of the medical insurance (读卡动态库) of many provinces.

Names, order and buffers agree in several public programs [H]; no code table is published, so
codes are those of LD/T 33 [L], and the text is in the first buffer.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any, Final

from sscard_chip.terminal.codes import DriverError, ReturnCode
from sscard_chip.terminal.driver import Parameter
from sscard_chip.terminal.driver.values import InterfaceType
from sscard_driver.exports import Export, Out
from sscard_driver.families import credential, identity
from sscard_driver.families.common import answering, read_card, settings_of
from sscard_driver.program import CallingProgram, InitSettings

_LOG: Final = logging.getLogger(__name__)

LIBRARY: Final = "HeaSecReadInfo"
_TIMEOUT_S: Final = 60.0
_LOG_LEVELS: Final = 3
_DATABASE_PASSWORD: Final = "2"


@answering
def initialise(program: CallingProgram, text: str) -> tuple[str, ...]:
    """Init: a JSON object. Names that are missing or unknown do not matter.

    ``TIMEOUT`` seconds and ``EC_URL`` are for the electronic credential, ``CARD_PASSTYPE`` 2
    says that a database has the PIN. ``IP`` and ``PORT`` are of the centre's own box and unused,
    as the terminal here has PSAM or root keys itself.
    """
    program.settings.pop(LIBRARY, None)
    options = json_object("pInitInfo", text)
    log = options.get("LOG_PATH")
    if isinstance(log, str) and log and not _is_good_folder(log):
        _LOG.warning("Init: LOG_PATH must be ASCII without spaces, at most three levels")
    url = options.get("EC_URL")
    program.settings[LIBRARY] = InitSettings(
        url=url if isinstance(url, str) else "",
        timeout_s=_seconds(options.get("TIMEOUT")),
        card_pin=str(options.get("CARD_PASSTYPE", "")) != _DATABASE_PASSWORD,
    )
    return ("",)


@answering
def read_card_bas(program: CallingProgram) -> tuple[str, ...]:
    """ReadCardBas: the eleven fields of iReadCardBas, and the string signed by the centre."""
    settings_of(program, LIBRARY)
    return read_card(program)


@answering
def verify_pin(program: CallingProgram) -> tuple[str, ...]:
    """VerifyPIN: the PIN is typed at the pad."""
    with_card_pin(settings_of(program, LIBRARY))
    with program.use() as terminal:
        terminal.driver.verify_pin(InterfaceType.CONTACT_FIRST)
    return ("",)


@answering
def change_pin(program: CallingProgram) -> tuple[str, ...]:
    """ChangePIN: the old PIN and twice the new one are typed at the pad."""
    with_card_pin(settings_of(program, LIBRARY))
    with program.use() as terminal:
        terminal.driver.change_pin(InterfaceType.CONTACT_FIRST)
    return ("",)


@answering
def read_sfz(program: CallingProgram, path: str) -> tuple[str, ...]:
    """ReadSFZ: the nine fields of an identity card; its picture into the file ``path``."""
    settings_of(program, LIBRARY)
    return identity.read(program, path)


def ec_query(program: CallingProgram, request: str) -> tuple[int, tuple[str, ...]]:
    """EcQuery: a request of NationEcTrans, to the service that Init or the options name."""
    try:
        settings = settings_of(program, LIBRARY)
    except DriverError as error:
        return error.code, (credential.failure(error.code, str(error)),)
    return credential.exchange(program, settings.url, request, settings.timeout_s)


@answering
def get_person_info(program: CallingProgram, request: str) -> tuple[str, ...]:
    """GetPersonInfo: whose card, identity card or credential is there.

    Its JSON is not public [L]: ``mdtrt_cert_type`` 01 electronic credential, 02 identity card,
    03 social security card or nothing; the answer has what goes into 1101.
    """
    settings = settings_of(program, LIBRARY)
    kind = str(json_object("pInData", request).get("mdtrt_cert_type") or "03")
    if kind not in _MEDIA:
        raise DriverError(ReturnCode.PARAMETER, "pInData: mdtrt_cert_type must be 01, 02 or 03")
    person = {"mdtrt_cert_type": kind, **_MEDIA[kind](program, settings)}
    return (json.dumps(person, ensure_ascii=False, separators=(",", ":")),)


def _by_credential(program: CallingProgram, settings: InitSettings) -> dict[str, str]:
    data = credential.person(program, settings.url, settings.timeout_s)
    return {
        "mdtrt_cert_no": data.get("ecToken", ""),
        "psn_name": data.get("userName", ""),
        "certno": data.get("idNo", ""),
    }


def _by_identity_card(program: CallingProgram, _settings: InitSettings) -> dict[str, str]:
    fields, business = identity.read(program, "")
    name, _, _, _, _, number, *_ = fields.split("|")
    return {"mdtrt_cert_no": number, "psn_name": name, "certno": number, "busi_info": business}


def _by_card(program: CallingProgram, _settings: InitSettings) -> dict[str, str]:
    text, business = read_card(program)
    _, certno, number, _, name, *_ = text.split("|")
    return {
        "mdtrt_cert_no": f"{number}|{business}",
        "psn_name": name,
        "certno": certno,
        "busi_info": business,
    }


_MEDIA: Final[dict[str, Callable[[CallingProgram, InitSettings], dict[str, str]]]] = {
    "01": _by_credential,
    "02": _by_identity_card,
    "03": _by_card,
}


def json_object(name: str, text: str) -> dict[str, Any]:
    """A JSON object of a parameter.

    :raises DriverError: -14.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise DriverError(ReturnCode.PARAMETER, f"{name}: must be a JSON object")
    return value


def with_card_pin(settings: InitSettings) -> None:
    """Whether VerifyPIN and ChangePIN are for the card.

    :raises DriverError: -14, Init has said that the PIN is in a database.
    """
    if not settings.card_pin:
        text = "CARD_PASSTYPE 2: a database has the PIN, which is the centre's to check"
        raise DriverError(ReturnCode.PARAMETER, text)


def _seconds(value: object) -> float:
    try:
        seconds = float(str(value))
    except ValueError:
        return _TIMEOUT_S
    return seconds if 0 < seconds <= 600 else _TIMEOUT_S


def _is_good_folder(path: str) -> bool:
    parts = [part for part in path.replace("\\", "/").split("/") if part and part != "."]
    levels = len(parts) - (parts[:1] != [] and parts[0].endswith(":"))
    return path.isascii() and " " not in path and levels <= _LOG_LEVELS


_ERR = Out("pErrMsg", 2048)
_TEXT = Out("pOutBuff", 1024)

ROWS: Final = (
    (Export("Init", (Parameter("pInitInfo", str),), (_ERR,)), initialise),
    (
        Export("ReadCardBas", (), (Out("pCardInfo", 2048), Out("pBusiCardInfo", 8192))),
        read_card_bas,
    ),
    (Export("VerifyPIN", (), (_TEXT,)), verify_pin),
    (Export("ChangePIN", (), (_TEXT,)), change_pin),
    (
        Export(
            "ReadSFZ",
            (Parameter("pPath", str),),
            (_TEXT, Out("pOutBusiBuff", 8192)),
            optional=frozenset({"pPath"}),
        ),
        read_sfz,
    ),
    (Export("EcQuery", (Parameter("pInData", str),), (Out("pOutData", 8192),)), ec_query),
    (
        Export("GetPersonInfo", (Parameter("pInData", str),), (Out("pOutData", 8192),)),
        get_person_info,
    ),
)
"""The exports, with the buffers that public programs give, and what answers."""

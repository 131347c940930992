# SPDX-License-Identifier: Apache-2.0
"""SSCard: the library of Guangdong, Hunan and others, with the sizes of its buffers as parameters.

Its second string, ``sign``, goes on as ``hcard_chkinfo``. The names with GZ are those of one
city; their parameters are those of the functions that they stand for [L].
"""

from __future__ import annotations

import json
from typing import Final

from sscard_chip.dayfile.business_string import NO_CARD
from sscard_chip.terminal.driver import Parameter
from sscard_chip.terminal.driver.values import InterfaceType
from sscard_driver.exports import Export, Out
from sscard_driver.families import credential, identity
from sscard_driver.families.common import answering, read_card, settings_of, sign
from sscard_driver.program import CallingProgram, InitSettings

LIBRARY: Final = "SSCard"


@answering
def initialise(program: CallingProgram, url: str, _user: str) -> tuple[str, ...]:
    """Init: address of the electronic credential's service; its user has no meaning here."""
    program.settings[LIBRARY] = InitSettings(url=url)
    return ()


@answering
def read_card_bas(program: CallingProgram) -> tuple[str, ...]:
    """ReadCardBas: the eleven fields of iReadCardBas, and the string signed by the centre."""
    settings_of(program, LIBRARY)
    return read_card(program)


@answering
def get_qr_base(program: CallingProgram, timeout_ms: int) -> tuple[str, ...]:
    """GetQRBase: a QR code is read, and the centre says whose it is (JSON) [L]."""
    seconds = min(max(timeout_ms, 0), 600_000) / 1000
    data = credential.person(program, settings_of(program, LIBRARY).url, seconds)
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return text, sign(program, NO_CARD, data.get("idNo", "")) if data.get("idNo") else ""


@answering
def read_sfz(program: CallingProgram) -> tuple[str, ...]:
    """ReadSFZ: the nine fields of an identity card."""
    settings_of(program, LIBRARY)
    return identity.read(program, "")


@answering
def verify_pin(program: CallingProgram) -> tuple[str, ...]:
    """VerifyPIN: the PIN is typed at the pad."""
    settings_of(program, LIBRARY)
    with program.use() as terminal:
        terminal.driver.verify_pin(InterfaceType.CONTACT_FIRST)
    return ("",)


@answering
def change_pin(program: CallingProgram) -> tuple[str, ...]:
    """ChangePIN: the old PIN and twice the new one are typed at the pad."""
    settings_of(program, LIBRARY)
    with program.use() as terminal:
        terminal.driver.change_pin(InterfaceType.CONTACT_FIRST)
    return ("",)


_URL, _USER = Parameter("pUrl", str), Parameter("pUser", str)
_TIMEOUT: Final = (Parameter("nTimeout", int),)
_OUT: Final = Out("pOut", length="nOutLen")
_BOTH: Final = (_OUT, Out("pSign", length="nSignLen"))

ROWS: Final = (
    (
        Export("Init", (_URL, _USER), result="int", optional=frozenset({"pUrl", "pUser"})),
        initialise,
    ),
    (Export("ReadCardBas", (), _BOTH, "int"), read_card_bas),
    (Export("GetQRBase", _TIMEOUT, _BOTH, "int"), get_qr_base),
    (Export("ReadSFZ", (), _BOTH, "int"), read_sfz),
    (Export("VerifyPIN", (), (_OUT,), "int"), verify_pin),
    (Export("ChangePIN", (), (_OUT,), "int"), change_pin),
    (Export("ReadCardBasGZ", (), _BOTH, "int"), read_card_bas),
    (Export("ReadMedicalCardGZ", (), _BOTH, "int"), read_card_bas),
    (Export("ReadIDCardGZ", (), _BOTH, "int"), read_sfz),
    (Export("GetTwoBarCodes", _TIMEOUT, _BOTH, "int"), get_qr_base),
)
"""The exports and what answers."""

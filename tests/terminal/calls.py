# SPDX-License-Identifier: Apache-2.0
"""Good arguments for every function of LD/T 33."""

from __future__ import annotations

from typing import Final

from sscard_chip.terminal.driver import FUNCTIONS
from tests.bench.desk import PAY, Desk

KEY: Final = "0" * 32
READ: Final = "DF01EF05|21|$"
OF_VENDORS: Final = (
    "iReadPBOCAccount",
    "PKI_SignData",
    "PKI_VerifySign",
    "iReadSignatureKey",
    "iWriteCA",
)
"""Those that need more than every card has: a bank account, or certificates."""
_CERTIFICATES: Final = ("pCert", "pSignature", "pQMZS", "pJMZS", "pJMMY", "pGLYPIN", "pZKMY")
FIRST: Final = [
    name for name in FUNCTIONS if not name.endswith(("Step2", "Step3")) and name not in OF_VENDORS
]
LATER: Final = [name for name in FUNCTIONS if name not in (*FIRST, *OF_VENDORS)]


def arguments(desk: Desk, name: str) -> list[int | str]:
    """Good arguments for a function that is no later step."""
    values: dict[str, int | str] = {
        "iType": 1,
        "iAuthType": 1,
        "pCardInfo": desk.card_info,
        "pFileAddr": "DF03EF07|6C|$",
        "pWriteData": "20600101|$",
        "pPayInfo": PAY,
        "pKey": KEY,
        "pUserPin": "123456",
        "pInData": "text",
        "pClearText": "text",
        **dict.fromkeys(_CERTIFICATES, "AA=="),
    }
    return [values[parameter.name] for parameter in FUNCTIONS[name].parameters]

# SPDX-License-Identifier: Apache-2.0
"""iReadSignatureKey, PKI_SignData and PKI_VerifySign through C."""

from __future__ import annotations

import base64
import sys
from pathlib import Path

from issuance.pki import PkiAuthority
from sscard_chip.security.sm2 import Sm2PublicKey
from tests.native.native import Native, environment, execute
from tests.pki.test_driver import SIGNED, TEXT, delivered, whole_card

_HOST = """
import ctypes, sys
library = ctypes.CDLL(sys.argv[1])
out = ctypes.create_string_buffer(1024)
pin, text = b"123456", sys.argv[2].encode("gb18030")
for name in ("iReadSignatureKey", "PKI_SignData", "PKI_VerifySign"):
    getattr(library, name).restype = ctypes.c_long
print(library.iReadSignatureKey(1, out), out.value.decode())
print(library.PKI_SignData(pin, text, 1, out), out.value.decode())
print(library.PKI_VerifySign(b"", sys.argv[3].encode(), text, out.value, 1, out))
"""


def test_from_c(native: Native, tmp_path: Path) -> None:
    card = whole_card()
    key, certificate = delivered(card, PkiAuthority.create())
    card.save(tmp_path / "card.ssc")
    host = [sys.executable, "-c", _HOST, str(native.library), TEXT, certificate]
    told = execute(host, environment({"card": str(tmp_path / "card.ssc")})).decode().splitlines()
    assert told[0] == f"0 {key}|"
    code, _, signature = told[1].partition(" ")
    assert code == "0"
    value = base64.b64decode(signature[:-1])
    assert Sm2PublicKey(bytes.fromhex(key)).verify(SIGNED, value)
    assert told[2] == "0"

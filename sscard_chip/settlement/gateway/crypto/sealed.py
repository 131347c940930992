# SPDX-License-Identifier: Apache-2.0
"""Opening enciphered and signed bodies, and closing the answers in the same way."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from typing import Any, Final

from sscard_chip.settlement.gateway.crypto.forms import (
    GatewayCryptoError,
    public_key,
    secret_key,
    signature,
    unbase64,
)
from sscard_chip.settlement.gateway.crypto.sm4 import application_key, decipher, encipher
from sscard_chip.settlement.gateway.crypto.text import as_written, signed_text, sorted_json
from sscard_chip.settlement.gateway.secrets import ApplicationKeys, ClientKeys

_VERSION: Final = "2.0.1"


class ApplicationBox:
    """Bodies of an application (4.3 a): encData and signData.

    :raises GatewayCryptoError: a key is none.
    """

    def __init__(self, keys: ApplicationKeys) -> None:
        self._app_id = keys.app_id
        self._secret = keys.app_secret
        self._key = application_key(keys.app_id, keys.app_secret)
        self._program = public_key(keys.program_key)
        self._centre = secret_key(keys.centre_key) if keys.centre_key else None

    def open(self, message: Mapping[str, Any]) -> Any:
        """The data of a message whose signature is the program's.

        :raises GatewayCryptoError: it is not enciphered, or not signed.
        """
        for name in ("encData", "signData"):
            if not isinstance(message.get(name), str):
                raise GatewayCryptoError(f"{name}: is missing")
        try:
            content = bytes.fromhex(message["encData"])
        except ValueError:
            raise GatewayCryptoError("encData: must be hex") from None
        plain = decipher(self._key, content, "encData")
        try:
            data, written = json.loads(plain), as_written(plain)
        except (ValueError, RecursionError):
            raise GatewayCryptoError("encData: holds no JSON") from None
        given = signature(message["signData"], "signData")
        text = signed_text(message, written, self._secret)
        if not self._program.verify(text.encode("utf-8", "surrogatepass"), given):
            raise GatewayCryptoError("signData: does not agree: sscard settle explain says why")
        return data

    def close(self, code: str, text: str, data: Any) -> dict[str, Any]:
        """An answer: ``data`` enciphered, and signed where the centre has a key."""
        answer: dict[str, Any] = {
            "appId": self._app_id,
            "code": code,
            "message": text,
            "encType": "SM4",
            "signType": "SM2",
            "timestamp": str(int(time.time() * 1000)),
            "version": _VERSION,
        }
        plain = sorted_json(data)
        answer["encData"] = encipher(self._key, plain.encode()).hex().upper()
        if self._centre is not None:
            signed = signed_text(answer, json.loads(plain), self._secret)
            answer["signData"] = base64.b64encode(self._centre.sign(signed.encode())).decode()
        return answer


class ClientBox:
    """FSI bodies of a client (4.3 b): ``input`` enciphered, ``cainfo`` its signature.

    :raises GatewayCryptoError: a key is none.
    """

    def __init__(self, keys: ClientKeys) -> None:
        self._key = keys.client_id.encode()
        self._program = public_key(keys.program_key)
        self._centre = secret_key(keys.centre_key) if keys.centre_key else None

    def open(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """The message with its ``input`` in the clear.

        :raises GatewayCryptoError: it is not enciphered, or not signed.
        """
        if not isinstance(message.get("input"), str):
            raise GatewayCryptoError("input: must be Base64 of SM4")
        content = decipher(self._key, unbase64(message["input"], "input"), "input")
        cainfo = message.get("cainfo")
        if not isinstance(cainfo, str) or not cainfo:
            raise GatewayCryptoError("cainfo: is missing")
        if not self._program.verify(content, signature(cainfo, "cainfo")):
            raise GatewayCryptoError("cainfo: does not agree: sscard settle explain says why")
        try:
            node = json.loads(content)
        except (ValueError, RecursionError):
            raise GatewayCryptoError("input: holds no JSON") from None
        return {**message, "input": node, "cainfo": ""}

    def close(self, answer: Mapping[str, Any]) -> dict[str, Any]:
        """The answer with its ``output`` enciphered, and signed where the centre has a key."""
        plain = json.dumps(answer.get("output"), ensure_ascii=False, separators=(",", ":")).encode()
        cainfo = base64.b64encode(self._centre.sign(plain)).decode() if self._centre else ""
        output = base64.b64encode(encipher(self._key, plain)).decode()
        return {**answer, "output": output, "cainfo": cainfo, "enctype": "SM4", "signtype": "SM2"}
